"""A copy in memory of one part of the store, for readers that must never wait for it.

One task runs `run`; it alone changes the copy, and only as a whole: whoever took `items` keeps a
consistent state, and a transaction is seen entirely or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from xinf.meta.store import Change, Compacted, Entry, MetaStore

T = TypeVar("T")


class Mirror(Generic[T]):
    """The records below `prefix` by name, as of `revision`.

    `decode` raises ValueError for what it cannot read. Such a record is left out, lest it blind the
    daemon to all the others, and named in `unreadable` with the reason.
    """

    def __init__(self, store: MetaStore, prefix: str, decode: Callable[[str], T]) -> None:
        self._store = store
        self._prefix = prefix
        self._decode = decode
        self._callbacks: Mapping[object, Callable[[], None]] = {}
        self._synced = asyncio.Event()
        self.items: Mapping[str, T] = MappingProxyType({})
        self.unreadable: Mapping[str, str] = MappingProxyType({})
        self.revision = 0

    async def run(self) -> None:
        """Follow the store until cancelled."""
        while True:
            try:
                await self._follow()
            except Compacted:
                continue  # too far behind: list again

    async def synced(self) -> None:
        """Until the first listing is here."""
        await self._synced.wait()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have `callback` called after each change of `items`; returns how to end that.

        It is called on the event loop's thread and must return at once.
        """
        subscription = object()

        def unsubscribe() -> None:
            left = self._callbacks.items()
            self._callbacks = {key: each for key, each in left if key is not subscription}

        self._callbacks = {**self._callbacks, subscription: callback}
        return unsubscribe

    async def _follow(self) -> None:
        listing = await self._store.list_prefix(self._prefix)
        self._become({}, {}, listing.entries, listing.revision)
        self._synced.set()
        async for batch in self._store.watch_batches(self._prefix, listing.revision):
            self._become(self.items, self.unreadable, batch, batch[-1].revision)

    def _become(
        self,
        items: Mapping[str, T],
        unreadable: Mapping[str, str],
        changes: Iterable[Entry | Change],
        revision: int,
    ) -> None:
        items, unreadable = dict(items), dict(unreadable)
        for change in changes:
            name = change.key.removeprefix(self._prefix)
            items.pop(name, None)
            unreadable.pop(name, None)
            if change.value is None:
                continue
            try:
                items[name] = self._decode(change.value)
            except ValueError as error:
                unreadable[name] = str(error)
        self.items, self.unreadable = MappingProxyType(items), MappingProxyType(unreadable)
        self.revision = revision
        for callback in self._callbacks.values():
            callback()
