"""Looks at the machine for `examine`: each look bounded, nothing changed, nothing decided.

What cannot be looked at in time is a fact that is missing, not a doctor that hangs.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from xinf.config.paths import Paths
from xinf.config.settings import Settings
from xinf.core.clock import Clock
from xinf.core.errors import XinfError
from xinf.core.nodes import Device, Sighting
from xinf.daemon import peers, policies
from xinf.daemon.circumstances import circumstances
from xinf.daemon.doctor.facts import (
    Facts,
    PeersSeen,
    Reach,
    Room,
    RuntimeSeen,
    SettingsSeen,
    StoreSeen,
)
from xinf.daemon.doctor.listeners import port_seen
from xinf.daemon.doctor.peers import is_broken, is_proven, pairs_of
from xinf.daemon.doctor.probe import Probe, try_peers
from xinf.daemon.doctor.processes import engine_processes
from xinf.daemon.lock import holder
from xinf.daemon.roles import Role
from xinf.device.call import BoundedCall
from xinf.device.inventory import Inventory
from xinf.meta import schema
from xinf.registry.resolve import RUNTIMES
from xinf.runtime.locks import SIM, Locks
from xinf.runtime.needs import Driver, check_needs
from xinf.runtime.preflight import check_python, python_minor
from xinf.runtime.shelf import RuntimeState, RuntimeView, Shelf
from xinf.runtime.shim_tree import ensure_shim_tree

LOOK_S = 10.0
# Another process's transaction; a store that is busy for longer is told as one that cannot be read.
STORE_BUSY_S = 2.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Place:
    """Whose machine is looked at, by which settings."""

    paths: Paths
    settings: Settings
    environ: Mapping[str, str]
    inventory: Inventory
    clock: Clock
    locks: Locks
    shm: Path = Path("/dev/shm")


async def gather(place: Place, seen: SettingsSeen, *, probe: bool) -> Facts:
    """All facts. With `probe`, GPUs are tried on each other, which takes seconds for each pair."""
    paths, server = place.paths, place.settings.server
    sighting = await place.inventory.sample()
    runtimes = await _runtimes(place, sighting)
    met = await _peers(place, sighting.devices, runtimes) if probe else ()
    ours = holder(paths.state_dir, Role.CONTROL)
    own = policies.own_pythons(place.settings)

    def told() -> Mapping[str, Mapping[str, str]]:
        return circumstances(sighting.devices, place.locks, own, paths.state_dir, place.environ)

    cpu = next((device for device in sighting.devices if device.kind == "cpu"), None)
    return Facts(
        sighting=sighting,
        settings=seen,
        store=await _within(place, lambda: store_seen(paths.store_file), None),
        port=await _within(place, lambda: port_seen(server.host, server.port, ours), None),
        state=await _room(place, paths.state_dir),
        cache=await _room(place, paths.cache_dir),
        shm=await _room(place, place.shm),
        memory_available=cpu.memory_total - cpu.memory_used if cpu else None,
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE),
        runtimes=tuple(_seen(place, sighting, view) for view in runtimes),
        processes=await _within(place, lambda: engine_processes(paths.cache_dir / "runtimes"), ()),
        peers=met,
        circumstances=await _within(place, told, {}),
    )


def store_seen(file: Path) -> StoreSeen:
    """Whether the database opens, by reading alone. Blocks; never raises."""
    if not file.exists():
        return StoreSeen(str(file), exists=False)
    try:
        opened = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=STORE_BUSY_S)
        with closing(opened) as connection:
            (verdict,) = connection.execute("pragma quick_check(1)").fetchone()
            newer = schema.unknown_migrations(connection)
    except sqlite3.Error as error:
        verdict, newer = str(error), frozenset[str]()
    if verdict != "ok":
        fix = (
            "The next start sets it aside and makes a new one; what was launched is launched again"
        )
        return StoreSeen(str(file), True, f"it cannot be read ({verdict})", fix)
    if newer:
        fix = "Use that version, or set XINF_STATE_DIR to another directory"
        return StoreSeen(str(file), True, "it was written by a newer xinf", fix)
    return StoreSeen(str(file), exists=True)


def room_of(folder: Path) -> Room:
    """Of the disk that `folder` is on, or will be. Blocks; never raises."""
    nearest = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    try:
        usage = shutil.disk_usage(nearest)
    except OSError as error:
        return Room(str(folder), problem=error.strerror or str(error))
    is_writable = os.access(nearest, os.W_OK | os.X_OK) and nearest.is_dir()
    problem = "" if is_writable else "this user may not write there"
    return Room(str(folder), usage.free, usage.total, problem)


async def _room(place: Place, folder: Path) -> Room | None:
    silent = Room(str(folder), problem=f"its disk does not answer within {LOOK_S:.0f} s")
    return await _within(place, lambda: room_of(folder), silent)


async def _within(place: Place, look: Callable[[], _T], otherwise: _T) -> _T:
    """What `look` finds, in a thread that nobody waits for for ever."""
    try:
        return await BoundedCall(look, place.clock, "doctor").within(LOOK_S)
    except TimeoutError:
        return otherwise


async def _runtimes(place: Place, sighting: Sighting) -> tuple[RuntimeView, ...]:
    own = policies.own_pythons(place.settings)
    shelf = Shelf(place.paths.cache_dir, own, place.clock, place.locks)
    return tuple(view for view in await shelf.look() if view.variant != SIM)


def _seen(place: Place, sighting: Sighting, view: RuntimeView) -> RuntimeSeen:
    lock = place.locks.get(view.variant)
    kind = view.variant.rpartition("-")[2]
    told = RuntimeSeen(
        variant=view.variant,
        kind=kind,
        state=view.state,
        versions=tuple(f"{name} {version}" for name, version in view.versions.items()),
        download_bytes=lock.download_bytes,
        is_default=view.variant == _default(sighting),
        is_own=view.variant in policies.own_pythons(place.settings),
    )
    if told.is_own:
        return told
    try:
        check_python(lock, python_minor())
        check_needs(lock, lambda kind: Driver(*place.inventory.driver(kind)))
    except XinfError as error:
        return replace(told, unmet=error.cause, next_step=error.next_step)
    return told


def _default(sighting: Sighting) -> str:
    """Where a model that names no engine runs: vLLM on an accelerator, llama.cpp without one."""
    kinds = {device.kind for device in sighting.devices}
    vllm = (variant for kind, variant in RUNTIMES["vllm"].items() if kind in kinds - {"cpu"})
    return next(vllm, RUNTIMES["llamacpp"]["cpu"])


async def _peers(
    place: Place, devices: Sequence[Device], runtimes: Sequence[RuntimeView]
) -> tuple[PeersSeen, ...]:
    """Every pair in turn, until one does not work; and what became of them is kept for plans."""
    pairs = pairs_of(devices)
    variant, fit = RUNTIMES["vllm"]["cuda"], {RuntimeState.INSTALLED, RuntimeState.USER}
    own = (view.python for view in runtimes if view.variant == variant and view.state in fit)
    python = next(own, None)
    if not pairs:
        return ()
    if python is None:
        why = "it is tried in vLLM's runtime, which is not installed"
        return tuple(PeersSeen((a.id, b.id), Reach.UNTRIED, why) for a, b in pairs)
    tree = await asyncio.to_thread(ensure_shim_tree, place.paths.cache_dir)
    probe = Probe(Path(python), tree, "nccl", place.clock)
    met: list[PeersSeen] = []
    for pair in pairs:
        met.append(await _meet(place, probe, pair))
        if met[-1].reach is not Reach.WORKS:
            break
    await _keep(place, devices, met)
    return tuple(met)


async def _meet(place: Place, probe: Probe, pair: tuple[Device, Device]) -> PeersSeen:
    visible = place.inventory.visible_env([device.uuid for device in pair])
    reach, detail = await try_peers(probe, visible)
    without = Reach.UNTRIED
    if reach in {Reach.HANGS, Reach.WRONG}:
        without, _ = await try_peers(probe, visible, peers=False)
    return PeersSeen((pair[0].id, pair[1].id), reach, detail, without)


async def _keep(place: Place, devices: Sequence[Device], met: Sequence[PeersSeen]) -> None:
    found = peers.WORKS if is_proven(met) else peers.BROKEN if is_broken(met) else ""
    if found:
        with suppress(OSError):
            await asyncio.to_thread(peers.keep, place.paths.state_dir, devices, found)
