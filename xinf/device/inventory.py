"""All devices of this machine, whatever their kind.

Every kind is looked at in a thread of its own and for a bounded time, so that a driver that hangs
hides neither the other kinds nor itself: what cannot be asked is a fact, told in words. Then its
devices stand as they were last seen, for engines often go on where a driver's library does not
(after an update of the driver, say) and must not be stopped for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.nodes import Device, Sighting
from xinf.device.backend import DeviceBackend
from xinf.device.call import BoundedCall

# A driver that nobody uses loads firmware at the first question: seconds for each card.
FIRST_LOOK_S = 20.0
# Milliseconds otherwise.
LOOK_S = 5.0
# For those who ask again and again, like whoever waits for memory to be free: two looks a second
# are no burden on a driver, and a device shows in less than that what has become of its memory.
SHARED_S = 0.5
_NOTHING = Sighting(())


class Inventory:
    """What the backends of one machine find, and which of them each device belongs to."""

    def __init__(self, backends: Sequence[DeviceBackend], clock: Clock) -> None:
        self._clock = clock
        self._lookouts = tuple(_Lookout(backend, clock) for backend in backends)
        self._devices: dict[str, Device] = {}
        self._problems: dict[str, str] = {}
        # Never forgotten: an engine may be started on a device in the moment that it is lost.
        self._backend_of: dict[str, DeviceBackend] = {}
        self._turn = asyncio.Lock()
        self._last: tuple[float, Sighting] | None = None

    async def sample(self, max_age_s: float = 0.0) -> Sighting:
        """Every device as it is now or, where a kind cannot be asked, as it was last seen.

        An answer not older than `max_age_s` is given again, and whoever asks while somebody else
        does shares the answer: many askers are no more work for a driver than one.
        """
        oldest = self._clock.now() - max_age_s
        async with self._turn:
            if self._last is not None and self._last[0] > oldest:
                return self._last[1]
            seen = await self._look()
            self._last = (self._clock.now(), seen)
            return seen

    async def _look(self) -> Sighting:
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(lookout.look()) for lookout in self._lookouts]
        pairs = zip(self._lookouts, looks, strict=True)
        found = [(lookout.backend, look.result()) for lookout, look in pairs]
        devices = [(backend, device) for backend, seen in found for device in seen.devices]
        self._backend_of |= {device.uuid: backend for backend, device in devices}
        self._devices = {device.uuid: device for _, device in devices}
        self._problems = {backend.kind: "; ".join(seen.problems) for backend, seen in found}
        return Sighting(
            tuple(self._devices.values()),
            tuple(problem for _, seen in found for problem in seen.problems),
            tuple(uuid for _, seen in found for uuid in seen.lost),
        )

    def visible_env(self, uuids: Sequence[str]) -> dict[str, str]:
        """The environment in which a process sees exactly these devices. Never waits.

        Raises NOT_FOUND for a device that no sample has shown: without the right variable a process
        would see every device of its kind.
        """
        unknown = next((uuid for uuid in uuids if uuid not in self._backend_of), None)
        if unknown is not None:
            raise XinfError(
                ErrorCode.NOT_FOUND,
                thing=f"device {unknown}",
                cause="this machine does not have it",
                next_step="`xinf status` shows the devices that there are",
            )
        env: dict[str, str] = {}
        for lookout in self._lookouts:
            own = [uuid for uuid in uuids if self._backend_of[uuid] is lookout.backend]
            if own:
                env |= lookout.backend.visible_env(own)
        return env

    def driver(self, kind: str) -> tuple[str, str]:
        """The driver's version for devices of `kind`, empty if none works, and what is wrong."""
        own = (device for device in self._devices.values() if device.kind == kind)
        return next((each.driver for each in own if each.driver), ""), self._problems.get(kind, "")


class _Lookout:
    """One kind of device, looked at again and again."""

    def __init__(self, backend: DeviceBackend, clock: Clock) -> None:
        self.backend = backend
        self._call = BoundedCall(self._see, clock, f"devices-{backend.kind}")
        self._patience_s = FIRST_LOOK_S
        self._last: tuple[Device, ...] = ()
        self._known: set[str] = set()

    async def look(self) -> Sighting:
        try:
            seen = await self._call.within(self._patience_s)
        except TimeoutError:
            seen = self._unseen("their driver does not answer")
        except OSError as error:
            seen = self._unseen(str(error))
        self._patience_s = LOOK_S
        self._last = seen.devices
        present = {device.uuid for device in seen.devices}
        self._known |= present
        return replace(seen, lost=tuple(sorted(self._known - present)))

    def _see(self) -> Sighting:
        return self.backend.look() if self.backend.detect() else _NOTHING

    def _unseen(self, why: str) -> Sighting:
        told = f"{self.backend.kind} devices cannot be asked: {why}"
        stale = " (they are shown as they were last seen)" if self._last else ""
        return Sighting(self._last, (f"{told}{stale}",))
