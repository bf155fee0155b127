"""One NVIDIA GPU as NVML knows it, split or whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xinf.core.nodes import DeviceProcess, Vitals
from xinf.device.mig import Slice, is_split, slices_of
from xinf.device.nvml import (
    FUNCTION_NOT_FOUND,
    NOT_SUPPORTED,
    VERSION_MISMATCH,
    Nvml,
    NvmlError,
    text_of,
)
from xinf.device.nvml_health import ailment
from xinf.device.nvml_processes import processes_on

# NVML_TEMPERATURE_GPU: the sensor in the chip.
_ON_THE_CHIP = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `reserved` is what the driver keeps for itself, None where it does not say (records of
    version 1): then it is among what is used.
    """

    total: int
    free: int
    reserved: int | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """`memory` is None where it is the machine's own, or where slices have it. `processes` is None
    where they are hidden. `bus_id` is empty where the bus is. `slices` is None unless the card is
    in MIG mode.
    """

    place: str
    bus_id: str
    uuid: str
    name: str
    compute_capability: str | None
    memory: Memory | None
    processes: tuple[DeviceProcess, ...] | None
    vitals: Vitals
    has_display: bool | None
    has_persistence: bool | None
    problem: str
    slices: tuple[Slice, ...] | None


def read_card(nvml: Nvml, index: int) -> Card:
    """All about one card of the session. Raises NvmlError."""
    handle = nvml.handle(index)
    place = nvml.told("nvmlDeviceGetPciInfo", handle)
    bus_id = text_of(place.busId).lower() if place else ""
    capability = nvml.told("nvmlDeviceGetCudaComputeCapability", handle)
    split = is_split(nvml, handle)
    return Card(
        # NVML counts by the bus as well.
        place=bus_id or f"{index:08x}",
        bus_id=bus_id,
        uuid=text_of(nvml.ask("nvmlDeviceGetUUID", handle)),
        name=text_of(nvml.ask("nvmlDeviceGetName", handle)),
        compute_capability=".".join(map(str, capability)) if capability else None,
        # Of a card that is split both are told to its owner only.
        memory=None if split else read_memory(nvml, handle),
        processes=None if split else processes_on(nvml, handle),
        vitals=_vitals(nvml, handle),
        has_display=_has_display(nvml, handle),
        has_persistence=_flag(nvml.perhaps("nvmlDeviceGetPersistenceMode", handle)),
        problem=ailment(nvml, handle),
        slices=slices_of(nvml, handle) if split else None,
    )


def read_memory(nvml: Nvml, handle: object) -> Memory | None:
    """What is built in; None where the driver knows of none (the GB10, whose memory is the
    machine's). Raises NvmlError.

    Version 1 of the record is older than the reserve that drivers keep for themselves (half a
    gigabyte on large cards) and leaves open which number holds it.
    """
    try:
        version = nvml.constant("nvmlMemory_v2")
        found = nvml.ask("nvmlDeviceGetMemoryInfo", handle, version)
        return _memory(found, int(found.reserved))
    except NvmlError as error:
        if error.code not in {FUNCTION_NOT_FOUND, VERSION_MISMATCH, NOT_SUPPORTED}:
            raise
    try:
        return _memory(nvml.ask("nvmlDeviceGetMemoryInfo", handle), None)
    except NvmlError as error:
        if error.code != NOT_SUPPORTED:
            raise
        return None


def _memory(found: Any, reserved: int | None) -> Memory | None:
    return Memory(int(found.total), int(found.free), reserved) if found.total else None


def _vitals(nvml: Nvml, handle: object) -> Vitals:
    rates = nvml.perhaps("nvmlDeviceGetUtilizationRates", handle)
    temperature = nvml.perhaps("nvmlDeviceGetTemperature", handle, _ON_THE_CHIP)

    def watts(function: str) -> float | None:
        return _scaled(nvml.perhaps(function, handle), 1000)

    return Vitals(
        utilisation=_scaled(rates.gpu if rates else None, 100),
        temperature=_scaled(temperature, 1),
        power=watts("nvmlDeviceGetPowerUsage"),
        power_limit=watts("nvmlDeviceGetEnforcedPowerLimit"),
        power_limit_default=watts("nvmlDeviceGetPowerManagementDefaultLimit"),
    )


def _scaled(told: int | None, parts: int) -> float | None:
    return None if told is None else told / parts


def _has_display(nvml: Nvml, handle: object) -> bool | None:
    """Whether it draws a desktop, with a screen attached or without."""
    functions = ("nvmlDeviceGetDisplayActive", "nvmlDeviceGetDisplayMode")
    told = [_flag(nvml.perhaps(function, handle)) for function in functions]
    known = [each for each in told if each is not None]
    return any(known) if known else None


def _flag(told: int | None) -> bool | None:
    return None if told is None else bool(told)
