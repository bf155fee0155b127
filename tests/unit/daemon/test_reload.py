"""The config file, followed: a real file, and models that are only noted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.clock import VirtualClock
from xinf.config.source import ConfigSource
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.events import Event, Severity
from xinf.core.models import ModelSpec
from xinf.daemon.reload import LOOK_EVERY_S, Reload

A = '[models.a]\nengine = "sim"\n'
B = '[models.b]\nengine = "sim"\n'
WRONG = A + "[server]\nprt = 1\n"
# Far more looks than any change needs.
LOOKS_MAX = 200


@dataclass
class Place:
    """A directory in which xinf was started. `declared` has one entry for each that differs."""

    root: Path
    clock: VirtualClock = field(default_factory=VirtualClock)
    said: list[str] = field(default_factory=list[str])
    declared: list[dict[str, ModelSpec]] = field(default_factory=list[dict[str, ModelSpec]])
    trouble: XinfError | None = None
    events: list[Event] = field(default_factory=list[Event])

    @property
    def file(self) -> Path:
        return self.root / "xinf.toml"

    async def declare(self, specs: tuple[ModelSpec, ...]) -> None:
        if self.trouble is not None:
            raise self.trouble
        models = {spec.name: spec for spec in specs}
        if not self.declared or self.declared[-1] != models:
            self.declared.append(models)

    def reload(self, environ: dict[str, str] | None = None) -> Reload:
        source = ConfigSource({"HOME": str(self.root), **(environ or {})}, self.root)
        start = source.read()
        return Reload(start, self.declare, self.said.append, self.clock, self.events.append)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[tuple[Reload, asyncio.Event]]:
        made, reread = self.reload(), asyncio.Event()
        task = asyncio.ensure_future(made.run(reread))
        await self.until(lambda: bool(self.declared))
        yield made, reread
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def until(self, is_so) -> None:
        """Let looks pass until that holds."""
        for _ in range(LOOKS_MAX):
            if is_so():
                return
            await self.clock.advance(LOOK_EVERY_S)
            await asyncio.sleep(0.005)  # for the thread that reads
        raise AssertionError("it did not come")


async def test_a_valid_save_applies_and_is_told(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.file.write_text(A)
    async with place.following() as (reload, _):
        assert place.said == []
        place.file.write_text(A + "queue = 7\n" + B)
        await place.until(lambda: len(place.declared) == 2)
        assert {name: spec.queue for name, spec in place.declared[1].items()} == {"a": 7, "b": 64}
        assert reload.settings.models["a"].queue == 7
        place.file.write_text(B)
        await place.until(lambda: len(place.declared) == 3)
        await place.until(lambda: len(place.said) == 2)
    assert place.said == [f"{place.file}: new: b; changed: a", f"{place.file}: gone: a"]


async def test_an_invalid_save_is_refused_with_line_and_reason_and_told_once(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    place.file.write_text(A)
    async with place.following() as (reload, _):
        place.file.write_text(WRONG)
        await place.until(lambda: reload.problem is not None)
        wrong = f"{place.file}:4: server.prt: unknown key"
        assert reload.problem is not None
        assert wrong in reload.problem
        assert set(reload.settings.models) == {"a"}
        place.file.write_text(WRONG + "# as wrong as before\n")
        await reload.look()
        place.file.write_text(A)
        await place.until(lambda: reload.problem is None)
    assert len(place.declared) == 1
    assert len(place.said) == 2
    assert place.said[0].startswith("warning: the config file is refused, ")
    assert wrong in place.said[0]
    assert place.said[1] == f"{place.file} is right again"


async def test_a_signal_looks_at_once(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.file.write_text(A)
    async with place.following() as (_, reread):
        place.file.write_text(A + B)
        reread.set()
        while len(place.declared) < 2:  # and no time passes
            await asyncio.sleep(0.001)
        assert not reread.is_set()


async def test_what_only_a_restart_applies_is_named(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.file.write_text(A)
    reload = place.reload()
    place.file.write_text(A + "[server]\nport = 1234\n[engines.llamacpp]\nparallel = 2\n")
    await reload.look()
    assert reload.waiting == ("server.port", "engines.llamacpp.parallel")
    await reload.look()
    assert place.said == ["server.port, engines.llamacpp.parallel apply at the next `xinf restart`"]
    place.file.write_text(A)
    await reload.look()
    assert reload.waiting == ()


async def test_defaults_follow_the_file_as_models_do(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.file.write_text(A)
    reload = place.reload()
    place.file.write_text(A + "[defaults]\nqueue = 3\n")
    await reload.look()
    assert (place.declared[-1]["a"].queue, reload.waiting) == (3, ())


async def test_without_models_the_default_one_is_there(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.file.write_text(A)
    reload = place.reload()
    place.file.write_text("")
    await reload.look()
    (name,) = place.declared[-1]
    assert name != "a"
    assert place.said == [f"{place.file}: new: {name}; gone: a"]


async def test_a_file_that_is_gone_takes_nothing_away(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.file.write_text(A)
    async with place.following() as (reload, _):
        place.file.unlink()
        await place.until(lambda: reload.problem is not None)
        assert str(place.file) in str(reload.problem)
        assert (len(place.declared), reload.file) == (1, place.file)
        place.file.write_text(B)
        await place.until(lambda: len(place.declared) == 2)
        assert set(place.declared[1]) == {"b"}
        await place.until(lambda: reload.problem is None)


async def test_a_file_that_appears_where_there_was_none_is_read(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.following() as (reload, _):
        assert reload.file is None
        place.file.write_text(A)
        await place.until(lambda: len(place.declared) == 2)
        assert set(place.declared[1]) == {"a"}
        assert reload.file == place.file


async def test_the_file_in_use_stays_in_use_when_another_would_come_first(tmp_path: Path) -> None:
    place = Place(tmp_path)
    later = tmp_path / ".config" / "xinf" / "xinf.toml"
    later.parent.mkdir(parents=True)
    later.write_text(A)
    reload = place.reload()
    assert reload.file == later
    place.file.write_text(B)
    await reload.look()
    assert (reload.file, set(place.declared[-1])) == (later, {"a"})


async def test_what_the_store_could_not_take_is_tried_again(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.file.write_text(A)
    async with place.following() as (reload, _):
        place.trouble = XinfError(ErrorCode.STORE_UNAVAILABLE, cause="the store is busy")
        place.file.write_text(B)
        await place.until(lambda: reload.problem is not None)
        assert set(reload.settings.models) == {"a"}
        place.trouble = None
        await place.until(lambda: len(place.declared) == 2)
        await place.until(lambda: reload.problem is None)


async def test_an_edit_between_the_start_and_the_first_look_is_noticed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.file.write_text(A)
    reload = place.reload()
    place.file.write_text(B)
    task = asyncio.ensure_future(reload.run(asyncio.Event()))
    await place.until(lambda: bool(place.declared))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert set(place.declared[0]) == {"b"}


async def test_what_was_applied_and_refused_is_kept_for_those_who_ask_later(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    place.file.write_text(A)
    async with place.following():
        place.file.write_text(A + B)
        await place.until(lambda: len(place.events) == 1)
        place.file.write_text(WRONG)
        await place.until(lambda: len(place.events) == 2)
    applied, refused = place.events
    assert (applied.kind, applied.severity) == ("config.applied", Severity.INFO)
    assert applied.message == f"{place.file}: new: b"
    assert (refused.kind, refused.severity) == ("config.refused", Severity.WARNING)
    assert "prt" in refused.message
