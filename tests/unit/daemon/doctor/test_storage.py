from dataclasses import replace

import pytest

from xinf.core.findings import Finding, Severity
from xinf.core.nodes import Device, Sighting
from xinf.core.units import GIB, MIB
from xinf.daemon.doctor.facts import Facts, Room, RuntimeSeen
from xinf.daemon.doctor.storage import check_disks, check_memory

CPU = Device("cpu", "cpu", 0, "CPU", 64 * GIB, 0)
CARDS = tuple(Device(f"GPU-{n}", "cuda", n, "Card", 32 * GIB, 0) for n in range(2))
RUNTIME = RuntimeSeen("vllm-cuda", "cuda", "missing", download_bytes=3 * GIB, is_default=True)


def facts(*devices: Device, **more: object) -> Facts:
    return replace(Facts(Sighting((*devices, CPU))), **more)  # type: ignore[arg-type]


def cache(free: int, *runtimes: RuntimeSeen) -> Finding:
    room = Room("/cache", free, 500 * GIB)
    (finding,) = check_disks(facts(*CARDS, cache=room, runtimes=runtimes))
    return finding


@pytest.mark.parametrize(
    ("free", "severity"), [(8 * GIB, "fail"), (20 * GIB, "warn"), (60 * GIB, "ok")]
)
def test_the_cache_must_hold_the_default_runtime_and_should_hold_a_model(
    free: int, severity: str
) -> None:
    assert cache(free, RUNTIME).severity == severity


def test_a_runtime_that_is_there_or_that_nobody_needs_takes_no_room() -> None:
    installed = replace(RUNTIME, state="installed")
    other = replace(RUNTIME, is_default=False)
    assert cache(20 * GIB, installed, other).severity is Severity.OK


@pytest.mark.parametrize(
    ("free", "severity"), [(10 * MIB, "fail"), (500 * MIB, "warn"), (2 * GIB, "ok")]
)
def test_the_state_needs_little(free: int, severity: str) -> None:
    (finding,) = check_disks(facts(state=Room("/state", free, GIB)))
    assert finding.severity == severity
    assert bool(finding.fix) is (severity != "ok")


def test_a_directory_that_cannot_be_used_is_a_failure() -> None:
    (finding,) = check_disks(facts(state=Room("/state", problem="this user may not write there")))
    assert finding.severity is Severity.FAIL
    assert "XINF_STATE_DIR" in finding.fix


@pytest.mark.parametrize(("free", "severity"), [(40 * GIB, "ok"), (8 * GIB, "info")])
def test_main_memory_is_measured_by_what_would_sleep_in_it(free: int, severity: str) -> None:
    (finding,) = check_memory(facts(*CARDS, memory_available=free))
    assert finding.severity == severity
    (finding,) = check_memory(facts(memory_available=free))
    assert finding.severity is Severity.OK


def test_little_shared_memory_is_a_warning_where_devices_share_a_model() -> None:
    little = Room("/dev/shm", 64 * MIB, 64 * MIB)
    (two,) = check_memory(facts(*CARDS, shm=little))
    (one,) = check_memory(facts(CARDS[0], shm=little))
    (enough,) = check_memory(facts(*CARDS, shm=Room("/dev/shm", 8 * GIB, 8 * GIB)))
    (gone,) = check_memory(facts(shm=Room("/dev/shm", problem="No such file")))
    assert [each.severity for each in (two, one, enough, gone)] == ["warn", "info", "ok", "warn"]
    assert "--shm-size" in two.fix
