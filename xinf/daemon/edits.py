"""What an edit of the config file comes to, in words. Decides only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xinf.config.layers import leaves
from xinf.config.problems import key_text
from xinf.config.render import plain
from xinf.config.settings import Settings
from xinf.core.models import ModelSpec

# What a running xinf follows; everything else was built from the settings when it started.
_LIVE = frozenset({"models", "defaults"})


def model_changes(before: Iterable[ModelSpec], after: Iterable[ModelSpec]) -> str:
    """Which models are new, changed and gone, e.g. "new: b; gone: a"; empty if none is."""
    old, new = ({spec.name: spec for spec in specs} for specs in (before, after))
    changed = [name for name in new if name in old and new[name] != old[name]]
    parts = {
        "new": [name for name in new if name not in old],
        "changed": changed,
        "gone": [name for name in old if name not in new],
    }
    return "; ".join(f"{word}: {', '.join(names)}" for word, names in parts.items() if names)


def waiting_keys(started_with: Settings, now: Settings) -> tuple[str, ...]:
    """The settings that differ from those of the start and that only a restart applies."""
    old, new = leaves(plain(started_with)), leaves(plain(now))
    return tuple(
        key_text(path)
        for path in dict.fromkeys((*old, *new))
        if path[0] not in _LIVE and old.get(path) != new.get(path)
    )


def refused_words(problem: str) -> str:
    """What it means that the config file has `problem`."""
    return f"the config file is refused, what was read before goes on: {problem}"


def waiting_words(keys: Sequence[str]) -> str:
    """What to do about `waiting_keys`, e.g. "server.port applies at the next `xinf restart`"."""
    verb = "applies" if len(keys) == 1 else "apply"
    return f"{', '.join(keys)} {verb} at the next `xinf restart`"
