"""Checks of disks, and of memory that engines share or sleep in."""

from __future__ import annotations

from collections.abc import Iterator

from xinf.core.findings import Finding, Severity
from xinf.core.units import GIB, MIB, format_bytes
from xinf.daemon.doctor.facts import Facts, Room
from xinf.runtime.preflight import DISK_FACTOR

OK, INFO, WARN, FAIL = Severity.OK, Severity.INFO, Severity.WARN, Severity.FAIL

# A model of eight billion parameters in 16 bits.
MODEL_BYTES = 16 * GIB
# The database, its journal, and logs that are cut at some tens of MiB each.
STATE_LEAST, STATE_USUAL = 64 * MIB, GIB
# vLLM's workers pass messages through rings of some 240 MiB each, NCCL has buffers there too.
SHM_LEAST = GIB


def check_disks(facts: Facts) -> Iterator[Finding]:
    """Room for the state, and for runtimes and models."""
    if facts.state is not None:
        yield _disk("state", facts.state, STATE_LEAST, STATE_USUAL)
    if facts.cache is not None:
        absent = [each for each in facts.runtimes if each.state in {"missing", "broken"}]
        missing = sum(each.download_bytes for each in absent if each.is_default) * DISK_FACTOR
        yield _disk("cache", facts.cache, missing + MIB, missing + MODEL_BYTES)


def _disk(what: str, room: Room, least: int, usual: int) -> Finding:
    where = f"XINF_{what.upper()}_DIR"
    if room.problem:
        fix = f"Mend that, or set {where} to another directory"
        return Finding("disk", FAIL, f"{room.place} ({what}): {room.problem}", fix)
    free = f"{room.place} ({what}): {format_bytes(room.free)} are free"
    fix = f"Free some space, or set {where} to a directory on a larger disk"
    if room.free < least:
        return Finding("disk", FAIL, f"{free}, and {format_bytes(least)} are needed", fix)
    if room.free < usual:
        return Finding("disk", WARN, f"{free}, which soon is too little", fix)
    return Finding("disk", OK, free)


def check_memory(facts: Facts) -> Iterator[Finding]:
    """Main memory for what sleeps, and /dev/shm."""
    largest = max(
        (device.memory_total for device in facts.sighting.devices if device.kind != "cpu"),
        default=0,
    )
    if facts.memory_available is not None:
        free = f"{format_bytes(facts.memory_available)} of main memory are free"
        if not largest:
            yield Finding("memory", OK, free)
        elif facts.memory_available >= largest:
            yield Finding("memory", OK, f"{free}: a whole GPU's models can be kept there asleep")
        else:
            text = f"{free}: models of a GPU ({format_bytes(largest)}) cannot all sleep there"
            yield Finding("memory", INFO, text)
    if facts.shm is not None:
        yield _shm(facts.shm, len(facts.sighting.devices))


def _shm(shm: Room, devices: int) -> Finding:
    fix = "sudo mount -o remount,size=8G /dev/shm; of a container: --shm-size=8g, or --ipc=host"
    if shm.problem:
        return Finding("shm", WARN, f"{shm.place}: {shm.problem}", fix)
    free = f"{shm.place}: {format_bytes(shm.free)} are free"
    if shm.free >= SHM_LEAST:
        return Finding("shm", OK, free)
    # The CPU is a device as well: two accelerators make three.
    severity = WARN if devices > 2 else INFO
    return Finding("shm", severity, f"{free}, too little for a model on several devices", fix)
