"""Numbers in few cells, always the same few, so that columns stand still."""

from __future__ import annotations

NOTHING = "-"


def count(amount: float) -> str:
    """A count in at most five cells: 0, 12, 4096, 12.3k, 123k, 1.2M, 45M, 1.2G."""
    if amount < 9_999.5:
        return f"{amount:.0f}"
    for unit in ("k", "M", "G"):
        amount /= 1000
        if amount < 999.5 or unit == "G":
            break
    return f"{amount:.1f}{unit}" if amount < 99.95 else f"{amount:.0f}{unit}"


def share(part: float) -> str:
    """A share from 0 to 1 as whole percent."""
    return f"{min(max(part, 0.0), 1.0):.0%}"


def or_nothing(text: str) -> str:
    return text or NOTHING
