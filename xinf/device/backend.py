"""What one kind of accelerator must tell. One file per backend answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from xinf.core.nodes import Sighting


class DeviceBackend(Protocol):
    """`detect` and `look` may block: call them in a thread, one at a time."""

    kind: str

    def detect(self) -> bool:
        """Whether this machine has such a device; cheap, and never raises."""
        ...

    def look(self) -> Sighting:
        """The devices as they are now, in PCI order, and what is wrong with single ones.

        One that was there before and is not in the answer is lost, and its engines end: a device
        that is only silent is told as it was last seen. Raises OSError when none can be asked.
        """
        ...

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        """What a process must find in its environment to see exactly these devices. Never waits."""
        ...
