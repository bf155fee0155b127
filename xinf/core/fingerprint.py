"""What would force an engine to be replaced, as one short hash.

Declared settings, the resolved model revision, the runtime and the protocol version are in it.
Numbers that planning derives (the memory budget) are not: a live replica keeps its numbers, new
measurements apply at its next start.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from xinf.core.placement import EngineConfig


def fingerprint(config: EngineConfig, *, revision: str, protocol: int) -> str:
    """16 hex digits; equal exactly when an engine started for one would do for the other."""
    identity = {"config": asdict(config), "revision": revision, "protocol": protocol}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
