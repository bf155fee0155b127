"""What ails an NVIDIA GPU that still answers.

Sources: NVIDIA's "GPU Memory Error Management" (row remapping, recovery actions) and "Dynamic Page
Retirement". Cards without error correction tell nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from xinf.device.nvml import Nvml

# NVML_FI_DEV_GET_GPU_RECOVERY_ACTION, known to drivers from 2024 on.
RECOVERY_ACTION = 230
_ACTIONS: Mapping[int, str] = MappingProxyType(
    {
        1: "the driver asks for a reset: end what runs on it, then `nvidia-smi --gpu-reset`",
        2: "the driver asks for a reboot of the machine",
        3: "the driver asks to end what copies between GPUs, then to reset it",
        4: "the driver asks to start nothing new on it, and to reset it when it is empty",
        7: "the driver asks for a reboot of the machine",
    }
)


def ailment(nvml: Nvml, handle: object) -> str:
    """What is to be done about the card, in words; empty for a card that is well."""
    return "; ".join(_ailments(nvml, handle))


def _ailments(nvml: Nvml, handle: object) -> Iterator[str]:
    action = _recovery_action(nvml, handle)
    if action:
        yield _ACTIONS.get(action, f"the driver asks for recovery (action {action})")
    rows = nvml.perhaps("nvmlDeviceGetRemappedRows", handle)
    if rows:
        _, _, is_pending, has_failed = rows
        if has_failed:
            yield "a row of its memory is broken and could not be replaced: have the card examined"
        if is_pending:
            yield "rows of its memory are replaced at the next reset, and it goes on until then"
    if nvml.perhaps("nvmlDeviceGetRetiredPagesPendingStatus", handle):
        yield "pages of its memory are retired when the driver is loaded anew; reboot"


def _recovery_action(nvml: Nvml, handle: object) -> int:
    values: Any = nvml.perhaps("nvmlDeviceGetFieldValues", handle, [RECOVERY_ACTION])
    if values is None or values[0].nvmlReturn != 0:
        return 0
    return int(values[0].value.uiVal)
