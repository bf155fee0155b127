"""Which edition of the contract this code speaks."""

from __future__ import annotations

# Counts up with every change that an older shim or control plane would misunderstand. Both sides
# say theirs, and a mismatched pair refuses to work together instead of guessing.
PROTOCOL_VERSION = 1


def mismatch(theirs: int) -> str:
    """Why a peer that speaks edition `theirs` must be refused; empty if it need not be."""
    if theirs == PROTOCOL_VERSION:
        return ""
    return f"protocol {theirs} was asked for, but this engine speaks protocol {PROTOCOL_VERSION}"
