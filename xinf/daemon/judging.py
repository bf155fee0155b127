"""What runs where, for plans: the rules of the compatibility files, with what is known today."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from xinf.config.paths import Paths
from xinf.config.settings import Settings
from xinf.core.clock import Clock
from xinf.core.nodes import Device, Vitals
from xinf.daemon.circumstances import circumstances, compatibility_files
from xinf.daemon.policies import own_pythons
from xinf.daemon.wanted import Judge
from xinf.device.compatibility import Verdicts
from xinf.device.compatibility_file import load_compatibility
from xinf.runtime.locks import Locks

# Toolkits and drivers are not installed every minute, and looking takes some milliseconds.
KNOWN_FOR_S = 30.0


Circumstances = Mapping[str, Mapping[str, str]]


class Judging:
    """Reads the rules once, and the circumstances now and then. Raises CONFIG_INVALID when built
    with files that are wrong.
    """

    def __init__(self, settings: Settings, paths: Paths, clock: Clock) -> None:
        self._compatibility = load_compatibility(compatibility_files(settings, paths))
        self._own = frozenset(own_pythons(settings))
        self._state_dir = paths.state_dir
        self._clock = clock
        self._locks = Locks()
        self._known: Circumstances = {}
        self._known_for: tuple[str, ...] | None = None
        self._known_at = 0.0
        self._bench: tuple[tuple[Device, ...], Circumstances, Judge] | None = None

    def bench(self, devices: Sequence[Device]) -> Judge:
        """Judges workloads on these devices; the same judge until something of them changes."""
        told, still = self._circumstances(devices), tuple(map(_at_rest, devices))
        if self._bench is None or self._bench[:2] != (still, told):
            self._bench = still, told, Verdicts(self._compatibility, still, told).of
        return self._bench[2]

    def _circumstances(self, devices: Sequence[Device]) -> Circumstances:
        now, named = self._clock.now(), tuple(device.uuid for device in devices)
        if named != self._known_for or now - self._known_at >= KNOWN_FOR_S:
            self._known = circumstances(
                devices, self._locks, self._own, self._state_dir, os.environ
            )
            self._known_for, self._known_at = named, now
        return self._known


def _at_rest(device: Device) -> Device:
    """A device without what changes from moment to moment, for which no rule asks."""
    return replace(device, memory_used=0, processes=(), vitals=Vitals(), problem="")
