"""What an NVIDIA GPU computes in, by its compute capability.

Source: NVIDIA's CUDA programming guide, the table of tensor cores' types. Two generations are named
Blackwell and are not each other's kernels' home: 10.x (data centre, sm_100) and 12.x (RTX 50, RTX
PRO, GB10: sm_120). So capabilities are numbers here and are compared as numbers.
"""

from __future__ import annotations

# From which capability on tensor cores (for float16: anything at all) take a format.
_SINCE = (
    ("float32", (0, 0)),
    ("float16", (5, 3)),
    ("int8", (7, 5)),
    ("bfloat16", (8, 0)),
    ("fp8", (8, 9)),
    ("fp4", (10, 0)),
)


def dtypes(capability: str | None) -> tuple[str, ...]:
    """Number formats of a card of "12.0", say; none where it is not told."""
    number = parsed(capability)
    if number is None:
        return ()
    return tuple(name for name, since in _SINCE if number >= since)


def architecture(capability: str | None) -> str | None:
    """What compilers call it: "sm_120" for "12.0"."""
    number = parsed(capability)
    return None if number is None else f"sm_{number[0]}{number[1]}"


def parsed(capability: str | None) -> tuple[int, int] | None:
    """(12, 0) for "12.0"; None for what is no such number."""
    major, _, minor = (capability or "").partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        return None
    return int(major), int(minor)
