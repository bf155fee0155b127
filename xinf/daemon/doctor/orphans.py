"""Checks of engines that nobody looks after any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from xinf.core.findings import Finding, Severity
from xinf.core.nodes import Device
from xinf.core.units import format_bytes
from xinf.daemon.doctor.facts import ProcessSeen


def check_orphans(processes: Sequence[ProcessSeen], devices: Sequence[Device]) -> Iterator[Finding]:
    """One finding for each engine, which is a session; never one for a stranger."""
    left = sorted((each for each in processes if not each.is_attended), key=_session)
    if not left:
        yield Finding("orphans", Severity.OK, "no engine of a former xinf is left")
    for session, members in groupby(left, key=_session):
        own = tuple(members)
        pids = {each.pid for each in own}
        memory = ", ".join(_held(device, pids) for device in devices if _held(device, pids))
        names = ", ".join(f"{each.name} (pid {each.pid})" for each in own)
        yield Finding(
            "orphans",
            Severity.WARN,
            f"nobody looks after {names} any more"
            + (f", and it holds {memory}" if memory else ", an engine of a former xinf"),
            f"`xinf up` on the same state ends it; or now: pkill -KILL -s {session}",
        )


def _session(process: ProcessSeen) -> int:
    return process.session


def _held(device: Device, pids: set[int]) -> str:
    held = sum(each.memory_bytes for each in device.processes if each.pid in pids)
    return f"{format_bytes(held)} of {device.id}" if held else ""
