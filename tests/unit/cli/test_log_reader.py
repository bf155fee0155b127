from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from xinf.cli.log_files import Log
from xinf.cli.log_reader import LogReader


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "xinf.log"


@pytest.fixture
def reader(file: Path) -> Iterator[LogReader]:
    reader = LogReader(Log("xinf", file, file.with_name("xinf.log.1")))
    yield reader
    reader.close()


def write(file: Path, text: str) -> None:
    with file.open("a") as log:
        log.write(text)


def new(reader: LogReader) -> str:
    return b"".join(reader.new()).decode()


def last(reader: LogReader, lines: int | None) -> str:
    return b"".join((*reader.last(lines), *reader.rest())).decode()


def test_what_is_written_later_is_new_and_told_once(file: Path, reader: LogReader) -> None:
    write(file, "1\n2\n3\n")
    assert last(reader, 2) == "2\n3\n"
    assert new(reader) == ""
    write(file, "4\n")
    assert new(reader) == "4\n"
    assert new(reader) == ""


def test_a_line_is_told_when_it_is_whole(file: Path, reader: LogReader) -> None:
    write(file, "begun")
    assert new(reader) == ""
    write(file, " and ended\n")
    assert new(reader) == "begun and ended\n"


def test_a_file_may_come_into_being_later(file: Path, reader: LogReader) -> None:
    assert last(reader, 5) == ""
    assert new(reader) == ""
    write(file, "1\n")
    assert new(reader) == "1\n"


def test_rotation_loses_nothing(file: Path, reader: LogReader) -> None:
    write(file, "1\n")
    assert last(reader, 5) == "1\n"
    write(file, "2\n3")
    file.rename(file.with_name("xinf.log.1"))
    assert new(reader) == "2\n"
    write(file, "4\n")
    assert new(reader) == "3\n4\n"


def test_a_file_that_was_emptied_begins_anew(file: Path, reader: LogReader) -> None:
    write(file, "a long first line\n")
    assert last(reader, 5)
    file.write_text("new\n")
    assert new(reader) == "new\n"


def test_a_file_that_was_removed_and_made_again_is_followed(file: Path, reader: LogReader) -> None:
    write(file, "1\n")
    assert last(reader, 5) == "1\n"
    file.unlink()
    assert new(reader) == ""
    write(file, "2\n")
    assert new(reader) == "2\n"


@pytest.mark.parametrize(
    ("lines", "shown"),
    [(1, "4\n"), (2, "3\n4\n"), (3, "2\n3\n4\n"), (9, "1\n2\n3\n4\n"), (None, "1\n2\n3\n4\n")],
)
def test_the_last_lines_may_be_in_the_file_before(
    file: Path, reader: LogReader, lines: int | None, shown: str
) -> None:
    write(file.with_name("xinf.log.1"), "1\n2\n")
    write(file, "3\n4\n")
    assert last(reader, lines) == shown
    write(file, "5\n")
    assert new(reader) == "5\n"
