import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from xinf.agent.orphans import end_orphans
from xinf.agent.process import read_stat
from xinf.clock import SystemClock
from xinf.core.engines import EngineIdentity, RunningEngine
from xinf.core.states import EngineState


@contextmanager
def engine_process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    code = "import time; time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code, *arguments], start_new_session=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def record(pid: int, start_ticks: int) -> RunningEngine:
    return RunningEngine(
        replica="a/0",
        model="a",
        node="local",
        state=EngineState.READY,
        reason="",
        since=0.0,
        engine="sim",
        runtime="sim",
        fingerprint="f",
        devices=(),
        identity=EngineIdentity(pid, start_ticks, pid, "i"),
    )


@pytest.fixture
def sockets() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


async def reaped(child: subprocess.Popen[bytes]) -> int:
    return await asyncio.to_thread(child.wait, 30)


async def test_a_recorded_engine_that_still_lives_is_ended(sockets: Path) -> None:
    with engine_process() as child:
        stat = read_stat(child.pid)
        assert stat is not None
        ended = await end_orphans([record(child.pid, stat.start_ticks)], sockets, SystemClock())
        assert ended == 1
        assert await reaped(child) == -9


async def test_a_stranger_who_got_the_pid_is_left_alone(sockets: Path) -> None:
    with engine_process() as child:
        stat = read_stat(child.pid)
        assert stat is not None
        stranger = record(child.pid, stat.start_ticks + 1)
        assert await end_orphans([stranger], sockets, SystemClock()) == 0
        assert child.poll() is None


async def test_an_engine_that_was_never_recorded_is_found_by_its_status_file(
    sockets: Path,
) -> None:
    socket = sockets / "01234567.sock"
    with engine_process("--socket", str(socket)) as child:
        status = {"instance": "01234567", "pid": child.pid, "phase": "loading"}
        (sockets / "01234567.sock.status").write_text(json.dumps(status))
        assert await end_orphans([], sockets, SystemClock()) == 1
        assert await reaped(child) == -9
        assert list(sockets.iterdir()) == []


async def test_a_door_of_somebody_else_stays(sockets: Path) -> None:
    (sockets / "admin.sock").touch()
    (sockets / "r-01234567").mkdir()
    await end_orphans([], sockets, SystemClock())
    assert [path.name for path in sockets.iterdir()] == ["admin.sock"]


async def test_a_status_file_whose_pid_is_somebody_else_s_now_is_only_cleared(
    sockets: Path,
) -> None:
    with engine_process("--socket", "/elsewhere.sock") as child:
        status = {"instance": "01234567", "pid": child.pid, "phase": "ready"}
        (sockets / "01234567.sock.status").write_text(json.dumps(status))
        assert await end_orphans([], sockets, SystemClock()) == 0
        assert child.poll() is None
        assert list(sockets.iterdir()) == []
