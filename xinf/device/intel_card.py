"""One card as Intel's kernel drivers show it, in the card's own folder on the PCI bus.

The files are those of Linux's Documentation/ABI/testing/sysfs-driver-intel-{xe,i915}-hwmon and of
drm/xe. Load and power are not told but counted: each look compares with the one before.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xinf.core.nodes import Vitals
from xinf.device.sysfs import number, text


class IntelCard:
    """`now` is monotonic seconds. Used by one thread."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._folder = folder
        self._energy = Rate(now)
        self._idle = Rate(now)

    def is_there(self) -> bool:
        return bool(text(self._folder / "vendor"))

    def memory_total(self) -> int | None:
        """Bytes of all its tiles; None where the driver keeps them to itself, as i915 does."""
        tiles = [number(each) for each in self._folder.glob("tile*/physical_vram_size_bytes")]
        return sum(each for each in tiles if each is not None) or None

    def vitals(self) -> Vitals:
        sensors = next(iter(sorted(self._folder.glob("hwmon/hwmon*"))), self._folder / "hwmon")
        watts = self._energy.of(number(sensors / "energy1_input"))
        # xe names the package's sensor 2; i915 has one alone.
        degrees = number(sensors / "temp2_input") or number(sensors / "temp1_input")
        return Vitals(
            utilisation=self._busy(),
            temperature=None if degrees is None else degrees / 1_000,
            power=None if watts is None else watts / 1_000_000,
            power_limit=_limit(sensors / "power1_max"),
            power_limit_default=_limit(sensors / "power1_rated_max"),
        )

    def _busy(self) -> float | None:
        """The share of time in which the part that computes did not sleep."""
        idle = number(self._folder / "tile0" / "gt0" / "gtidle" / "idle_residency_ms")
        if idle is None:
            paths = self._folder.glob("drm/card*/gt/gt0/rc6_residency_ms")
            idle = next((number(path) for path in paths), None)
        per_second = self._idle.of(idle)
        return None if per_second is None else min(max(1 - per_second / 1_000, 0.0), 1.0)


class Rate:
    """How fast a counter grows, a second, since it was last asked for."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last: tuple[float, int] | None = None

    def of(self, count: int | None) -> float | None:
        """None at first, without a count, and where it has begun anew."""
        last, self._last = self._last, None if count is None else (self._now(), count)
        if last is None or self._last is None:
            return None
        seconds, growth = self._last[0] - last[0], self._last[1] - last[1]
        return growth / seconds if seconds > 0 and growth >= 0 else None


def _limit(path: Path) -> float | None:
    """Watts; None for 0, which is no limit."""
    microwatts = number(path)
    return microwatts / 1_000_000 if microwatts else None
