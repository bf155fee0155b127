from __future__ import annotations

import pytest

from tests.support.nvml import RTX_5090, Driver
from tests.support.nvml.watch import Watch
from xinf.core.nodes import DeviceProcess
from xinf.core.units import GIB, MIB
from xinf.device.nvml_processes import UNACCOUNTED_MAX, are_hidden

COMPUTE = "nvmlDeviceGetComputeRunningProcesses_v3"
GRAPHICS = "nvmlDeviceGetGraphicsRunningProcesses_v3"
PROCESS = f"process|{RTX_5090.uuid}|compute|300|2048|python3"


def test_who_is_listed_with_all_that_is_used_hides_nobody() -> None:
    assert not are_hidden([DeviceProcess(1, "a", 2 * GIB), DeviceProcess(2, "b", GIB)], 3 * GIB)
    assert not are_hidden([], UNACCOUNTED_MAX)


def test_memory_that_nobody_holds_is_held_by_somebody_who_is_not_told() -> None:
    assert are_hidden([], 2 * GIB)
    assert are_hidden([DeviceProcess(1, "ours", 10 * GIB)], 25 * GIB)
    # Where the driver names processes and not what they hold.
    assert are_hidden([DeviceProcess(1, "somebody", 0)], 2 * GIB)


def test_a_driver_that_does_not_tell_hides_them_even_on_an_empty_card() -> None:
    assert are_hidden(None, 0)


@pytest.mark.parametrize(
    ("used", "extra", "hidden"),
    [
        (0, (), False),
        (2048, (PROCESS,), False),
        (2048, (PROCESS, "hidden"), True),
        (16, (PROCESS, "hidden"), False),
        (0, (f"refuse|{COMPUTE}|3", f"refuse|{GRAPHICS}|3"), True),
        # A record of version 1 counts what the driver keeps for itself as used: not held by hidden
        # processes for that.
        (0, ("refuse|nvmlDeviceGetMemoryInfo_v2|13",), False),
    ],
    ids=["empty", "listed", "a container", "empty in a container", "not told", "an old driver"],
)
def test_a_card_says_whether_it_hides_processes(
    driver: Driver, watch: Watch, used: int, extra: tuple[str, ...], hidden: bool
) -> None:
    driver.tell(RTX_5090.using(used), extra=extra)
    (device,) = watch.look()["devices"]
    assert device["hides_processes"] is hidden
    assert device["memory_used"] == (used + RTX_5090.reserved) * MIB
