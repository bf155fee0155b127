"""What runs where, for plans: the rules of the compatibility files, with what is known today."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from xinf.config.paths import Paths
from xinf.config.settings import Settings
from xinf.core.clock import Clock
from xinf.core.nodes import Device
from xinf.daemon.circumstances import circumstances, compatibility_files
from xinf.daemon.policies import own_pythons
from xinf.daemon.wanted import Judge
from xinf.device.compatibility import Verdicts
from xinf.device.compatibility_file import load_compatibility
from xinf.runtime.locks import Locks

# Toolkits and drivers are not installed every minute, and looking takes some milliseconds.
KNOWN_FOR_S = 30.0


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
        self._known: Mapping[str, Mapping[str, str]] = {}
        self._known_for: tuple[str, ...] | None = None
        self._known_at = 0.0

    def bench(self, devices: Sequence[Device]) -> Judge:
        """Judges workloads on these devices."""
        return Verdicts(self._compatibility, devices, self._circumstances(devices)).of

    def _circumstances(self, devices: Sequence[Device]) -> Mapping[str, Mapping[str, str]]:
        now, named = self._clock.now(), tuple(device.uuid for device in devices)
        if named != self._known_for or now - self._known_at >= KNOWN_FOR_S:
            self._known = circumstances(
                devices, self._locks, self._own, self._state_dir, os.environ
            )
            self._known_for, self._known_at = named, now
        return self._known
