"""What vLLM's scheduler says after every step, kept for whoever asks."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the engine. Token counts are of this step alone.

    `is_scheduled` tells whether `running` and `kv_usage` are known: not every message has them.
    """

    is_scheduled: bool = False
    running: int = 0
    kv_usage: float = 0.0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    prefix_queries: int = 0
    prefix_hits: int = 0


class Account:
    """Sums over all steps, and the newest one. Written by vLLM's logger, on the event loop."""

    def __init__(self) -> None:
        self._running = 0
        self._last_step = 0.0
        self._busy_since: float | None = None
        self.kv_usage = 0.0
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self.prefix_queries = 0
        self.prefix_hits = 0

    def note(self, step: Step) -> None:
        self._last_step = time.monotonic()
        if step.is_scheduled:
            self._running = step.running
            self.kv_usage = step.kv_usage
        self.prompt_tokens += step.prompt_tokens
        self.generated_tokens += step.generated_tokens
        self.prefix_queries += step.prefix_queries
        self.prefix_hits += step.prefix_hits

    def running(self, unfinished: int) -> int:
        """Of the `unfinished` requests, those that the scheduler had taken at its last step.

        An aborted request leaves without a step, so the scheduler's own number may be too high.
        """
        return min(self._running, unfinished)

    def stalled_seconds(self, unfinished: int) -> float:
        """How long nothing moved although there is work. Ask often: idling is noticed here."""
        now = time.monotonic()
        if not unfinished:
            self._busy_since = None
            return 0.0
        if self._busy_since is None:
            self._busy_since = now
        return now - max(self._busy_since, self._last_step)
