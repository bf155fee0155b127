from __future__ import annotations

import os
from pathlib import Path

import pytest

from xinf.clock import SystemClock
from xinf.daemon.doctor.facts import Reach
from xinf.daemon.doctor.probe import Probe, try_peers

# Arguments as the real one gets them: -P -m xinf.shim.peers BACKEND RANK MEETING.
PRELUDE = '#!/bin/sh\nrank=$5; meeting=$6; echo $$ >> "$0.pids"\n'
WORKS = "echo imported; echo reached\n"


def probe(tmp_path: Path, script: str, meet_s: float = 60.0, import_s: float = 60.0) -> Probe:
    """A probe with this script in place of Python."""
    python = tmp_path / "python"
    python.write_text(PRELUDE + script)
    python.chmod(0o755)
    return Probe(python, tmp_path / "tree", "gloo", SystemClock(), import_s, meet_s)


def alive(tmp_path: Path) -> list[int]:
    pids = (tmp_path / "python.pids").read_text().split()
    return [int(pid) for pid in pids if Path("/proc", pid).exists()]


async def test_two_that_reach_each_other_say_so(tmp_path: Path) -> None:
    assert await try_peers(probe(tmp_path, WORKS), {}) == (Reach.WORKS, "")
    assert len((tmp_path / "python.pids").read_text().split()) == 2


async def test_two_that_hang_are_ended_though_they_ignore_being_asked(tmp_path: Path) -> None:
    hangs = "trap '' TERM; echo imported; while :; do sleep 60; done\n"
    assert await try_peers(probe(tmp_path, hangs, meet_s=0.2), {}) == (Reach.HANGS, "")
    assert alive(tmp_path) == []


async def test_one_that_crashes_ends_the_other_at_once_and_has_the_last_words(
    tmp_path: Path,
) -> None:
    crash = (
        "echo imported; [ $rank = 0 ] && sleep 600; echo 'RuntimeError: out of memory'; exit 1\n"
    )
    reach, words = await try_peers(probe(tmp_path, crash), {})
    assert (reach, words) == (Reach.CRASHED, "RuntimeError: out of memory")
    assert alive(tmp_path) == []


async def test_one_that_crashes_before_the_meeting_is_told_as_well(tmp_path: Path) -> None:
    crash = "[ $rank = 0 ] && sleep 600; echo 'No module named torch'; exit 1\n"
    reach, words = await try_peers(probe(tmp_path, crash), {})
    assert (reach, words) == (Reach.CRASHED, "No module named torch")
    assert alive(tmp_path) == []


async def test_an_import_that_does_not_end_is_no_word_on_the_hardware(tmp_path: Path) -> None:
    reach, words = await try_peers(probe(tmp_path, "sleep 600\n", import_s=0.2), {})
    assert reach is Reach.CRASHED
    assert "importing torch" in words
    assert alive(tmp_path) == []


async def test_wrong_sums_are_told_apart_from_crashes(tmp_path: Path) -> None:
    wrong = "echo imported; echo 'a sum of 65536 numbers came out wrong'; exit 1\n"
    assert (await try_peers(probe(tmp_path, wrong), {}))[0] is Reach.WRONG


async def test_one_that_ends_and_says_nothing_has_not_reached_anybody(tmp_path: Path) -> None:
    reach, _ = await try_peers(probe(tmp_path, "echo imported\n"), {})
    assert reach is Reach.CRASHED


async def test_an_interpreter_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = Probe(tmp_path / "none", tmp_path, "gloo", SystemClock())
    reach, words = await try_peers(missing, {})
    assert (reach, "does not run" in words) == (Reach.CRASHED, True)


async def test_they_see_their_devices_and_loopback_and_nothing_that_would_answer_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NCCL_P2P_DISABLE", "1")
    told = 'env > "$0.env.$rank"; ' + WORKS
    visible = {"CUDA_VISIBLE_DEVICES": "GPU-1,GPU-2"}
    assert (await try_peers(probe(tmp_path, told), visible))[0] is Reach.WORKS
    env = (tmp_path / "python.env.1").read_text().splitlines()
    wanted = {
        "CUDA_VISIBLE_DEVICES=GPU-1,GPU-2",
        "NCCL_SOCKET_IFNAME=lo",
        "GLOO_SOCKET_IFNAME=lo",
        f"PYTHONPATH={tmp_path / 'tree'}",
    }
    assert wanted <= set(env)
    assert not any(line.startswith("NCCL_P2P") for line in env)
    await try_peers(probe(tmp_path, told), visible, peers=False)
    assert "NCCL_P2P_DISABLE=1" in (tmp_path / "python.env.0").read_text().splitlines()


async def test_nothing_of_the_meeting_stays(tmp_path: Path) -> None:
    told = 'echo "$meeting" > "$0.meeting"; ' + WORKS
    await try_peers(probe(tmp_path, told), {})
    meeting = Path((tmp_path / "python.meeting").read_text().strip())
    assert meeting.is_absolute()
    assert not os.path.lexists(meeting.parent)
