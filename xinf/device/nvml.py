"""NVIDIA's management library through pynvml: the only file that knows its calls and its errors.

It needs no CUDA and makes no context on a card, so it costs no memory there. Everything here may
block, for seconds where a card has to be woken, and for ever where a driver hangs.
"""

from __future__ import annotations

import ctypes
import importlib
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from xinf.core.nodes import DeviceProcess

LIBRARY = "libnvidia-ml.so.1"

NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND = 3, 4, 6
FUNCTION_NOT_FOUND, VERSION_MISMATCH = 13, 25
GPU_IS_LOST, RESET_REQUIRED = 15, 16
# A driver that will not tell one thing, and is well otherwise: old ones, virtual machines.
_UNTOLD = frozenset({NOT_SUPPORTED, NO_PERMISSION, FUNCTION_NOT_FOUND})
# What its own words do not say.
_MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        NO_PERMISSION: "this user may not use the driver (see the permissions of /dev/nvidia*)",
        9: "the NVIDIA driver is not loaded",
        12: f"{LIBRARY} cannot be loaded: no NVIDIA driver is installed, or it is hidden from here",
        GPU_IS_LOST: "GPU is lost: it has fallen off the bus, or the driver has given it up",
        RESET_REQUIRED: "the GPU must be reset before it can be used again",
        18: "the driver that is loaded and its library are of different versions; reboot",
    }
)


class NvmlError(OSError):
    """What NVML refuses, in words; `code` is its own number for it."""

    def __init__(self, code: int, told: str) -> None:
        super().__init__(_MEANINGS.get(code, told))
        self.code = code

    @property
    def is_loss(self) -> bool:
        """Whether nothing can run on the card any more, rather than that it is not told about."""
        return self.code in {GPU_IS_LOST, RESET_REQUIRED}


@dataclass(frozen=True, slots=True)
class Card:
    """One GPU as NVML knows it. Memory is bytes."""

    bus_id: str
    uuid: str
    name: str
    compute_capability: str | None
    memory_total: int
    memory_free: int
    processes: tuple[DeviceProcess, ...]


class Nvml:
    """A session with the library. What is there is decided when it opens: a lost card comes back
    in a new one only. Everything but `is_there` raises NvmlError.
    """

    def __init__(self) -> None:
        self._module: Any = None

    def is_there(self) -> bool:
        """Whether the library can be loaded, be there a card or not."""
        try:
            ctypes.CDLL(LIBRARY)
        except OSError:
            return False
        return True

    def open(self) -> None:
        """Begin, if that is not done yet."""
        if self._module is not None:
            return
        try:
            module = importlib.import_module("pynvml")
        except ImportError as error:
            raise NvmlError(0, f"the package nvidia-ml-py is broken: {error}") from error
        _ask(module, "nvmlInit")
        self._module = module

    def close(self) -> None:
        if self._module is not None:
            with suppress(NvmlError):
                self._ask("nvmlShutdown")
            self._module = None

    def driver(self) -> str:
        return str(self._told("nvmlSystemGetDriverVersion") or "unknown")

    def count(self) -> int:
        """Cards of this session; `card` takes 0 up to this, in the order of the PCI bus."""
        return int(self._ask("nvmlDeviceGetCount"))

    def card(self, index: int) -> Card:
        handle = self._ask("nvmlDeviceGetHandleByIndex", index)
        place = self._told("nvmlDeviceGetPciInfo", handle)
        capability = self._told("nvmlDeviceGetCudaComputeCapability", handle)
        memory = self._memory(handle)
        return Card(
            # NVML counts by the bus as well.
            bus_id=_text(place.busId).lower() if place else f"{index:08x}",
            uuid=_text(self._ask("nvmlDeviceGetUUID", handle)),
            name=_text(self._ask("nvmlDeviceGetName", handle)),
            compute_capability=".".join(map(str, capability)) if capability else None,
            memory_total=int(memory.total),
            memory_free=int(memory.free),
            processes=self._processes(handle),
        )

    def _memory(self, handle: object) -> Any:
        """Version 2 of the record. Version 1 is older than the reserve that drivers keep for
        themselves (half a gigabyte on large cards) and leaves open which number holds it.
        """
        try:
            return self._ask("nvmlDeviceGetMemoryInfo", handle, self._module.nvmlMemory_v2)
        except NvmlError as error:
            if error.code not in {FUNCTION_NOT_FOUND, VERSION_MISMATCH}:
                raise
            return self._ask("nvmlDeviceGetMemoryInfo", handle)

    def _processes(self, handle: object) -> tuple[DeviceProcess, ...]:
        """Who computes and who draws. One that does both stands in both lists, with all it holds in
        each; within one list a process appears once for each part of a card that was split.
        """
        held: dict[int, int] = {}
        for kind in ("Compute", "Graphics"):
            of_kind = Counter[int]()
            for each in self._running(kind, handle):
                of_kind[int(each.pid)] += int(each.usedGpuMemory or 0)
            for pid, memory in of_kind.items():
                held[pid] = max(memory, held.get(pid, 0))
        return tuple(
            DeviceProcess(pid, self._process_name(pid), memory)
            for pid, memory in sorted(held.items())
        )

    def _running(self, kind: str, handle: object) -> list[Any]:
        # Windows' subsystem for Linux and some virtual machines hide them.
        found = self._told(f"nvmlDeviceGet{kind}RunningProcesses", handle)
        return cast("list[Any]", found or [])

    def _process_name(self, pid: int) -> str:
        """Its program; empty where it has ended meanwhile, or lives in another container."""
        with suppress(NvmlError):
            told = _text(self._ask("nvmlSystemGetProcessName", pid)).strip()
            return told.rpartition("/")[2] if told.startswith("/") else told
        return ""

    def _told(self, function: str, *arguments: object) -> Any:
        """The answer, None where the driver has none to this question."""
        try:
            return self._ask(function, *arguments)
        except NvmlError as error:
            if error.code not in _UNTOLD:
                raise
            return None

    def _ask(self, function: str, *arguments: object) -> Any:
        return _ask(self._module, function, *arguments)


def _ask(module: Any, function: str, *arguments: object) -> Any:
    try:
        return getattr(module, function)(*arguments)
    except module.NVMLError as error:
        raise NvmlError(error.value, str(error)) from error
    except UnicodeDecodeError as error:
        raise NvmlError(NOT_FOUND, f"{function} tells what is no text") from error


def _text(told: str | bytes) -> str:
    return told.decode(errors="replace") if isinstance(told, bytes) else told
