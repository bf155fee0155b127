import os
import signal
from pathlib import Path

import pytest

from xinf.shim.backends.sim.faults import Faults, LoadFailed, count_load
from xinf.shim.backends.sim.options import SimOptions


def test_the_first_loads_of_a_replica_fail_and_then_no_more(tmp_path: Path) -> None:
    for load in (1, 2):
        with pytest.raises(LoadFailed, match=f"load {load}"):
            count_load(tmp_path, 2)
    count_load(tmp_path, 2)
    count_load(tmp_path, 2)


def test_another_replica_counts_for_itself(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with pytest.raises(LoadFailed):
            count_load(tmp_path / name, 1)


def test_no_fault_leaves_no_trace(tmp_path: Path) -> None:
    count_load(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


def test_faults_strike_at_their_token_and_not_before() -> None:
    faults = Faults(SimOptions(hang_after_tokens=5, wrong_after_tokens=3))
    assert [faults.strike(count) for count in (1, 4, 5, 6)] == [False, False, True, True]
    assert [faults.is_wrong(count) for count in (0, 2, 3, 4)] == [False, False, True, True]


def test_without_faults_nothing_strikes() -> None:
    faults = Faults(SimOptions())
    assert not faults.strike(10**9)
    assert not faults.is_wrong(10**9)


def test_a_crash_is_a_death_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    faults = Faults(SimOptions(crash_after_tokens=2))
    faults.strike(1)
    assert killed == []
    faults.strike(2)
    assert killed == [(os.getpid(), signal.SIGKILL)]
