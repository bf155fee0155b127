"""A simulated engine: a real process that speaks the real protocol, with no model behind it.

The same prompt always gets the same text. Speed, load time, memory, the KV cache and faults are
options; nothing else in xinf knows that it is not real.
"""

from __future__ import annotations

from xinf.shim.backends.sim.backend import SimBackend

__all__ = ["SimBackend"]
