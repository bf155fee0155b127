"""The real way to an engine: a channel, its facts, and the session on it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from xinf.engine.channel import EngineChannel
from xinf.engine.session import open_session
from xinf.router.ports import Link

# An engine that says ready answers in milliseconds; one that does not within this is not well.
FACTS_TIMEOUT_S = 5.0


@asynccontextmanager
async def connect(address: str, epoch: int) -> AsyncGenerator[Link]:
    """A session at `address` for the block. Raises XinfError when there can be none."""
    channel = EngineChannel(address)
    try:
        facts = await channel.info(FACTS_TIMEOUT_S)
        async with open_session(channel, epoch) as session:
            yield Link(session, facts.parallel)
    finally:
        await channel.close()
