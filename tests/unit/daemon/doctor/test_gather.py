from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from xinf.clock import SystemClock
from xinf.config.load import load_settings
from xinf.config.paths import Paths
from xinf.core.nodes import Device, Sighting
from xinf.daemon.doctor.facts import Facts, Reach, SettingsSeen
from xinf.daemon.doctor.gather import Place, gather, room_of, store_seen
from xinf.daemon.peers import BROKEN, UNPROVEN, WORKS, recall
from xinf.device.inventory import Inventory
from xinf.meta.sqlite import open_store
from xinf.runtime.locks import Locks
from xinf.runtime.preflight import python_minor

CARD = Device("GPU-1", "cuda", 0, "RTX 5090", 32, 1, "12.0", driver="580.1")
SECOND = replace(CARD, uuid="GPU-2", index=1)
CPU = Device("cpu", "cpu", 0, "CPU", 100, 40)


@dataclass(frozen=True)
class Backend:
    """Devices of one kind, as a test says."""

    kind: str
    devices: tuple[Device, ...]

    def detect(self) -> bool:
        return True

    def look(self) -> Sighting:
        return Sighting(self.devices)

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        return {"CUDA_VISIBLE_DEVICES": ",".join(uuids)}


LOCK = "# wants: {0}\n# python: {1}\n# verify: {0}\n# needs: {2}\n{0}==1.0  # bytes=10\n"


@pytest.fixture
def locks(tmp_path: Path) -> Locks:
    folder = tmp_path / "locks"
    folder.mkdir()
    for name, needs in (("vllm-cuda", "cuda>=580"), ("llamacpp-cpu", "cuda>=999")):
        text = LOCK.format("tiny", python_minor(), needs)
        (folder / f"{name}.lock").write_text(text)
    return Locks(folder)


def place(root: Path, locks: Locks, *cards: Device, toml: str = "") -> Place:
    (root / "xinf.toml").write_text("[server]\nport = 0\n" + toml)
    paths = Paths(root / "xinf.toml", root / "state", root / "cache", root / "run")
    clock = SystemClock()
    inventory = Inventory([Backend("cuda", cards), Backend("cpu", (CPU,))], clock)
    return Place(paths, load_settings(paths, {}), {}, inventory, clock, locks, root)


async def facts(
    root: Path, locks: Locks, *cards: Device, toml: str = "", probe: bool = True
) -> Facts:
    return await gather(place(root, locks, *cards, toml=toml), SettingsSeen(), probe=probe)


async def test_it_sees_the_machine_and_changes_nothing(tmp_path: Path, locks: Locks) -> None:
    seen = await facts(tmp_path, locks, CARD)
    assert seen.sighting.devices == (CARD, CPU)
    assert seen.memory_available == 60
    assert seen.store is not None
    assert not seen.store.exists
    assert seen.state is not None
    assert (seen.state.place, seen.state.problem) == (str(tmp_path / "state"), "")
    assert seen.shm is not None
    assert seen.open_files is not None
    assert seen.peers == ()
    assert seen.circumstances["cuda"]["p2p"] == "unproven"
    assert not (tmp_path / "state").exists()
    assert not (tmp_path / "cache").exists()


async def test_a_runtime_is_told_with_what_the_machine_lacks_for_it(
    tmp_path: Path, locks: Locks
) -> None:
    seen = {each.variant: each for each in (await facts(tmp_path, locks, CARD)).runtimes}
    vllm, llamacpp = seen["vllm-cuda"], seen["llamacpp-cpu"]
    assert (vllm.kind, vllm.state, vllm.unmet, vllm.download_bytes) == ("cuda", "missing", "", 10)
    assert "999" in llamacpp.unmet
    assert (vllm.is_default, llamacpp.is_default) == (True, False)
    seen = {each.variant: each for each in (await facts(tmp_path, locks)).runtimes}
    assert "none works here" in seen["vllm-cuda"].unmet
    assert seen["llamacpp-cpu"].is_default


def with_python(root: Path, script: str) -> str:
    """Settings with an interpreter of the user's own, which is this script when it probes."""
    python = root / "python"
    asked = '[ "$2" = -c ] && { echo \'{"versions": {"torch": "1"}}\'; exit; }\n'
    python.write_text(f"#!/bin/sh\n{asked}{script}\n")
    python.chmod(0o755)
    return f'[engines.vllm]\npython = "{python}"\n'


async def test_two_cards_are_tried_and_what_they_do_is_kept_for_plans(
    tmp_path: Path, locks: Locks
) -> None:
    toml = with_python(tmp_path, "echo imported; echo reached")
    seen = await facts(tmp_path, locks, CARD, SECOND, toml=toml)
    (met,) = seen.peers
    assert (met.pair, met.reach) == (("cuda:0", "cuda:1"), Reach.WORKS)
    assert recall(tmp_path / "state", (CARD, SECOND)) == WORKS
    assert seen.circumstances["cuda"]["p2p"] == "works"


async def test_cards_that_lie_are_tried_again_without_peer_to_peer(
    tmp_path: Path, locks: Locks
) -> None:
    wrong = "a sum of 1 numbers came out wrong"
    script = f'echo imported; [ -n "$NCCL_P2P_DISABLE" ] && echo reached || {{ echo "{wrong}"; '
    toml = with_python(tmp_path, script + "exit 1; }")
    third = replace(CARD, uuid="GPU-3", index=2)
    (met,) = (await facts(tmp_path, locks, CARD, SECOND, third, toml=toml)).peers
    assert (met.reach, met.without) == (Reach.WRONG, Reach.WORKS)
    assert recall(tmp_path / "state", (CARD, SECOND, third)) == BROKEN


async def test_a_probe_that_crashes_proves_nothing(tmp_path: Path, locks: Locks) -> None:
    toml = with_python(tmp_path, "echo 'out of memory'; exit 1")
    (met,) = (await facts(tmp_path, locks, CARD, SECOND, toml=toml)).peers
    assert (met.reach, met.detail) == (Reach.CRASHED, "out of memory")
    assert recall(tmp_path / "state", (CARD, SECOND)) == UNPROVEN


async def test_without_a_runtime_or_when_told_not_to_nothing_is_tried(
    tmp_path: Path, locks: Locks
) -> None:
    (met,) = (await facts(tmp_path, locks, CARD, SECOND)).peers
    assert (met.reach, "not installed" in met.detail) == (Reach.UNTRIED, True)
    toml = with_python(tmp_path, "echo imported; echo reached")
    assert (await facts(tmp_path, locks, CARD, SECOND, toml=toml, probe=False)).peers == ()


async def test_a_store_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "xinf.db"
    async with open_store(file, SystemClock()):
        assert store_seen(file).problem == ""
    before = file.read_bytes()
    assert store_seen(file).problem == ""
    assert file.read_bytes() == before


def test_a_damaged_store_and_that_of_a_newer_xinf_are_told(tmp_path: Path) -> None:
    file = tmp_path / "xinf.db"
    file.write_bytes(b"no database at all, but long enough to look like one" * 100)
    seen = store_seen(file)
    assert "cannot be read" in seen.problem
    assert "sets it aside" in seen.next_step


async def test_the_store_of_a_newer_xinf_is_told(tmp_path: Path) -> None:
    file = tmp_path / "xinf.db"
    async with open_store(file, SystemClock()):
        pass
    with sqlite3.connect(file) as connection:
        columns = connection.execute("select * from _sqlite_migrations limit 1").description
        names = [column[0] for column in columns]
        values = {"migration_set": "xinf", "name": "9999_future", "applied_at": "2030"}
        told = [values.get(name) for name in names]
        marks = ", ".join("?" * len(names))
        connection.execute(f"insert into _sqlite_migrations values ({marks})", told)
    connection.close()
    assert "newer xinf" in store_seen(file).problem


def test_room_is_that_of_the_disk_a_directory_will_be_on(tmp_path: Path) -> None:
    room = room_of(tmp_path / "a" / "b")
    assert room.place.endswith("/a/b")
    assert 0 < room.free <= room.total
    (tmp_path / "file").touch()
    assert "may not write" in room_of(tmp_path / "file" / "c").problem
