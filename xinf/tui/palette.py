"""Which color belongs to what. Calm tones of middle lightness: they are read on black and white."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from zlib import crc32

MODEL_COLORS = (
    "steel_blue",
    "sea_green3",
    "medium_purple",
    "dark_goldenrod",
    "dark_cyan",
    "orchid",
    "cornflower_blue",
    "dark_olive_green3",
)
QUIET = "bright_black"
TITLE = "bold"
HEADING = "bright_black"
ALARM = "red"
WARNING = "yellow"

_STATES: Mapping[str, str] = MappingProxyType(
    {
        "ready": "green",
        "failed": ALARM,
        "backoff": WARNING,
        "queued": WARNING,
        "off": QUIET,
        "stopped": QUIET,
        "asleep": "cyan",
    }
)


def model_colors(names: Iterable[str]) -> dict[str, str]:
    """A color for each model: its own as long as it can, so that others may come and go."""
    chosen: dict[str, str] = {}
    free: list[str] = []
    for name in sorted(set(names)):
        free = free or list(MODEL_COLORS)
        first = crc32(name.encode()) % len(MODEL_COLORS)
        order = (*MODEL_COLORS[first:], *MODEL_COLORS[:first])
        chosen[name] = next(color for color in order if color in free)
        free.remove(chosen[name])
    return chosen


def state_style(state: str) -> str:
    """The style of an engine's or a model's state; a passing one has none."""
    return _STATES.get(state, "")
