"""What the engine is doing, counted from the pieces that it sends. Never asks it anything."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager

from xinf.shim.backends.base import Usage


class Counted:
    """One request's tokens so far."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.prompt_tokens = 0
        self.generated_tokens = 0

    def prefill(self, processed: int) -> None:
        self.prompt_tokens = processed
        self._account.step()

    def piece(self) -> None:
        """llama.cpp sends one piece for each token that it makes."""
        self.generated_tokens += 1
        self._account.generated_tokens += 1
        self._account.step()

    def settle(self, usage: Usage) -> None:
        """The engine's own count, which is exact, at the end."""
        self._account.prompt_tokens += usage.prompt_tokens
        self._account.cached_tokens += usage.cached_tokens
        self._account.generated_tokens += usage.completion_tokens - self.generated_tokens
        self.generated_tokens = usage.completion_tokens


class Account:
    """Sums over all requests. A step is a prefill batch or a token of anybody."""

    def __init__(self) -> None:
        self._open: set[Counted] = set()
        self._last_step = 0.0
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.generated_tokens = 0

    @contextmanager
    def open(self) -> Generator[Counted]:
        """Counts one request while the block lasts."""
        counted = Counted(self)
        if not self._open:
            self.step()
        self._open.add(counted)
        try:
            yield counted
        finally:
            self._open.discard(counted)

    def step(self) -> None:
        self._last_step = time.monotonic()

    @property
    def stalled_seconds(self) -> float:
        return time.monotonic() - self._last_step if self._open else 0.0

    @property
    def tokens_held(self) -> int:
        """Places of the KV cache that running requests fill."""
        return sum(one.prompt_tokens + one.generated_tokens for one in self._open)
