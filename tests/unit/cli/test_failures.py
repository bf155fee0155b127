"""However a command fails: one line, the right exit code, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import xinf
from xinf.cli import asking
from xinf.cli.failures import first_told
from xinf.core.errors import KINDS, ErrorCode, XinfError


def break_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    async def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(asking, "_connected", fail)


@pytest.mark.parametrize("code", [ErrorCode.NOT_FOUND, ErrorCode.TIMED_OUT, ErrorCode.DISK_FULL])
def test_an_error_for_users_is_its_sentence_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, code: ErrorCode
) -> None:
    break_with(monkeypatch, XinfError(code, thing="it", cause="is so", next_step="Do that"))
    result = xinf("ls")
    assert (result.code, result.err) == (KINDS[code].exit_code, "error: it: is so. Do that.\n")


def test_an_error_in_a_group_of_tasks_is_told_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = XinfError(ErrorCode.PORT_IN_USE, cause="port 5090 is taken")
    group = ExceptionGroup("tasks", [ValueError("x"), ExceptionGroup("inner", [told])])
    assert first_told(group) is told
    break_with(monkeypatch, group)
    assert xinf("ls").err == "error: port 5090 is taken.\n"


def test_a_defect_of_ours_is_one_line_and_the_rest_is_in_a_log(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    break_with(monkeypatch, ValueError("two\nlines"))
    result = xinf("ls")
    log = home / ".local/state/xinf/logs/cli-crash.log"
    assert result.code == 1
    assert result.err == (
        f"error: internal error (ValueError: two). The log is in {log}; XINF_DEBUG=1 shows it.\n"
    )
    assert "Traceback" in log.read_text()
    assert "ValueError: two\nlines" in log.read_text()


def test_a_log_that_cannot_be_written_does_not_hide_the_error(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    (home / "file").touch()
    monkeypatch.setenv("XINF_STATE_DIR", str(home / "file"))
    break_with(monkeypatch, ValueError("x"))
    assert xinf("ls").err == (
        "error: internal error (ValueError: x). Run it again with XINF_DEBUG=1 to see where.\n"
    )


def test_with_debug_the_defect_itself_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINF_DEBUG", "1")
    break_with(monkeypatch, ValueError("x"))
    with pytest.raises(ValueError, match="x"):
        xinf("ls")


def test_ctrl_c_ends_a_command_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("xinf.cli.ls.ask", interrupt)
    assert (xinf("ls").code, xinf("ls").err) == (130, "")


def test_usage_errors_are_exit_code_2() -> None:
    for wrong in (["nope"], ["launch"], ["ls", "--nope"], ["launch", "x", "--timeout", "soon"]):
        result = xinf(*wrong)
        assert result.code == 2
        assert "Traceback" not in result.err


@pytest.mark.parametrize("command", ["version", "config schema"])
def test_a_reader_that_has_enough_ends_a_command_quietly(command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "xinf", *command.split()],
            stdout=writing,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
            check=False,
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")
