"""Who asks for what and when. The same seed makes the same requests, whatever the strategy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from scripts.simulator.scenario import Arrivals

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Request:
    """`number` is its place in the order of arrival, `service_s` how long its answer takes."""

    number: int
    model: str
    at: float
    service_s: float
    priority: int = 20


def requests(sources: Iterable[Arrivals], duration_s: float, seed: int) -> tuple[Request, ...]:
    """All that arrive before `duration_s`, in order.

    Each source has chances of its own, so that another one beside it changes nothing for it.
    """
    found = [
        (at, index, service_s, source)
        for index, source in enumerate(sources)
        for at, service_s in _of(source, Random(f"{seed}/{index}"))
        if at < duration_s
    ]
    found.sort(key=lambda each: each[:2])
    return tuple(
        Request(number, source.model, at, service_s, source.priority)
        for number, (at, _, service_s, source) in enumerate(found)
    )


def _of(source: Arrivals, chance: Random) -> Iterator[tuple[float, float]]:
    for at in (*source.at, *_at_random(source, chance)):
        varied = chance.expovariate(1.0) if source.varies else 1.0
        yield at, source.service_s * varied


def _at_random(source: Arrivals, chance: Random) -> Iterator[float]:
    """A Poisson process of bursts, so that `per_hour` is what comes whatever their size."""
    if not source.per_hour:
        return
    bursts_per_s = source.per_hour / source.burst / SECONDS_PER_HOUR
    at = source.start_s + chance.expovariate(bursts_per_s)
    while at < source.end_s:
        yield from [at] * source.burst
        at += chance.expovariate(bursts_per_s)
