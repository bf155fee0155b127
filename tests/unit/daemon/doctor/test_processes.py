from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from xinf.daemon.doctor.processes import engine_processes
from xinf.daemon.lock import role_lock
from xinf.daemon.roles import Role

SHIM = ("python", "-P", "-m", "xinf.shim", "--socket", "/run/a.sock", "--config", "/run/a.json")


@dataclass(frozen=True)
class Machine:
    """A /proc of our own, and where runtimes lie."""

    root: Path

    @property
    def proc(self) -> Path:
        return self.root / "proc"

    @property
    def runtimes(self) -> Path:
        return self.root / "cache" / "runtimes"

    def process(
        self,
        pid: int,
        parent: int,
        *command: str,
        session: int | None = None,
        name: str = "python",
        state: str = "S",
        maps: str = "",
        **environ: str,
    ) -> None:
        folder = self.proc / str(pid)
        folder.mkdir(parents=True)
        session = pid if session is None else session
        fields = " ".join([state, str(parent), "1", str(session), *["0"] * 15, "4711", "0"])
        (folder / "stat").write_text(f"{pid} ({name}) {fields}\n")
        (folder / "comm").write_text(f"{name}\n")
        (folder / "cmdline").write_text("\0".join(command) + "\0")
        (folder / "environ").write_text("".join(f"{k}={v}\0" for k, v in environ.items()))
        (folder / "maps").write_text(maps)
        (folder / "cwd").symlink_to(self.root)

    def tree(self) -> str:
        """A shim's import path."""
        file = self.root / "tree" / "xinf" / "shim" / "death.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        return str(self.root / "tree")

    def seen(self) -> dict[int, bool]:
        """Who is part of an engine, and whether somebody looks after it."""
        return {each.pid: each.is_attended for each in engine_processes(self.runtimes, self.proc)}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.process(1, 0, "init", name="init")
    machine.process(2, 1, "python", "-m", "xinf", "up")
    return machine


def test_a_shim_whose_starter_lives_is_attended_and_one_of_init_is_not(machine: Machine) -> None:
    state = str(machine.root / "state")
    machine.process(10, 2, *SHIM, XINF_STATE_DIR=state)
    machine.process(20, 1, *SHIM, XINF_STATE_DIR=state)
    assert machine.seen() == {10: True, 20: False}


def test_one_that_a_service_manager_took_in_is_not_attended(machine: Machine) -> None:
    machine.process(3, 1, "/lib/systemd/systemd", "--user", name="systemd")
    machine.process(20, 3, *SHIM, XINF_STATE_DIR=str(machine.root / "state"))
    assert machine.seen() == {20: False}


def test_the_worker_of_its_own_state_attends_to_a_shim_that_it_did_not_start(
    machine: Machine,
) -> None:
    state = machine.root / "state"
    state.mkdir()
    machine.process(20, 1, *SHIM, XINF_STATE_DIR="state")
    with role_lock(state, Role.WORKER):
        assert machine.seen() == {20: True}
    assert machine.seen() == {20: False}


def test_what_a_shim_started_shares_its_fate(machine: Machine) -> None:
    state = str(machine.root / "state")
    tree = machine.tree()
    machine.process(20, 1, *SHIM, XINF_STATE_DIR=state)
    machine.process(21, 20, "python", "-c", "spawn", session=20, PYTHONPATH=tree)
    machine.process(30, 2, *SHIM, XINF_STATE_DIR=state)
    machine.process(31, 30, "python", "-c", "spawn", session=30, PYTHONPATH=f"{tree}:/more")
    assert machine.seen() == {20: False, 21: False, 30: True, 31: True}


def test_an_enginecore_that_outlived_its_shim_is_known_by_what_it_has_mapped(
    machine: Machine,
) -> None:
    library = f"7f00-7f01 r-xp 0 08:01 1 {machine.runtimes}/vllm-cuda-1/lib/torch.so\n"
    machine.process(21, 1, "VLLM::EngineCore", session=20, maps=library)
    machine.process(22, 21, "VLLM::Worker_TP0", session=20, maps=library)
    assert machine.seen() == {21: False, 22: False}


def test_strangers_are_never_among_them(machine: Machine) -> None:
    machine.process(40, 1, "VLLM::EngineCore", maps="7f00-7f01 r-xp 0 08:01 1 /opt/vllm/torch.so\n")
    machine.process(41, 1, "python", "train.py", PYTHONPATH="/home/me/lib")
    machine.process(42, 1, "grep", "xinf.shim")
    machine.process(43, 1, *SHIM, state="Z", XINF_STATE_DIR="state")
    assert machine.seen() == {}


def test_a_tool_that_runs_in_a_shim_s_tree_is_attended_while_its_starter_lives(
    machine: Machine,
) -> None:
    machine.process(50, 2, "python", "-m", "xinf.shim.convert_gguf", PYTHONPATH=machine.tree())
    assert machine.seen() == {50: True}
