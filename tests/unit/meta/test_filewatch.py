from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvloop

from tests.support.clock import settle
from xinf.meta.filewatch import watch_files

LONG_S = 20.0


class Told:
    """Counts the calls, and waits for the next."""

    def __init__(self) -> None:
        self.count = 0
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self._event.set()

    async def after(self, change: Callable[[], object]) -> None:
        """Until we were told of what `change` did."""
        await settle()  # whatever came before
        self._event.clear()
        change()
        async with asyncio.timeout(LONG_S):
            await self._event.wait()


async def test_a_file_that_is_written_removed_made_and_replaced_is_told_of_each_time(
    tmp_path: Path,
) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    told = Told()
    with watch_files([file], told) as is_told:  # it is not there yet
        assert is_told
        await told.after(lambda: file.write_text("one"))
        await told.after(lambda: file.write_text("two"))
        await told.after(lambda: os.truncate(file, 0))
        await told.after(file.unlink)
        await told.after(lambda: file.write_text("again"))
        await told.after(lambda: file.rename(other))
        await told.after(lambda: other.rename(file))
        await told.after(lambda: file.write_text("three"))


async def test_files_in_several_directories_are_watched_together(tmp_path: Path) -> None:
    files = [tmp_path / place for place in ("a/one", "a/two", "b/one")]
    for file in files:
        file.parent.mkdir(exist_ok=True)
    told = Told()
    with watch_files(files, told):
        for file in files:
            await told.after(lambda file=file: file.write_text("x"))


async def test_nobody_is_told_of_other_files_nor_after_the_end(tmp_path: Path) -> None:
    ours, theirs, witness = Told(), Told(), Told()
    with watch_files([tmp_path / "theirs"], theirs):
        with watch_files([tmp_path / "ours"], ours):
            await theirs.after(lambda: (tmp_path / "theirs").write_text("x"))
            await settle()
            assert ours.count == 0
        (tmp_path / "ours").write_text("x")
        with watch_files([tmp_path / "witness"], witness):
            await witness.after(lambda: (tmp_path / "witness").write_text("x"))
        await settle()
        assert ours.count == 0


async def test_where_the_kernel_cannot_tell_the_caller_is_told_so(tmp_path: Path) -> None:
    told = Told()
    with ExitStack() as owned:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        owned.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        is_told = owned.enter_context(watch_files([tmp_path / "file"], told))
    assert not is_told
    with watch_files([tmp_path / "no directory" / "file"], told) as is_told:
        assert not is_told


async def test_every_descriptor_is_given_back(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for place in ("file", "no directory/file"):
        with watch_files([tmp_path / place], Told()):
            pass
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_it_is_heard_on_either_loop(
    make_loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    async def write_and_hear() -> None:
        told = Told()
        with watch_files([tmp_path / "file"], told):
            await told.after(lambda: (tmp_path / "file").write_text("x"))

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(write_and_hear())
