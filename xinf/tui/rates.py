"""Tokens a second, from how much the counters grew between two looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from xinf.core.views import ReplicaView

# The mean over so long: a pace that an eye can read, and still gone soon after the last token.
WINDOW_S = 3.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The counters at `at` (a clock's own seconds), per replica and process: a new one begins at 0.

    Counters of different processes are never compared.
    """

    at: float
    tokens: Mapping[tuple[str, int | None], int]


def sample(replicas: Iterable[ReplicaView], at: float) -> Sample:
    return Sample(at, {(each.replica, each.pid): each.generated_tokens for each in replicas})


def remembered(before: Sequence[Sample], newest: Sample) -> tuple[Sample, ...]:
    """`before` and `newest`, without what is older than the window."""
    return (*(each for each in before if newest.at - each.at <= WINDOW_S), newest)


def rates(samples: Sequence[Sample]) -> dict[str, float] | None:
    """Tokens a second per replica; None as long as there is nothing to compare."""
    if len(samples) < 2:
        return None
    newest = samples[-1]
    found: dict[str, float] = {}
    for key, tokens in newest.tokens.items():
        first = next((each for each in samples if key in each.tokens), newest)
        elapsed = newest.at - first.at
        gained = tokens - first.tokens[key]
        found[key[0]] = max(gained, 0) / elapsed if elapsed > 0 else 0.0
    return found
