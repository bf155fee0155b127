"""Intel's Level Zero, asked for what its management part (Sysman) tells of each GPU.

Run as a program, `python -m xinf.device.level_zero [LIBRARY]`, and never called: the library loads
drivers that may hang or crash, and does both to its own process only. It writes one line of JSON,
a list of drivers with a list of their devices each, in the order in which they are numbered.

The records are those of zes_api.h of Level Zero 1.x on 64-bit Linux.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable, Iterator
from ctypes import POINTER, byref, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from typing import Any

LIBRARY = "libze_loader.so.1"
_PCI_PROPERTIES, _MEM_STATE = 0x2, 0x1E


class _PciProperties(ctypes.Structure):
    """zes_pci_properties_t, 56 bytes."""

    _fields_ = (
        ("stype", c_uint32),
        ("next", c_void_p),
        ("domain", c_uint32),
        ("bus", c_uint32),
        ("device", c_uint32),
        ("function", c_uint32),
        ("gen", c_int32),
        ("width", c_int32),
        ("max_bandwidth", c_int64),
        ("has", ctypes.c_uint8 * 8),
    )


class _MemState(ctypes.Structure):
    """zes_mem_state_t, 40 bytes."""

    _fields_ = (
        ("stype", c_uint32),
        ("next", c_void_p),
        ("health", c_uint32),
        ("free", c_uint64),
        ("size", c_uint64),
    )


class LevelZeroError(OSError):
    """A call that failed, with Level Zero's own number for the reason."""


def drivers(library: str = LIBRARY) -> list[list[dict[str, Any]]]:
    """Each driver's devices in their order: `address` on the PCI bus, and `size` and `free` bytes
    of memory, which are left out where they are not told.

    Raises OSError where the library cannot be loaded or fails.
    """
    ze = ctypes.CDLL(library)
    _ask(ze.zesInit, c_uint32(0))
    return [
        [_device(ze, device) for device in _handles(ze.zesDeviceGet, driver)]
        for driver in _handles(ze.zesDriverGet)
    ]


def _device(ze: ctypes.CDLL, device: c_void_p) -> dict[str, Any]:
    place = _PciProperties(stype=_PCI_PROPERTIES)
    _ask(ze.zesDevicePciGetProperties, device, byref(place))
    address = f"{place.domain:04x}:{place.bus:02x}:{place.device:02x}.{place.function:x}"
    states = list(_memory(ze, device))
    if not states:
        return {"address": address}
    # One module for each tile.
    size, free = sum(each.size for each in states), sum(each.free for each in states)
    return {"address": address, "size": size, "free": free}


def _memory(ze: ctypes.CDLL, device: c_void_p) -> Iterator[_MemState]:
    try:
        modules = _handles(ze.zesDeviceEnumMemoryModules, device)
        for module in modules:
            state = _MemState(stype=_MEM_STATE)
            _ask(ze.zesMemoryGetState, module, byref(state))
            yield state
    except LevelZeroError:  # integrated ones have none, and some drivers keep it to themselves
        return


def _handles(function: Callable[..., int], *of: c_void_p) -> list[c_void_p]:
    """Level Zero lists in two calls: how many there are, and then these."""
    count = c_uint32(0)
    _ask(function, *of, byref(count), None)
    handles = (c_void_p * count.value)()
    _ask(function, *of, byref(count), ctypes.cast(handles, POINTER(c_void_p)))
    return [c_void_p(each) for each in handles[: count.value]]


def _ask(function: Callable[..., int], *arguments: object) -> None:
    code = function(*arguments)
    if code:
        name = getattr(function, "__name__", "a call")
        raise LevelZeroError(f"{name} of Level Zero fails with 0x{code & 0xFFFFFFFF:x}")


def main() -> None:
    try:
        told = drivers(*sys.argv[1:])
    except (OSError, AttributeError) as error:  # AttributeError: a library without Sysman
        sys.exit(str(error))
    sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    main()
