import json
import os
from pathlib import Path

import pytest

from xinf.shim.exits import LOAD_FAILED, Exit
from xinf.shim.files import StatusFile, write_exit


def read(path: Path) -> dict[str, object]:
    return json.loads(path.read_text())


def test_the_status_file_says_who_and_how_far(tmp_path: Path) -> None:
    StatusFile(tmp_path / "s", "i-1").report("loading", 0.25, "layer 3")
    assert read(tmp_path / "s.status") == {
        "instance": "i-1",
        "pid": os.getpid(),
        "phase": "loading",
        "progress": 0.25,
        "message": "layer 3",
    }


def test_a_new_phase_is_written_at_once_and_leaves_no_other_file(tmp_path: Path) -> None:
    status = StatusFile(tmp_path / "s", "i-1")
    for phase in ("starting", "loading", "warming", "ready"):
        status.report(phase)
        assert read(tmp_path / "s.status")["phase"] == phase
    assert [path.name for path in tmp_path.iterdir()] == ["s.status"]


def test_a_new_message_is_written_at_once(tmp_path: Path) -> None:
    status = StatusFile(tmp_path / "s", "i-1")
    for message in ("", "reading", "computing"):
        status.report("loading", message=message)
        assert read(tmp_path / "s.status")["message"] == message


def test_quick_progress_is_not_written_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[object] = []
    monkeypatch.setattr("xinf.shim.files.replace_json", lambda path, value: written.append(value))
    status = StatusFile(tmp_path / "s", "i-1")
    for step in range(1000):
        status.report("loading", step / 1000)
    assert 1 <= len(written) < 1000


@pytest.mark.parametrize(("told", "kept"), [(-1.0, 0.0), (0.5, 0.5), (7.0, 1.0)])
def test_progress_stays_between_0_and_1(tmp_path: Path, told: float, kept: float) -> None:
    StatusFile(tmp_path / "s", "i-1").report("loading", told)
    assert read(tmp_path / "s.status")["progress"] == kept


def test_the_exit_file_says_why(tmp_path: Path) -> None:
    write_exit(tmp_path / "s", Exit(LOAD_FAILED, "no such model"))
    written = read(tmp_path / "s.exit")
    assert (written["code"], written["reason"]) == (71, "no such model")
    assert isinstance(written["at"], float)
