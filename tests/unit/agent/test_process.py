import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from xinf.agent.process import (
    is_same_process,
    kill_session,
    read_stat,
    session_members,
    wait_exit,
)

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
FAMILY = [
    sys.executable,
    "-c",
    "import subprocess, sys, time\n"
    "children = [subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    " for _ in range(2)]\n"
    "print('ready', flush=True)\n"
    "time.sleep(600)",
]


def test_a_process_is_known_by_pid_and_start_together() -> None:
    stat = read_stat(os.getpid())
    assert stat is not None
    assert is_same_process(os.getpid(), stat.start_ticks)
    assert not is_same_process(os.getpid(), stat.start_ticks + 1)


def test_a_name_with_brackets_and_spaces_does_not_confuse(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    fields = " ".join(["R", "3", "7", "5", *["0"] * 15, "4711", "0"])
    (tmp_path / "7" / "stat").write_text(f"7 (a ) b (c) {fields}\n")
    stat = read_stat(7, tmp_path)
    assert stat is not None
    assert (stat.state, stat.parent, stat.session, stat.start_ticks) == ("R", 3, 5, 4711)


def test_killing_a_session_takes_every_descendant() -> None:
    with subprocess.Popen(FAMILY, stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        assert leader.stdout.readline() == b"ready\n"
        members = session_members(leader.pid)
        assert len(members) == 3
        kill_session(leader.pid)
        leader.wait()
        while not kill_session(leader.pid):
            pass
    assert not any(is_same_process(member.pid, member.start_ticks) for member in members)


LINGERER = [
    sys.executable,
    "-c",
    "import ctypes, threading, time\n"
    "threading.Thread(target=time.sleep, args=(600,)).start()\n"
    "print('ready', flush=True)\n"
    "ctypes.CDLL(None).pthread_exit(None)",
]


def threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        return 0


def test_a_process_that_only_looks_dead_is_ended_too() -> None:
    parent = [sys.executable, "-c", f"import subprocess; subprocess.run({LINGERER!r})"]
    with subprocess.Popen(parent, stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        assert leader.stdout.readline() == b"ready\n"
        while not (dead := [m for m in session_members(leader.pid) if not m.is_alive]):
            pass
        assert threads(dead[0].pid) == 2
        while not kill_session(leader.pid):
            pass
        while threads(dead[0].pid) > 1:
            pass


async def test_an_exit_is_noticed_through_the_pidfd_of_anybody() -> None:
    child = subprocess.Popen(SLEEPER)
    pidfd = os.pidfd_open(child.pid)
    try:
        waiting = asyncio.ensure_future(wait_exit(pidfd))
        await asyncio.sleep(0)
        assert not waiting.done()
        child.send_signal(signal.SIGKILL)
        await asyncio.wait_for(waiting, 10)
    finally:
        child.kill()
        child.wait()
        os.close(pidfd)


async def test_waiting_for_an_exit_can_be_cancelled() -> None:
    child = subprocess.Popen(SLEEPER)
    pidfd = os.pidfd_open(child.pid)
    try:
        waiting = asyncio.ensure_future(wait_exit(pidfd))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not asyncio.get_running_loop().remove_reader(pidfd)
    finally:
        child.kill()
        child.wait()
        os.close(pidfd)
