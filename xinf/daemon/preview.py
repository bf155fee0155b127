"""What a config file would change, before it is in force: nothing is started, fetched or written.

With a running xinf its own picture is asked. Without one the devices are looked at here, and the
records of a machine on which nothing runs are made up in a store that is thrown away, so that the
answer is worked out in one and the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from xinf.config.source import Reading
from xinf.core.changes import Outlook, Preview
from xinf.core.clock import Clock
from xinf.core.models import ModelIntent
from xinf.core.nodes import NodeStatus, Sighting
from xinf.core.placement import Obstacle
from xinf.core.views import is_due
from xinf.daemon import policies
from xinf.daemon.declare import with_declared
from xinf.daemon.edits import waiting_keys
from xinf.daemon.judging import Judging
from xinf.daemon.picture import NoTraffic, Picture, Ways
from xinf.daemon.planner import Planner
from xinf.meta.records import Records
from xinf.meta.sqlite import open_store
from xinf.scheduler.changes import preview


class Previews:
    """Asked of the xinf that `start` was read for."""

    def __init__(self, planner: Planner, start: Reading) -> None:
        self._planner = planner
        self._start = start

    async def preview(self, text: str, file: Path) -> Outlook:
        """What would change if `text` were in `file`, and that were in force. Raises XinfError."""
        reading = self._start.source.read_as(text, file)
        return await outlook(self._planner, reading, self._start)


async def preview_alone(
    reading: Reading, sighting: Sighting, kept: Mapping[str, ModelIntent], clock: Clock
) -> Outlook:
    """What a start with these settings would do on devices such as these, where no xinf runs.

    `kept` are the wishes that an earlier one has left. Raises XinfError.
    """
    with TemporaryDirectory(prefix="xinf-plan-") as folder:
        async with open_store(Path(folder) / "xinf.db", clock, inline=True) as store:
            records = Records(store)
            for name, intent in kept.items():
                await records.models.put(name, intent)
            await records.nodes.put("local", NodeStatus("local", sighting.devices))
            planner = planner_alone(reading, records, clock)
            async with asyncio.TaskGroup() as group:
                loops = [group.create_task(mirror.run()) for mirror in planner.mirrors]
                await planner.picture.synced()
                found = await outlook(planner, reading, reading)
                for loop in loops:
                    loop.cancel()
    return found


def planner_alone(reading: Reading, records: Records, clock: Clock) -> Planner:
    """The planner that a start with these settings would have, before any request."""
    settings = reading.settings
    ways = Ways(policies.engine_defaults(settings), Judging(settings, reading.paths, clock).bench)
    picture = Picture(records, ways, NoTraffic(), clock)
    return Planner(records, picture, policies.plan_policy(settings), clock)


async def outlook(planner: Planner, reading: Reading, start: Reading) -> Outlook:
    """What `reading` would change of what `planner` does. Raises XinfError."""
    await planner.picture.synced()
    specs = policies.declared_models(reading.settings)
    intents = with_declared(planner.picture.models.items, specs)
    before, after = await planner.snapshot(), await planner.snapshot(intents)
    found = await asyncio.to_thread(preview, before, after, planner.policy)
    return Outlook(
        preview=found,
        file=str(reading.paths.config_file or ""),
        misfits=tuple(misfits(found, intents)),
        waiting=waiting_keys(start.settings, reading.settings),
    )


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
