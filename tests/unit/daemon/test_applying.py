from __future__ import annotations

import asyncio
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from xinf.config.source import ConfigSource
from xinf.core.errors import ErrorCode, XinfError
from xinf.daemon.applying import Applying, put_in_place

A = '[models.a]\nengine = "sim"\n'
B = '[models.b]\nengine = "sim"\n'


@dataclass
class Followed:
    """A file that is read when somebody looks; `trouble` is what the next look finds."""

    file: Path | None = None
    problem: str | None = None
    trouble: str | None = None
    read: str = ""

    async def look(self) -> None:
        self.problem = self.trouble
        if self.file is not None:
            self.read = self.file.read_text()


def applying(root: Path, followed: Followed) -> Applying:
    return Applying(ConfigSource({"HOME": str(root)}, root), followed)


async def test_another_text_takes_the_files_place_and_what_stood_there_is_kept(
    tmp_path: Path,
) -> None:
    followed = Followed(tmp_path / "xinf.toml")
    (tmp_path / "xinf.toml").write_text(A)
    (tmp_path / "xinf.toml").chmod(0o640)
    applied = await applying(tmp_path, followed).apply(B, tmp_path / "new.toml")
    assert followed.read == B
    assert applied.file == str(tmp_path / "xinf.toml")
    assert Path(applied.kept).name == "xinf.toml.before"
    assert Path(applied.kept).read_text() == A
    modes = {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert modes == {0o640}
    assert len(list(tmp_path.iterdir())) == 2


async def test_the_followed_file_itself_is_only_read_again(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "xinf.toml")
    (tmp_path / "xinf.toml").write_text(A)
    (tmp_path / "link.toml").symlink_to("xinf.toml")
    applied = await applying(tmp_path, followed).apply(A, tmp_path / "link.toml")
    assert (followed.read, applied.kept) == (A, "")
    assert not (tmp_path / "xinf.toml.before").exists()


async def test_where_no_file_is_followed_it_is_written_where_the_next_start_finds_it(
    tmp_path: Path,
) -> None:
    place = tmp_path / ".config" / "xinf" / "xinf.toml"
    applied = await applying(tmp_path, Followed()).apply(A, tmp_path / "new.toml")
    assert (applied.file, applied.kept) == (str(place), "")
    assert place.read_text() == A
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


async def test_a_wrong_text_changes_nothing(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "xinf.toml")
    (tmp_path / "xinf.toml").write_text(A)
    with pytest.raises(XinfError) as refused:
        await applying(tmp_path, followed).apply("[modls]", tmp_path / "new.toml")
    assert refused.value.code is ErrorCode.CONFIG_INVALID
    assert [each.name for each in tmp_path.iterdir()] == ["xinf.toml"]
    assert (tmp_path / "xinf.toml").read_text() == A


async def test_what_the_next_look_finds_wrong_is_told(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "xinf.toml", trouble="the disk is full")
    with pytest.raises(XinfError, match="the disk is full"):
        await applying(tmp_path, followed).apply(A, tmp_path / "xinf.toml.new")


async def test_two_at_once_are_one_after_the_other(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "xinf.toml")
    it = applying(tmp_path, followed)
    await asyncio.gather(*(it.apply(text, tmp_path / "new.toml") for text in (A, B)))
    texts = {(tmp_path / name).read_text() for name in ("xinf.toml", "xinf.toml.before")}
    assert texts == {A, B}


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text(A)
    (tmp_path / "xinf.toml").symlink_to("real.toml")
    put_in_place(tmp_path / "xinf.toml", B)
    assert (tmp_path / "xinf.toml").is_symlink()
    assert (tmp_path / "real.toml").read_text() == B


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "no").write_text("a file where a directory should be")
    with pytest.raises(XinfError, match="could not be written"):
        put_in_place(tmp_path / "no" / "xinf.toml", A)
