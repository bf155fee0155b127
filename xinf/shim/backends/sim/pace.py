"""How long a step takes, without drifting and without ever holding the event loop."""

from __future__ import annotations

import asyncio
import time

# A prefill alone advances in steps of this length, so that a cancel or a newcomer is soon seen.
PREFILL_STEP_SECONDS = 0.01

# Timers are late by a millisecond or so: missed steps are made up for, but not a whole hold-up.
BEHIND_SECONDS_MAX = 0.1


class Pace:
    """`wait` returns when the next step is due."""

    def __init__(self, tokens_per_second: float, prefill_tokens_per_second: float) -> None:
        self._decode_seconds = 1 / tokens_per_second if tokens_per_second else 0.0
        self._prefill_seconds = PREFILL_STEP_SECONDS if prefill_tokens_per_second else 0.0
        self._prefill_rate = prefill_tokens_per_second
        self._budget = 0.0
        self._due_at = 0.0

    async def wait(self, has_decodes: bool, has_prefills: bool) -> float:
        """Until the step is over; how many tokens it may prefill."""
        seconds = self._decode_seconds if has_decodes else 0.0
        if has_prefills:
            seconds = max(seconds, self._prefill_seconds)
        now = time.monotonic()
        self._due_at = max(self._due_at, now - BEHIND_SECONDS_MAX) + seconds
        await asyncio.sleep(max(0.0, self._due_at - now))
        if not self._prefill_rate:
            return float("inf")
        self._budget = self._budget % 1 + self._prefill_rate * seconds if has_prefills else 0.0
        return self._budget

    def rest(self) -> None:
        """Nothing to do: the next step begins from then, not from now."""
        self._due_at = 0.0
