"""What the router needs of the rest of the world, as narrow as it really is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from xinf.core.requests import ExecutionContext
from xinf.engine.load import EngineLoad
from xinf.engine.session import Data, EngineUsage, Head

T_co = TypeVar("T_co", covariant=True)


class Mirrored(Protocol[T_co]):
    """Records of the store as they are now, kept fresh by a watch."""

    @property
    def items(self) -> Mapping[str, T_co]: ...

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each change; the returned function ends that."""
        ...

    async def synced(self) -> None:
        """Wait until the first listing is in."""
        ...


class Stream(Protocol):
    """One answer, as it arrives. Taking an event gives its credit back to the engine."""

    @property
    def usage(self) -> EngineUsage: ...
    def __aiter__(self) -> AsyncIterator[Head | Data]: ...
    async def __anext__(self) -> Head | Data: ...


class Session(Protocol):
    """The data path to one engine."""

    @property
    def load(self) -> EngineLoad | None: ...

    def submit(
        self, context: ExecutionContext, body: bytes, *, deadline_s: float
    ) -> AbstractAsyncContextManager[Stream]:
        """Ask; leaving the block early cancels the request in the engine."""
        ...

    async def wait_closed(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Link:
    """An open session, and how many requests the engine behind it works on at once."""

    session: Session
    parallel: int


# Opens a session at an address, fenced by an epoch that must grow.
Connect: TypeAlias = Callable[[str, int], AbstractAsyncContextManager[Link]]
