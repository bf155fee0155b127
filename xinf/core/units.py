"""Bytes and seconds as people write them: "2GiB", "30m". The rest of xinf holds plain numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

KIB = 1024
MIB = 1024**2
GIB = 1024**3

_BYTE_UNITS = {
    "": 1,
    "b": 1,
    "k": KIB,
    "kib": KIB,
    "kb": 1000,
    "m": MIB,
    "mib": MIB,
    "mb": 1000**2,
    "g": GIB,
    "gib": GIB,
    "gb": 1000**3,
    "t": 1024**4,
    "tib": 1024**4,
    "tb": 1000**4,
}
_SECOND_UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def parse_bytes(text: str) -> int:
    """Bytes in `text`, e.g. "2GiB", "500 MB", "1048576". A bare k, m or g is binary.

    Raises ValueError with a sentence that says what is allowed.
    """
    return int(_parse(text, _BYTE_UNITS, 'a size such as "2GiB" or "500MB"'))


def parse_seconds(text: str) -> float:
    """Seconds in `text`, e.g. "10s", "5m", "250ms", "1.5h".

    Raises ValueError with a sentence that says what is allowed.
    """
    return _parse(text, _SECOND_UNITS, 'a duration such as "30s", "5m" or "2h"')


def parse_tokens(text: str) -> int:
    """Tokens in `text`, e.g. "128k" = 131072, "4096". The k is 1024, as context lengths are named.

    Raises ValueError with a sentence that says what is allowed.
    """
    return int(_parse(text, {"": 1, "k": 1024, "m": 1024**2}, 'a token count such as "128k"'))


def format_bytes(count: int) -> str:
    """`count` bytes with one decimal in the largest binary unit that keeps it at 1 or more."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if abs(amount) < 1023.95:  # more would be rounded up to 1024.0
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def format_seconds(seconds: float) -> str:
    """`seconds` as a person would say it: "0.4 s", "12 s", "3 m 20 s", "2 h 5 m"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} m {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} m"


def _parse(text: str, units: Mapping[str, float], wanted: str) -> float:
    match = _QUANTITY.fullmatch(text)
    factor = units.get(match[2].lower()) if match else None
    amount = float(match[1]) * factor if match and factor else math.inf
    if math.isinf(amount):  # so many digits are no number that anybody meant
        raise ValueError(f"{text!r} is not {wanted}")
    return amount
