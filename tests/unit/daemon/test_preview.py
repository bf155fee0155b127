"""What a file would change: worked out on real records by the real planner, without a process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.clock import VirtualClock
from tests.support.store import records
from xinf.config.source import ConfigSource, Reading
from xinf.core.changes import Action, Outlook, Preview
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.facts import ModelFacts, Weights, facts_name
from xinf.core.models import Activation, ModelIntent, ModelSpec, Override, SimSpec
from xinf.core.nodes import Device, NodeStatus, Sighting
from xinf.core.placement import Obstacle, Unplaced
from xinf.core.units import GIB
from xinf.daemon.planner import Planner
from xinf.daemon.preview import (
    FILES_WITHIN_S,
    Previews,
    look_at_files,
    misfits,
    planner_alone,
    preview_alone,
)
from xinf.meta.records import Records
from xinf.meta.store import Put

GPU = Device("GPU-a", "cuda", 0, "NVIDIA A", 32 * GIB, 0)


def model(name: str, gib: int, more: str = "") -> str:
    text = f'[models.{name}]\nengine = "sim"\nactivation = "preload"\n{more}'
    return f'{text}[models.{name}.sim]\nmemory = "{gib}GiB"\n'


def read(root: Path, text: str) -> Reading:
    return ConfigSource({"HOME": str(root)}, root).read_as(text, root / "xinf.toml")


def told(found: Outlook) -> list[tuple[Action, str]]:
    return [(change.action, change.replica) for change in found.preview.changes]


def previews(planner: Planner, start: Reading, files: Files | None = None) -> Previews:
    return Previews(planner, start, files or Files(), VirtualClock())


@asynccontextmanager
async def planned(reading: Reading) -> AsyncIterator[tuple[Planner, Records]]:
    """A planner that has put `reading` into force on one GPU."""
    clock = VirtualClock()
    async with records(clock) as store:
        await store.nodes.put("local", NodeStatus("local", (GPU,)))
        for spec in reading.settings.model_specs():
            await store.models.put(spec.name, ModelIntent(declared=spec))
        planner = planner_alone(reading, store, clock)
        loops = [asyncio.ensure_future(mirror.run()) for mirror in planner.mirrors]
        await planner.picture.synced()
        await planner.look()
        yield planner, store
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


class Files:
    """Files whose headers say what the test says; a source that has none is never answered for."""

    def __init__(self, **facts: ModelFacts | XinfError) -> None:
        self.facts = facts
        self.looked: list[str] = []

    async def look(self, source: str) -> ModelFacts:
        self.looked.append(source)
        found = self.facts.get(source.rpartition("/")[2])
        if isinstance(found, XinfError):
            raise found
        return found if found is not None else await asyncio.Event().wait()  # type: ignore[return-value]

    async def revision(self, source: str) -> str | None:
        raise NotImplementedError


async def alone(root: Path, text: str, *kept: Put) -> Outlook:
    return await preview_alone(read(root, text), Sighting((GPU,)), kept, Files(), VirtualClock())


async def test_where_nothing_runs_all_that_is_wanted_would_be_started(tmp_path: Path) -> None:
    found = await alone(tmp_path, model("a", 10) + model("b", 4))
    assert told(found) == [(Action.START, "a/0"), (Action.START, "b/0")]
    assert [change.bytes for change in found.preview.changes] == [10 * GIB, 4 * GIB]
    (balance,) = found.preview.devices
    assert (balance.id, balance.before, balance.after) == ("cuda:0", 0, 14 * GIB)
    assert found.file == str(tmp_path / "xinf.toml")
    assert found.misfits == ()


async def test_what_was_launched_before_is_counted_where_nothing_runs(tmp_path: Path) -> None:
    launched = ModelSpec("c", engine="sim", sim=SimSpec(memory_bytes=GIB))
    off = ModelIntent(
        declared=ModelSpec("a", engine="sim", sim=SimSpec(memory_bytes=10 * GIB)),
        override=Override.TERMINATE,
    )
    async with records(VirtualClock()) as elsewhere:
        models = elsewhere.models
        kept = [
            models.put_operation("c", ModelIntent(launched=launched)),
            models.put_operation("a", off),
        ]
    found = await alone(tmp_path, model("b", 4), *kept)
    assert told(found) == [(Action.START, "b/0"), (Action.START, "c/0")]


async def test_what_never_fits_is_named_with_its_arithmetic(tmp_path: Path) -> None:
    found = await alone(tmp_path, model("a", 40))
    assert found.misfits == ("a",)
    (entry,) = found.preview.unplaced
    assert (entry.model, entry.needs_bytes) == ("a", 40 * GIB)
    assert "40.0 GiB" in entry.reason
    assert not found.preview.fits


async def test_an_edit_touches_what_it_changes_and_nothing_else(tmp_path: Path) -> None:
    start = read(tmp_path, model("a", 10) + model("b", 4))
    async with planned(start) as (planner, store):
        before = await store.store.list_prefix("")
        text = model("a", 12) + model("c", 2)
        found = await previews(planner, start).preview(text, tmp_path / "new.toml")
        assert await store.store.list_prefix("") == before
    assert told(found) == [
        (Action.STOP, "b/0"),
        (Action.RESIZE, "a/0"),
        (Action.START, "c/0"),
    ]
    assert (found.preview.devices[0].before, found.preview.devices[0].after) == (
        14 * GIB,
        14 * GIB,
    )


async def test_the_same_file_changes_nothing(tmp_path: Path) -> None:
    text = model("a", 10)
    async with planned(read(tmp_path, text)) as (planner, _):
        found = await previews(planner, read(tmp_path, text)).preview(text, tmp_path / "x.toml")
    assert found.preview.is_empty
    assert found.preview.untouched == ("a",)


async def test_what_only_a_restart_applies_is_told_and_not_reckoned_with(tmp_path: Path) -> None:
    start = read(tmp_path, model("a", 10))
    async with planned(start) as (planner, _):
        text = model("a", 10) + '[memory]\nreserve = "30GiB"\n'
        found = await previews(planner, start).preview(text, tmp_path / "x.toml")
    assert found.waiting == ("memory.reserve",)
    assert found.preview.is_empty


async def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path) -> None:
    start = read(tmp_path, model("a", 10))
    async with planned(start) as (planner, _):
        with pytest.raises(XinfError) as refused:
            await previews(planner, start).preview("[modls]\n", tmp_path / "x.toml")
    assert refused.value.code is ErrorCode.CONFIG_INVALID
    assert "x.toml:1" in str(refused.value)


def facts(source: str, gib: int) -> ModelFacts:
    weights = Weights(numbers=gib * GIB // 2)
    return ModelFacts(source, "r", "safetensors", dtype="bfloat16", weights=weights)


async def test_files_that_only_the_new_file_names_are_looked_at_and_forgotten(
    tmp_path: Path,
) -> None:
    start = read(tmp_path, model("a", 10))
    source = f"path:{tmp_path}/big"
    text = f'[models.big]\nsource = "{source}"\nengine = "vllm"\n'
    files = Files(big=facts(source, 90))
    async with planned(start) as (planner, store):
        found = await previews(planner, start, files).preview(text, tmp_path / "x.toml")
        assert await store.facts.list() == {}
    assert files.looked == [source]
    assert [entry.model for entry in found.preview.unplaced] == ["big"]
    assert found.preview.unplaced[0].needs_bytes > 90 * GIB
    assert found.misfits == ("big",)


async def test_files_that_cannot_be_seen_in_time_are_not_waited_for(tmp_path: Path) -> None:
    spec = ModelSpec("m", source="hf:org/silent", engine="vllm")
    gone = ModelSpec("n", source="hf:org/gone", engine="vllm")
    files = Files(gone=XinfError(ErrorCode.NO_NETWORK, cause="no network"))
    clock = VirtualClock()
    looking = asyncio.ensure_future(look_at_files([gone, spec], {}, files, clock))
    await clock.advance(FILES_WITHIN_S)
    found = await looking
    assert found[facts_name("hf:org/gone")].problem == "no network"
    assert "not known" in found[facts_name("hf:org/silent")].problem


async def test_a_model_whose_files_nobody_could_see_is_named_with_the_reason(
    tmp_path: Path,
) -> None:
    start = read(tmp_path, model("a", 10))
    source = f"path:{tmp_path}/gone"
    files = Files(gone=XinfError(ErrorCode.SOURCE_INVALID, cause="nothing is there"))
    text = f'{model("a", 10)}[models.b]\nsource = "{source}"\nengine = "vllm"\n'
    async with planned(start) as (planner, _):
        found = await previews(planner, start, files).preview(text, tmp_path / "x.toml")
    assert found.unseen == (("b", "nothing is there"),)
    assert told(found) == [(Action.START, "b/0")]


async def test_files_that_are_known_are_not_looked_at_again(tmp_path: Path) -> None:
    known = {facts_name("hf:org/m"): facts("hf:org/m", 1)}
    files = Files()
    spec = ModelSpec("m", source="hf:org/m", engine="vllm")
    assert await look_at_files([spec], known, files, VirtualClock()) == known
    assert files.looked == []


@pytest.mark.parametrize(
    ("obstacle", "activation", "is_misfit"),
    [
        (Obstacle.TOO_LARGE, Activation.ON_DEMAND, True),
        (Obstacle.NO_ROOM, Activation.PRELOAD, True),
        (Obstacle.NO_ROOM, Activation.AUTO, False),
        (Obstacle.ON_DEMAND, Activation.ON_DEMAND, False),
        (Obstacle.UNKNOWN_SIZE, Activation.PRELOAD, False),
    ],
)
def test_a_misfit_is_what_should_be_up_and_has_no_place(
    obstacle: Obstacle, activation: Activation, is_misfit: bool
) -> None:
    entry = Unplaced("a/0", "a", 1, 0, "because", obstacle)
    intents = {"a": ModelIntent(declared=ModelSpec("a", activation=activation))}
    found = tuple(misfits(Preview(unplaced=(entry,)), intents))
    assert found == (("a",) if is_misfit else ())
