"""One request's way through the simulated engine: from its body to the last byte of its answer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from xinf.shim.backends.base import Answer, Call, RequestFailed, Usage
from xinf.shim.backends.sim import body
from xinf.shim.backends.sim.render import EVENT_TYPE, JSON_TYPE, Style
from xinf.shim.backends.sim.sequence import Sequence
from xinf.shim.backends.sim.stops import StopScanner
from xinf.shim.backends.sim.tokens import BEGIN, tokenize

CHAT = "/v1/chat/completions"
READERS = {CHAT: body.chat, "/v1/completions": body.completion}


@dataclass(frozen=True, slots=True)
class Prepared:
    asked: body.Asked
    sequence: Sequence
    style: Style


def prepare(
    call: Call, context: int, names: Callable[[list[int]], list[bytes]], served_name: str
) -> Prepared:
    """Check the body, tokenize the prompt, name its blocks. Raises RequestFailed.

    Pure but for the date in the answer; takes milliseconds for a long prompt.
    """
    if call.endpoint not in READERS:
        message = f"The simulated engine does not serve {call.endpoint}."
        raise RequestFailed("unsupported", message)
    asked = READERS[call.endpoint](body.read_body(call.body))
    prompt = tokenize(asked.prompt) if isinstance(asked.prompt, str) else [BEGIN, *asked.prompt]
    answer_max = _room(asked, len(prompt), context)
    prefix = "chatcmpl" if call.endpoint == CHAT else "cmpl"
    style = Style(
        is_chat=call.endpoint == CHAT,
        id=f"{prefix}-{call.id}",
        created=int(time.time()),
        model=asked.model or served_name,
        include_usage=asked.include_usage,
    )
    return Prepared(asked, Sequence(prompt, names(prompt), answer_max, asked.ignore_end), style)


async def relay(prepared: Prepared, answer: Answer) -> Usage:
    """Write the answer of a submitted sequence as it is made."""
    sequence, style = prepared.sequence, prepared.style
    texts = _Texts(sequence, prepared.asked.stops)
    if prepared.asked.stream:
        await _stream(texts, style, answer)
    else:
        whole = "".join([text async for text in texts.batches()])
        answer.head(JSON_TYPE)
        await answer.write(style.whole(whole, texts.finish_reason, texts.usage()))
    return texts.usage()


async def _stream(texts: _Texts, style: Style, answer: Answer) -> None:
    opening = style.first()
    is_open = False
    async for text in texts.batches():
        if not is_open:
            answer.head(EVENT_TYPE)
            is_open = True
        if text or opening:
            await answer.write(opening + (style.piece(text) if text else b""))
            opening = b""
    await answer.write(style.last(texts.finish_reason, texts.usage()))


class _Texts:
    """What the sequence says, up to a stop string; counts as it goes."""

    def __init__(self, sequence: Sequence, stops: tuple[str, ...]) -> None:
        self._sequence = sequence
        self._scanner = StopScanner(stops)
        self._counted = 0

    async def batches(self) -> AsyncIterator[str]:
        """Text as it becomes safe to send, at least once."""
        while not self._scanner.is_stopped and (pieces := await self._sequence.next_pieces()):
            yield self._scan(pieces)
        if rest := self._scanner.rest():
            yield rest

    def _scan(self, pieces: list[str]) -> str:
        safe = ""
        for piece in pieces:
            # Piece by piece, so that the count does not depend on how they came together.
            self._counted += 1
            safe += self._scanner.feed(piece)
            if self._scanner.is_stopped:
                break
        return safe

    @property
    def finish_reason(self) -> str:
        return "stop" if self._scanner.is_stopped else self._sequence.finish_reason

    def usage(self) -> Usage:
        return Usage(self._sequence.prompt_tokens, self._counted, self._sequence.cached)


def _room(asked: body.Asked, prompt_tokens: int, context: int) -> int:
    """Tokens that the answer may have. Raises RequestFailed if it cannot fit."""
    wanted = asked.answer_max or 0
    if prompt_tokens + max(wanted, 1) > context:
        raise RequestFailed(
            "context_length_exceeded",
            f"This model's maximum context length is {context} tokens. However, you requested "
            f"{prompt_tokens + wanted} tokens ({prompt_tokens} in the {asked.prompt_field}, "
            f"{wanted} in the completion). Please reduce the length of the {asked.prompt_field} "
            "or completion.",
            param=asked.prompt_field,
        )
    return asked.answer_max or context - prompt_tokens
