"""Who may use the data path: one session at a time, fenced by an epoch.

A gateway that was replaced may wake up late and still believe that this engine is its own. Epochs
only grow, so it is told that it is too late, and the newer one is never disturbed.
"""

from __future__ import annotations

from collections.abc import Callable


class StaleEpoch(Exception):
    """A hello came with an epoch that is not higher than one that was seen before."""

    def __init__(self, asked: int, highest: int) -> None:
        super().__init__(f"epoch {asked} is not higher than {highest}")


class Seat:
    """`take` ends the holder before it by calling what that holder gave as `evict`."""

    def __init__(self) -> None:
        self._epoch = 0
        self._evict: Callable[[int], None] | None = None

    def take(self, epoch: int, evict: Callable[[int], None]) -> None:
        """Raises StaleEpoch, and then changes nothing."""
        if epoch <= self._epoch:
            raise StaleEpoch(epoch, self._epoch)
        before, self._evict = self._evict, evict
        self._epoch = epoch
        if before is not None:
            before(epoch)

    def leave(self, epoch: int) -> None:
        """The holder of `epoch` is gone; a holder after it is not touched."""
        if epoch == self._epoch:
            self._evict = None
