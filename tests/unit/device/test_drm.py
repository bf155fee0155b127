import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.devices.intel import B70, FDINFO_I915, FDINFO_XE, IntelMachine
from xinf.device.drm import clients, memory

KIB, MIB = 1024, 1024**2
HERE = Path("/proc")


def test_a_client_tells_what_it_has_on_the_card() -> None:
    assert memory(FDINFO_XE) == 23_992 * KIB
    assert memory(FDINFO_I915) == 1024 * MIB


def test_a_driver_that_tells_only_what_was_asked_for_is_believed() -> None:
    lines = [line for line in FDINFO_I915.splitlines() if "resident" not in line]
    assert memory("\n".join(lines)) == 1536 * MIB


def test_tiles_are_added_and_main_memory_is_not() -> None:
    fdinfo = "drm-resident-vram0: 5\ndrm-resident-vram1: 2 KiB\ndrm-resident-gtt: 9 MiB"
    assert memory(fdinfo) == 5 + 2 * KIB


@given(st.text(max_size=100))
def test_whatever_a_file_says_it_is_a_number_of_bytes(fdinfo: str) -> None:
    assert memory(fdinfo) >= 0
    assert memory(f"drm-resident-vram0:{fdinfo}") >= 0


def test_who_has_the_card_open_is_found_among_all_processes(tmp_path: Path) -> None:
    machine = IntelMachine(tmp_path, B70)
    machine.opened(300, "python3", FDINFO_XE, FDINFO_XE.replace("client-id:\t3", "client-id:\t4"))
    machine.opened(200, "Xorg", FDINFO_XE.replace("client-id:\t3", "client-id:\t5"))
    machine.opened(400, "bash")
    found = clients(machine.proc)
    assert found.held == {B70.address: {200: 23_992 * KIB, 300: 2 * 23_992 * KIB}}
    assert not found.is_partial


def test_a_client_that_several_files_share_counts_once(tmp_path: Path) -> None:
    machine = IntelMachine(tmp_path, B70)
    machine.opened(300, "python3", FDINFO_XE, FDINFO_XE)
    machine.opened(400, "its child", FDINFO_XE)
    assert clients(machine.proc).held == {B70.address: {300: 23_992 * KIB}}


def test_other_open_files_are_not_read(tmp_path: Path) -> None:
    machine = IntelMachine(tmp_path, B70)
    machine.opened(300, "python3", FDINFO_XE)
    descriptor = machine.proc / "300" / "fd" / "3"
    descriptor.unlink()
    descriptor.symlink_to("/tmp/file")
    assert clients(machine.proc).held == {}


def test_processes_that_may_not_be_looked_into_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = IntelMachine(tmp_path, B70)
    machine.opened(300, "python3", FDINFO_XE)
    machine.opened(400, "somebody's", FDINFO_XE)
    scandir = os.scandir

    def forbidden(path: Path) -> object:  # root, who may run this, may look into all
        if path.parent.name == "400":
            raise PermissionError
        return scandir(path)

    monkeypatch.setattr("os.scandir", forbidden)
    found = clients(machine.proc)
    assert found.held == {B70.address: {300: 23_992 * KIB}}
    assert found.is_partial


def test_this_machine_s_processes_can_be_walked() -> None:
    assert isinstance(dict(clients(HERE).held), dict)
    assert clients(Path("/nowhere")).held == {}
