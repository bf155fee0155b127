"""All devices of this machine, whatever their kind. A new backend is one more line here."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from xinf.core.nodes import Device
from xinf.device.backend import DeviceBackend
from xinf.device.cpu import CpuBackend

log = logging.getLogger("xinf.device")


def all_backends() -> tuple[DeviceBackend, ...]:
    """The backends whose kind this machine has."""
    known: tuple[DeviceBackend, ...] = (CpuBackend(),)
    return tuple(backend for backend in known if backend.detect())


class Inventory:
    """The backends of one machine, and which of them each device belongs to."""

    def __init__(self, backends: Sequence[DeviceBackend]) -> None:
        self._backends = backends
        self._backend_of: Mapping[str, DeviceBackend] = {}

    def sample(self) -> tuple[Device, ...]:
        """Every device as it is now. A kind that cannot be asked is left out and logged. Blocks."""
        found: list[Device] = []
        backend_of: dict[str, DeviceBackend] = {}
        for backend in self._backends:
            try:
                devices = backend.devices()
            except OSError as error:
                log.warning("%s devices cannot be asked: %s", backend.kind, error)
                continue
            found.extend(devices)
            backend_of.update({device.uuid: backend for device in devices})
        self._backend_of = backend_of
        return tuple(found)

    def visible_env(self, uuids: Sequence[str]) -> dict[str, str]:
        """The environment in which a process sees exactly these devices. Never waits."""
        env: dict[str, str] = {}
        for backend in self._backends:
            own = [uuid for uuid in uuids if self._backend_of.get(uuid) is backend]
            if own:
                env |= backend.visible_env(own)
        return env
