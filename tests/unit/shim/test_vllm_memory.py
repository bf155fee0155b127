import os
import subprocess
import sys
from pathlib import Path

import pytest

from xinf.shim.backends.vllm import memory
from xinf.shim.backends.vllm.memory import INTERVAL_SECONDS, PAGE_BYTES, SessionMemory


def process(proc: Path, pid: int, session: int, pages: str, name: str = "python") -> Path:
    """`pages` are all, resident and shared ones."""
    folder = proc / str(pid)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stat").write_text(f"{pid} ({name}) S 1 {pid} {session} 0 -1 4194304 0")
    (folder / "statm").write_text(f"{pages} 1 0 50 0\n")
    return folder


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock whose hand a test moves."""
    hand = [100.0]
    monkeypatch.setattr(memory.time, "monotonic", lambda: hand[0])
    return hand


def looked(proc: Path, session: int) -> int:
    seen = SessionMemory(proc)
    seen.find(session)
    return seen.bytes() // PAGE_BYTES


def test_own_pages_add_up_and_shared_ones_count_once(tmp_path: Path) -> None:
    process(tmp_path, 10, session=10, pages="900 100 30")
    process(tmp_path, 11, session=10, pages="900 50 20", name="VLLM (odd) name")
    process(tmp_path, 12, session=99, pages="9000 5000 0")
    (tmp_path / "meminfo").touch()
    assert looked(tmp_path, 10) == 70 + 30 + 30


def test_pages_that_forked_processes_share_count_once(tmp_path: Path, now: list[float]) -> None:
    for pid, proportional in ((10, 60), (11, 50)):
        folder = process(tmp_path, pid, session=10, pages="900 100 0")
        size = proportional * PAGE_BYTES // 1024
        (folder / "smaps_rollup").write_text(f"0-1 rollup\nRss: 9 kB\nPss: {size} kB\n")
    seen = SessionMemory(tmp_path)
    seen.find(10)
    assert seen.bytes() == 110 * PAGE_BYTES
    process(tmp_path, 10, session=10, pages="900 130 10")
    now[0] += INTERVAL_SECONDS
    assert seen.bytes() == 140 * PAGE_BYTES


# A session of its own: what other processes of the tests' session hold comes and goes.
REAL_FORK = """
import os
from pathlib import Path
from xinf.shim.backends.vllm.memory import PAGE_BYTES, SessionMemory

def held():
    seen = SessionMemory()
    seen.find(os.getsid(0))
    return seen.bytes()

ballast = bytearray(os.urandom(2**20)) * 64
before = held()
ours, theirs = os.pipe()
if not os.fork():
    os.close(theirs)
    os.read(ours, 1)
    os._exit(0)
after = held()
print(before, after)
os.close(theirs)
os.wait()
"""


def test_a_real_fork_adds_little() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REAL_FORK],
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
    )
    assert done.stderr == ""
    before, after = map(int, done.stdout.split())
    assert before > 64 * 2**20
    assert after - before < before / 2


def test_a_process_that_is_gone_counts_nothing(tmp_path: Path) -> None:
    process(tmp_path, 10, session=10, pages="900 100 30")
    (process(tmp_path, 11, session=10, pages="900 50 20") / "statm").unlink()
    (tmp_path / "12").mkdir()
    assert looked(tmp_path, 10) == 100


def test_it_looks_again_only_after_a_while(tmp_path: Path, now: list[float]) -> None:
    process(tmp_path, 10, session=10, pages="900 100 30")
    seen = SessionMemory(tmp_path)
    assert seen.bytes() == 0
    seen.find(10)
    now[0] += INTERVAL_SECONDS
    assert seen.bytes() == 100 * PAGE_BYTES
    process(tmp_path, 10, session=10, pages="900 200 30")
    assert seen.bytes() == 100 * PAGE_BYTES
    now[0] += INTERVAL_SECONDS
    assert seen.bytes() == 200 * PAGE_BYTES


def test_a_real_session_holds_something() -> None:
    seen = SessionMemory()
    seen.find(os.getsid(0))
    own = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    assert seen.bytes() >= own * 0.9
