import os
from pathlib import Path

import pytest

from xinf.shim.backends.vllm import memory
from xinf.shim.backends.vllm.memory import SessionMemory, session_bytes


def process(proc: Path, pid: int, session: int, pss_kb: int, name: str = "python") -> Path:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} ({name}) S 1 {pid} {session} 0 -1 4194304 0")
    rollup = f"55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss: 999 kB\nPss: {pss_kb:8} kB\n"
    (folder / "smaps_rollup").write_text(rollup + "Pss_Anon: 7 kB\n")
    return folder


def test_the_processes_of_the_session_add_up_and_others_do_not_count(tmp_path: Path) -> None:
    process(tmp_path, 10, session=10, pss_kb=100)
    process(tmp_path, 11, session=10, pss_kb=20, name="VLLM (odd) name")
    process(tmp_path, 12, session=99, pss_kb=5000)
    (tmp_path / "meminfo").touch()
    assert session_bytes(10, tmp_path) == 120 * 1024


def test_a_process_that_ends_while_it_is_looked_at_counts_nothing(tmp_path: Path) -> None:
    process(tmp_path, 10, session=10, pss_kb=100)
    (process(tmp_path, 11, session=10, pss_kb=20) / "smaps_rollup").unlink()
    (tmp_path / "12").mkdir()
    assert session_bytes(10, tmp_path) == 100 * 1024


def test_this_session_holds_something() -> None:
    own = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert session_bytes() > own / 4


async def test_the_newest_look_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([5, 7])
    monkeypatch.setattr(memory, "session_bytes", lambda: next(seen))
    kept = SessionMemory()
    assert kept.bytes == 0
    await kept.look()
    await kept.look()
    assert kept.bytes == 7
