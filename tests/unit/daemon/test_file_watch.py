import os
from pathlib import Path

import pytest

from xinf.daemon.file_watch import FileWatch, Stamp, stamp_of


def stamp(number: int) -> Stamp:
    return Stamp(device=1, inode=2, size=3, modified_ns=number, changed_ns=number)


def looks(watch: FileWatch, *stamps: Stamp | None) -> list[bool]:
    return [watch.look(each) for each in stamps]


def test_a_change_is_told_once_it_has_settled() -> None:
    watch = FileWatch()
    watch.take(stamp(1))
    assert looks(watch, stamp(1), stamp(2), stamp(2), stamp(2)) == [False, False, True, False]


def test_a_file_that_is_being_written_is_left_alone() -> None:
    watch = FileWatch()
    watch.take(stamp(1))
    assert looks(watch, stamp(2), stamp(3), stamp(4), stamp(4)) == [False, False, False, True]


def test_a_file_that_is_away_for_a_moment_was_not_gone() -> None:
    watch = FileWatch()
    watch.take(stamp(1))
    assert looks(watch, None, stamp(2), stamp(2)) == [False, False, True]


def test_a_file_that_stays_away_is_a_change_and_so_is_its_return() -> None:
    watch = FileWatch()
    watch.take(stamp(1))
    assert looks(watch, None, None, None, stamp(1), stamp(1)) == [False, True, False, False, True]


def test_what_was_taken_is_no_change() -> None:
    watch = FileWatch()
    watch.take(stamp(1))
    watch.look(stamp(2))
    watch.take(stamp(2))
    assert looks(watch, stamp(2), stamp(2)) == [False, False]


@pytest.mark.parametrize(
    "edit",
    [
        lambda file: file.write_text("other text"),
        lambda file: file.write_text("bbb"),
        lambda file: file.with_name("new").replace(file),
        lambda file: file.unlink(),
    ],
    ids=["longer", "as long", "replaced", "removed"],
)
def test_every_way_of_saving_changes_the_stamp(tmp_path: Path, edit) -> None:
    file = tmp_path / "file"
    (tmp_path / "new").write_text("aaa")
    file.write_text("aaa")
    os.utime(file, ns=(0, 0))
    before = stamp_of(file)
    assert before == stamp_of(file) is not None
    edit(file)
    assert stamp_of(file) != before


def test_a_link_is_followed_to_what_it_leads_to(tmp_path: Path) -> None:
    link, one, two = (tmp_path / name for name in ("link", "one", "two"))
    one.write_text("a")
    two.write_text("a")
    link.symlink_to(one)
    assert stamp_of(link) == stamp_of(one)
    (tmp_path / "new").symlink_to(two)
    (tmp_path / "new").replace(link)
    assert stamp_of(link) == stamp_of(two) != stamp_of(one)


def test_where_nothing_is_there_is_no_stamp(tmp_path: Path) -> None:
    assert stamp_of(None) is None
    assert stamp_of(tmp_path / "file") is None
    assert stamp_of(tmp_path / "file" / "in it") is None
