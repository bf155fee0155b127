"""What a config file would change, before it is in force: nothing is started, fetched or written.

With a running xinf its own picture is asked. Without one the devices are looked at here, and the
records of a machine on which nothing runs are made up in a store that is thrown away, so that the
answer is worked out in one and the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from xinf.config.source import Reading
from xinf.core.changes import Outlook, Preview
from xinf.core.clock import Clock
from xinf.core.errors import XinfError
from xinf.core.facts import ModelFacts, facts_name
from xinf.core.models import ModelIntent, ModelSpec
from xinf.core.nodes import NodeStatus, Sighting
from xinf.core.placement import Obstacle
from xinf.core.views import is_due
from xinf.daemon import policies
from xinf.daemon.declare import with_declared
from xinf.daemon.edits import waiting_keys
from xinf.daemon.judging import Judging
from xinf.daemon.picture import NoTraffic, Picture, Ways
from xinf.daemon.planner import Planner
from xinf.daemon.scout import Inspects
from xinf.device.backends import all_backends
from xinf.device.inventory import Inventory
from xinf.meta.reading import read_entries
from xinf.meta.records import Records
from xinf.meta.sqlite import open_store
from xinf.meta.store import Put
from xinf.registry.inspector import Inspector
from xinf.registry.resolve import sources_of
from xinf.scheduler.changes import preview

# What an earlier xinf has left that a next one would go by.
KEPT = ("models/", "facts/", "footprints/")
# Headers of local files take milliseconds, a hub some seconds; nobody waits longer for a preview.
FILES_WITHIN_S = 15.0


class Previews:
    """Asked of the xinf that `start` was read for. `inspector` looks at files of models that only
    the new file names.
    """

    def __init__(self, planner: Planner, start: Reading, inspector: Inspects, clock: Clock) -> None:
        self._planner = planner
        self._start = start
        self._inspector = inspector
        self._clock = clock

    async def preview(self, text: str, file: Path) -> Outlook:
        """What would change if `text` were in `file`, and that were in force. Raises XinfError."""
        return await self.of(self._start.source.read_as(text, file))

    async def of(self, reading: Reading) -> Outlook:
        """What would change if `reading` were in force. Raises XinfError."""
        planner, picture = self._planner, self._planner.picture
        await picture.synced()
        specs = policies.declared_models(reading.settings)
        facts = await look_at_files(specs, picture.facts.items, self._inspector, self._clock)
        intents = with_declared(picture.models.items, specs)
        before, after = await planner.snapshot(), await planner.snapshot(intents, facts)
        found = await asyncio.to_thread(preview, before, after, planner.policy)
        return Outlook(
            preview=found,
            file=str(reading.paths.config_file or ""),
            misfits=tuple(misfits(found, intents)),
            waiting=waiting_keys(self._start.settings, reading.settings),
            unseen=tuple(unseen(found, specs, facts)),
        )


async def preview_here(reading: Reading, clock: Clock) -> tuple[Outlook, tuple[str, ...]]:
    """What a start on this machine would do while no xinf runs, and what its devices do not tell.

    Looks at the devices and at the files of models, each within bounds, and at the records that an
    earlier xinf left: what was launched, and what was measured. Raises XinfError.
    """
    sighting = await Inventory(all_backends(clock), clock).sample()
    store_file = reading.paths.store_file
    kept = [
        Put(entry.key, entry.value)
        for prefix in KEPT
        for entry in await asyncio.to_thread(read_entries, store_file, prefix)
    ]
    inspector = Inspector(reading.paths.cache_dir, clock)
    found = await preview_alone(reading, sighting, kept, inspector, clock)
    return found, sighting.problems


async def preview_alone(
    reading: Reading,
    sighting: Sighting,
    kept: Sequence[Put],
    inspector: Inspects,
    clock: Clock,
) -> Outlook:
    """What a start with these settings would do on devices such as these, where no xinf runs.

    `kept` are records that an earlier one has left. Raises XinfError.
    """
    with TemporaryDirectory(prefix="xinf-plan-") as folder:
        async with open_store(Path(folder) / "xinf.db", clock, inline=True) as store:
            records = Records(store)
            await store.transact(kept)
            await records.nodes.put("local", NodeStatus("local", sighting.devices))
            planner = planner_alone(reading, records, clock)
            async with asyncio.TaskGroup() as group:
                loops = [group.create_task(mirror.run()) for mirror in planner.mirrors]
                found = await Previews(planner, reading, inspector, clock).of(reading)
                for loop in loops:
                    loop.cancel()
    return found


async def look_at_files(
    specs: Iterable[ModelSpec],
    known: Mapping[str, ModelFacts],
    inspector: Inspects,
    clock: Clock,
) -> Mapping[str, ModelFacts]:
    """What is `known` of files, and what can be seen of others in a while.

    Of what cannot be seen the size is assumed, and not waited for.
    """
    found = dict(known)
    unknown = [source for source in _sources(specs) if facts_name(source) not in found]
    for source in unknown:
        found[facts_name(source)] = ModelFacts(source, problem="its files are not known yet")
    with suppress(TimeoutError):
        async with clock.timeout(FILES_WITHIN_S):
            for source in unknown:
                found[facts_name(source)] = await _look(source, inspector)
    return found


async def _look(source: str, inspector: Inspects) -> ModelFacts:
    try:
        return await inspector.look(source)
    except XinfError as error:
        return ModelFacts(source, problem=error.cause)


def unseen(
    found: Preview, specs: Iterable[ModelSpec], facts: Mapping[str, ModelFacts]
) -> Iterator[tuple[str, str]]:
    """The models that something would become of though nobody could look at their files, and why
    nobody could.
    """
    for spec in specs:
        told = [facts.get(facts_name(source)) for source in _sources([spec])]
        problems = [each.problem for each in told if each is not None and each.problem]
        if problems and spec.name not in found.untouched:
            yield spec.name, problems[0]


def _sources(specs: Iterable[ModelSpec]) -> Iterator[str]:
    for spec in specs:
        # What is wrong with one the plan says.
        with suppress(XinfError):
            yield from sources_of(spec)


def planner_alone(reading: Reading, records: Records, clock: Clock) -> Planner:
    """The planner that a start with these settings would have, before any request."""
    settings = reading.settings
    ways = Ways(policies.engine_defaults(settings), Judging(settings, reading.paths, clock).bench)
    picture = Picture(records, ways, NoTraffic(), clock)
    return Planner(records, picture, policies.plan_policy(settings), clock)


def misfits(found: Preview, intents: Mapping[str, ModelIntent]) -> Iterator[str]:
    """The models that should be up and have no place, by name."""
    for name, intent in sorted(intents.items()):
        entries = [
            entry
            for entry in found.unplaced
            # Whether it fits is not known before its files have been looked at.
            if entry.model == name and entry.obstacle is not Obstacle.UNKNOWN_SIZE
        ]
        never = any(not entry.may_fit_later for entry in entries)
        if entries and (never or is_due(intent, entries)):
            yield name
