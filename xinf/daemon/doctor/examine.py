"""From facts to findings: every check, in the order in which people read them. Pure."""

from __future__ import annotations

from itertools import chain

from xinf.core.findings import Finding
from xinf.daemon.doctor.devices import check_compatibility, check_devices, check_surroundings
from xinf.daemon.doctor.facts import Facts
from xinf.daemon.doctor.orphans import check_orphans
from xinf.daemon.doctor.peers import check_peers
from xinf.daemon.doctor.runtimes import check_runtimes
from xinf.daemon.doctor.storage import check_disks, check_memory
from xinf.daemon.doctor.system import (
    check_cpu,
    check_open_files,
    check_port,
    check_settings,
    check_store,
)
from xinf.device.compatibility import Compatibility


def examine(facts: Facts, compatibility: Compatibility) -> tuple[Finding, ...]:
    """All findings; what is fine is one as well."""
    devices, told = facts.sighting.devices, facts.circumstances
    cpu = next((device for device in devices if device.kind == "cpu"), None)
    kinds = {device.kind for device in devices}
    return tuple(
        chain(
            check_devices(facts.sighting),
            check_compatibility(facts.sighting, compatibility, told),
            check_peers(devices, facts.peers),
            check_surroundings(facts.sighting),
            check_cpu(cpu, compatibility, told),
            check_orphans(facts.processes, devices),
            check_runtimes(facts.runtimes, kinds),
            check_settings(facts),
            check_store(facts.store),
            check_port(facts.port),
            check_disks(facts),
            check_memory(facts),
            check_open_files(facts.open_files),
        )
    )
