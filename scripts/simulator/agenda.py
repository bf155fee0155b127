"""What will happen, and the time that it is now. Time jumps."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable

# What happens at some time; tells whether a plan may depend on it.
Action = Callable[[], bool]


class Agenda:
    """Of what happens at the same time, that comes first which was written down first."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._due: list[tuple[float, int, Action]] = []

    @property
    def next_at(self) -> float:
        """When the next thing happens; infinite if nothing does."""
        return self._due[0][0] if self._due else math.inf

    def at(self, at: float, action: Action) -> None:
        heapq.heappush(self._due, (at, next(self._order), action))

    def after(self, seconds: float, action: Action) -> None:
        self.at(self.now + seconds, action)

    def happen(self) -> bool:
        """All that is due now: whether any of it is news for the plan."""
        is_news = False
        while self.next_at <= self.now:
            is_news |= heapq.heappop(self._due)[2]()
        return is_news


def look_again() -> bool:
    """Only time has passed, or what others hold has changed."""
    return True
