"""Is an engine that serves still well? Liveness is its pidfd's business; this asks it.

An answer that does not come, or says broken, or tells of requests without steps for too long, is
the end of it: the replica is started anew.
"""

from __future__ import annotations

from collections.abc import Callable

from xinf.agent.ports import Health, Ports, Probe
from xinf.core.errors import XinfError
from xinf.core.units import MIB, format_seconds

# A plan does not change for less, and each change is a record written (design.md §4).
MEMORY_STEP_BYTES = 64 * MIB


class EngineLost(Exception):
    """An engine died, hangs, or never came up; `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def watch_health(probe: Probe, ports: Ports, seen_memory: Callable[[int], None]) -> None:
    """Ask again and again; returns never, raises EngineLost."""
    policy = ports.policy
    misses, memory = 0, 0
    while True:
        await ports.clock.sleep(policy.health_interval_s)
        health = await _ask(probe, policy.health_timeout_s)
        misses = 0 if health is not None else misses + 1
        if misses >= policy.health_misses:
            raise EngineLost(f"did not answer {misses} health checks in a row")
        if health is None:
            continue
        if not health.is_serving:
            raise EngineLost(health.reason or "says that it is broken")
        if health.load.stalled_seconds > policy.hang_after_s:
            stalled = format_seconds(health.load.stalled_seconds)
            raise EngineLost(f"hangs: requests are running, but no step for {stalled}")
        if abs(health.load.memory_bytes - memory) >= MEMORY_STEP_BYTES:
            memory = health.load.memory_bytes
            seen_memory(memory)


async def _ask(probe: Probe, timeout_s: float) -> Health | None:
    try:
        return await probe.health(timeout_s)
    except (XinfError, TimeoutError, OSError):
        return None
