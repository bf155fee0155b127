import logging

import pytest

from xinf.shim.log import adopt_libraries, say


def test_an_event_is_one_line_with_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    say("first\nsecond")
    line = capsys.readouterr().err
    assert line.endswith(" first | second\n")
    assert line[:4].isdigit()
    assert line.count("\n") == 1


def test_what_libraries_log_has_the_same_shape(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    adopt_libraries()
    logging.getLogger("grpc").info("chatter")
    logging.getLogger("grpc").warning("two\nlines")
    assert capsys.readouterr().err.endswith(" grpc warning: two | lines\n")
