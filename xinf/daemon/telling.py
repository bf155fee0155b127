"""Events of the process as a whole: that it began and ended, and what its machines went through."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from typing import Protocol, cast

from xinf.core.clock import Clock
from xinf.core.errors import XinfError
from xinf.core.events import Event, Severity
from xinf.core.nodes import NodeStatus
from xinf.daemon.roles import BOTH, Role
from xinf.meta.events import EventTable
from xinf.observe.events import EventLog, Tell
from xinf.observe.told import node_events


@asynccontextmanager
async def telling(
    table: EventTable,
    roles: AbstractSet[Role],
    clock: Clock,
    notice: XinfError | None = None,
) -> AsyncGenerator[EventLog]:
    """A log whose first event is the start of this process and whose last is its end.

    What is told within the block is written when it is left, whether or not `run` ran. `notice` is
    what the store had to say when it was opened.
    """
    log, name = EventLog(table, clock), _name(roles)

    def say(kind: str, message: str, severity: Severity = Severity.INFO) -> None:
        log.tell(Event(clock.wall(), kind, name, message, "", severity))

    say("xinf.started", f"{name} has started")
    if notice is not None:
        say("store.damaged", str(notice), Severity.WARNING)
    try:
        yield log
    except Exception as error:
        say("xinf.ended", f"{name} ended: {_reason(error)}", Severity.ERROR)
        raise
    else:
        say("xinf.ended", f"{name} ended in order")
    finally:
        await log.flush()


class Nodes(Protocol):
    """The records of machines as they are now."""

    @property
    def items(self) -> Mapping[str, NodeStatus]: ...

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]: ...


def tell_of_nodes(nodes: Nodes, tell: Tell, clock: Clock) -> None:
    """From now on, tell what becomes of machines and their devices."""
    before = dict(nodes.items)

    def look() -> None:
        nonlocal before
        after = dict(nodes.items)
        for event in node_events(before, after, clock.wall()):
            tell(event)
        before = after

    nodes.subscribe(look)


def _name(roles: AbstractSet[Role]) -> str:
    if roles == BOTH:
        return "xinf"
    return "xinf serve" if Role.CONTROL in roles else "xinf worker"


def _reason(error: BaseException) -> str:
    """The innermost of what may be a group, in a line."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return str(error).partition("\n")[0] or type(error).__name__
