"""One request inside the engine: what is computed, what is produced, and who waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence as Tokens

from xinf.shim.backends.sim.cache import Holding
from xinf.shim.backends.sim.tokens import Story, token_id


class Sequence:
    """Written by the engine's steps; its one reader awaits `next_pieces`.

    `limit` is how many tokens it makes, `finish_reason` why it ends there: "stop" by itself,
    "length" because it must.
    """

    def __init__(
        self, prompt: Tokens[int], chain: Tokens[bytes], answer_max: int, ignore_end: bool
    ) -> None:
        story = Story(prompt)
        self.prompt_tokens = len(prompt)
        self.chain = chain
        self.limit = answer_max if ignore_end else min(answer_max, story.length)
        self.finish_reason = "length" if ignore_end or answer_max < story.length else "stop"
        self.tokens = list(prompt)
        self.prefilled = 0
        self.cached = 0
        self.made = 0
        self.holding: Holding | None = None
        self._right = story.tokens()
        self._wrong = story.tokens(is_wrong=True)
        self._fresh: list[str] = []
        self._reader: asyncio.Future[None] | None = None

    @property
    def tokens_max(self) -> int:
        return self.prompt_tokens + self.limit

    @property
    def is_prefilling(self) -> bool:
        return self.prefilled < self.prompt_tokens

    @property
    def is_done(self) -> bool:
        return self.made >= self.limit

    def admit(self, holding: Holding, cached: int) -> None:
        self.holding = holding
        self.cached = self.prefilled = cached

    def make_token(self, is_wrong: bool) -> None:
        """The next token of the story; its reader is woken."""
        right, wrong = next(self._right), next(self._wrong)
        piece = wrong if is_wrong else right
        self.tokens.append(token_id(piece))
        self.made += 1
        self._fresh.append(piece)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def next_pieces(self) -> list[str]:
        """What was produced since the last call, at least one piece; empty when it is over."""
        while not self._fresh and not self.is_done:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        fresh, self._fresh = self._fresh, []
        return fresh
