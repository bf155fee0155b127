import subprocess
import sys
from pathlib import Path

from xinf.agent.owners import Owners
from xinf.core.engines import EngineIdentity, RunningEngine
from xinf.core.states import EngineState


def engine(replica: str, session: int | None) -> RunningEngine:
    identity = EngineIdentity(session, 1, session, "i") if session else None
    return RunningEngine(
        *(replica, "a", "local", EngineState.READY, "", 0.0, "sim", "sim", "f", ("cpu",)),
        identity=identity,
    )


def test_a_child_of_an_engine_belongs_to_its_replica_and_a_stranger_to_nobody() -> None:
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as leader:
        assert leader.stdout is not None
        child = int(leader.stdout.readline())
        try:
            owner_of = Owners().among([engine("a/0", leader.pid), engine("b/0", None)])
            assert owner_of(leader.pid) == "a/0"
            assert owner_of(child) == "a/0"
            assert owner_of(1) == ""
            assert owner_of(2**30) == ""
        finally:
            subprocess.run(["kill", str(child), str(leader.pid)], check=True)


def process(proc: Path, pid: int, session: int) -> Path:
    folder = proc / str(pid)
    folder.mkdir()
    stat = folder / "stat"
    stat.write_text(f"{pid} (a) S 1 {session} {session} " + "0 " * 20)
    return stat


def test_a_process_is_asked_for_once_in_a_look(tmp_path: Path) -> None:
    stat = process(tmp_path, 7, 7)
    owner_of = Owners(tmp_path).among([engine("a/0", 7)])
    assert owner_of(7) == "a/0"
    stat.write_text("7 (another) S 1 9 9 " + "0 " * 20)
    assert owner_of(7) == "a/0"


def test_one_that_is_gone_but_still_named_by_the_driver_stays_whose_it_was(tmp_path: Path) -> None:
    stat = process(tmp_path, 7, 7)
    owners = Owners(tmp_path)
    assert owners.among([engine("a/0", 7)])(7) == "a/0"
    stat.unlink()
    assert owners.among([engine("a/0", None)])(7) == "a/0"
    assert owners.among([])(7) == "a/0"
    # Who gets its pid is somebody else, and whom the driver names no more is forgotten.
    stat.write_text("7 (another) S 1 9 9 " + "0 " * 20)
    assert owners.among([])(7) == ""
    stat.unlink()
    assert owners.among([])(7) == ""
