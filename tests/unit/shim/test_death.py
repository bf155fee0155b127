"""Real processes: a child that is asked to die with its parent does, however the parent ends."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PATIENCE_S = 30.0
HEAD = """
import multiprocessing, os, sys, time
from xinf.shim.death import die_with_parent, forks_die_with_us

def child(pipe):
    die_with_parent()
    pipe.send(os.getpid())
    time.sleep(600)

def started(method):
    context = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    context.Process(target=child, args=(theirs,)).start()
    return ours.recv()

def forked():
    pid = os.fork()
    if not pid:
        time.sleep(600)
        os._exit(0)
    return pid
"""
FORK_IN_BLOCK = """
if __name__ == "__main__":
    with forks_die_with_us():
        print(forked(), flush=True)
    time.sleep(600)
"""
FORK_TWICE = """
if __name__ == "__main__":
    with forks_die_with_us():
        ours, theirs = os.pipe()
        if not os.fork():
            os.write(theirs, str(forked()).encode())
            time.sleep(600)
            os._exit(0)
        print(os.read(ours, 20).decode(), flush=True)
    time.sleep(600)
"""
FORK_AFTER_BLOCK = """
import ctypes

PR_GET_PDEATHSIG = 2

if __name__ == "__main__":
    with forks_die_with_us():
        pass
    if not os.fork():
        number = ctypes.c_int(-1)
        ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(number))
        print(f"death signal {number.value}", flush=True)
        os._exit(0)
    os.wait()
"""
SPAWN_EARLY = """
class Early:
    def __setstate__(self, state):
        # Unpickled before the child knows its parent, as vLLM's first import is.
        assert multiprocessing.parent_process() is None
        die_with_parent()
        self.__dict__.update(state)

def wait(early, pipe):
    pipe.send(os.getpid())
    time.sleep(600)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    early = Early()
    early.is_early = True
    context.Process(target=wait, args=(early, theirs)).start()
    print(ours.recv(), flush=True)
    time.sleep(600)
"""
ORPHAN = """
if __name__ == "__main__":
    sys.orig_argv.append("--multiprocessing-fork")
    os.setsid()  # and its parent is in another one
    die_with_parent()
    print("alive", flush=True)
"""
SPAWN = """
if __name__ == "__main__":
    print(started("spawn"), flush=True)
    time.sleep(600)
"""
LATE = """
class Gone:
    pid = 1

if __name__ == "__main__":
    multiprocessing.parent_process = lambda: Gone
    die_with_parent()
    print("alive", flush=True)
"""
SHIM = """
if __name__ == "__main__":
    die_with_parent()
    print("alive", flush=True)
"""


@contextmanager
def parent(tmp_path: Path, script: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that runs `script`, and the pid of the child that it tells."""
    file = tmp_path / "parent.py"
    file.write_text(HEAD + script)
    process = subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, text=True)
    child = 0
    try:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        yield process, child
    finally:
        process.kill()
        with suppress(ProcessLookupError):
            if child:
                os.kill(child, signal.SIGKILL)
        process.communicate()


def run(tmp_path: Path, script: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "run.py"
    file.write_text(HEAD + script)
    return subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "script",
    [FORK_IN_BLOCK, FORK_TWICE, SPAWN, SPAWN_EARLY],
    ids=["forked", "forked by one that was forked", "spawned", "spawned, early"],
)
def test_a_child_is_gone_when_its_parent_is_killed(tmp_path: Path, script: str) -> None:
    with parent(tmp_path, script) as (process, child):
        descriptor = os.pidfd_open(child)
        process.kill()
        # A pidfd becomes readable when its process has ended.
        ended, _, _ = select.select([descriptor], [], [], PATIENCE_S)
        os.close(descriptor)
        assert ended


def test_a_child_that_is_forked_later_is_left_alone(tmp_path: Path) -> None:
    assert run(tmp_path, FORK_AFTER_BLOCK).stdout == "death signal 0\n"


@pytest.mark.parametrize("script", [LATE, ORPHAN], ids=["it knows whose", "it does not"])
def test_a_child_whose_parent_is_gone_already_does_not_begin(tmp_path: Path, script: str) -> None:
    done = run(tmp_path, script)
    assert (done.returncode, done.stdout) == (1, "")


def test_the_process_that_loads_the_plugin_first_is_spared(tmp_path: Path) -> None:
    done = run(tmp_path, SHIM)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")
