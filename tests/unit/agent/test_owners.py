import subprocess
import sys
from pathlib import Path

from xinf.agent.owners import owners
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
            owner_of = owners([engine("a/0", leader.pid), engine("b/0", None)])
            assert owner_of(leader.pid) == "a/0"
            assert owner_of(child) == "a/0"
            assert owner_of(1) == ""
            assert owner_of(2**30) == ""
        finally:
            subprocess.run(["kill", str(child), str(leader.pid)], check=True)


def test_without_an_engine_and_for_a_pid_that_was_asked_for_nothing_is_read(tmp_path: Path) -> None:
    process = tmp_path / "7"
    process.mkdir()
    (process / "stat").write_text("7 (a) S 1 7 7 " + "0 " * 20)
    assert owners([], tmp_path)(7) == ""
    owner_of = owners([engine("a/0", 7)], tmp_path)
    assert owner_of(7) == "a/0"
    (process / "stat").unlink()
    assert owner_of(7) == "a/0"
