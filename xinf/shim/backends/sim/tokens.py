"""A tokenizer of words and marks, and the text that a prompt leads to."""

from __future__ import annotations

import hashlib
import re
import zlib
from array import array
from collections.abc import Iterator, Sequence

# Bounded, so that neither a page of spaces nor one endless word is a single token.
_PIECE = re.compile(r"\s{0,4}\w{1,12}|\s{0,4}[^\w\s]|\s{1,4}")

_WORDS = """
the a one small kind old new quick quiet bright model machine answer question word line river stone
window garden morning letter number list table path door light paper city runs holds turns makes
finds keeps reads writes opens waits sees gives takes moves grows and but so while because under
over near after before with without naïve café 雨 ☂
"""
WORDS: tuple[str, ...] = tuple(_WORDS.split())

# What every prompt begins with, so that none is empty.
BEGIN = 1

LENGTH_MIN = 12
LENGTH_SPAN = 53

_MODULUS = 1 << 64


def pieces(text: str) -> list[str]:
    """`text` cut into tokens; joined, they are `text` again."""
    return _PIECE.findall(text)


def token_id(piece: str) -> int:
    """A stable 32-bit name of a token."""
    # JSON may carry half a surrogate pair, which plain UTF-8 refuses.
    return zlib.crc32(piece.encode("utf-8", "surrogatepass"))


def tokenize(text: str) -> list[int]:
    return [BEGIN, *map(token_id, pieces(text))]


class Story:
    """The tokens that follow `prompt`: always the same ones, and they end by themselves."""

    def __init__(self, prompt: Sequence[int]) -> None:
        digest = hashlib.sha256(array("I", prompt).tobytes()).digest()
        self._seed = int.from_bytes(digest[:8], "big")
        self.length = LENGTH_MIN + int.from_bytes(digest[8:12], "big") % LENGTH_SPAN

    def tokens(self, is_wrong: bool = False) -> Iterator[str]:
        """Pieces for ever: one that must not end after `length` just goes on."""
        # Knuth's MMIX generator: cheap, and the same everywhere.
        state = self._seed ^ (_MODULUS - 1 if is_wrong else 0)
        is_start, count = True, 0
        while True:
            state = (state * 6364136223846793005 + 1442695040888963407) % _MODULUS
            draw = state >> 33
            count += 1
            left = -count % self.length
            # No mark just before the last token, which is one itself.
            if not is_start and (left == 0 or (draw % 11 == 0 and left != 1)):
                yield "."
                is_start = True
                continue
            word = WORDS[draw % len(WORDS)]
            if is_start:
                word = word.capitalize()
            yield word if count == 1 else f" {word}"
            is_start = False
