from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from xinf.core.findings import Finding, Severity
from xinf.core.nodes import Device, Sighting, Vitals
from xinf.core.units import GIB
from xinf.daemon.doctor.devices import check_compatibility, check_devices, check_surroundings
from xinf.device.compatibility_file import load_compatibility

RULES = load_compatibility([Path(__file__).parents[4] / "configs" / "engine_compatibility.toml"])
CPU = Device("cpu", "cpu", 0, "CPU", 32 * GIB, GIB)
CARD = Device(
    "GPU-1",
    "cuda",
    0,
    "NVIDIA GeForce RTX 5090",
    32 * GIB,
    2 * GIB,
    "12.0",
    driver="580.95.05",
    driver_api="13.0",
    has_persistence=True,
)
SECOND = replace(CARD, uuid="GPU-2", index=1)


def only(findings: Iterable[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_a_machine_without_accelerators_is_told_and_no_failure() -> None:
    finding = only(check_devices(Sighting((CPU,))))
    assert (finding.severity, finding.fix) == (Severity.INFO, "")


def test_cards_of_one_name_are_told_together_with_their_driver() -> None:
    other = replace(CARD, uuid="GPU-3", index=2, name="NVIDIA H100")
    first, second = check_devices(Sighting((CARD, SECOND, other, CPU)))
    assert first.severity is Severity.OK
    assert first.message.startswith("cuda:0, cuda:1: NVIDIA GeForce RTX 5090, 32.0 GiB")
    assert "driver 580.95.05, CUDA 13.0" in first.message
    assert second.message.startswith("cuda:2: NVIDIA H100")


@pytest.mark.parametrize(
    ("problem", "remedy"),
    [
        ("the driver that is loaded and its library are of different versions; reboot", "Reboot"),
        ("the NVIDIA driver is not loaded", "modprobe"),
        ("libnvidia-ml.so.1 cannot be loaded: no NVIDIA driver", "Install the NVIDIA driver"),
        ("this user may not use the driver", "group"),
        ("cuda:0: GPU is lost: it has fallen off the bus", "xid"),
        ("the GPU must be reset before it can be used again", "gpu-reset"),
        ("cuda devices cannot be asked: their driver does not answer", "reboot"),
        ("something that nobody has heard of", "docs/devices.md"),
    ],
)
def test_what_cannot_be_used_is_a_failure_with_a_remedy(problem: str, remedy: str) -> None:
    finding = only(check_devices(Sighting((CPU,), (problem,))))
    assert (finding.severity, finding.message) == (Severity.FAIL, problem)
    assert remedy in finding.fix


def test_a_device_that_ails_is_a_warning() -> None:
    ill = replace(CARD, problem="rows of its memory wait to be replaced")
    *_, finding = check_devices(Sighting((ill,)))
    assert finding.severity is Severity.WARN
    assert "cuda:0 (NVIDIA GeForce RTX 5090): rows of its memory" in finding.message


def compatibility(*devices: Device, **told: str) -> list[Finding]:
    return list(check_compatibility(Sighting((*devices, CPU)), RULES, {"cuda": told}))


def test_a_card_that_vllm_runs_on_is_fine() -> None:
    finding = only(compatibility(CARD))
    assert finding.severity is Severity.OK
    assert "compute capability 12.0" in finding.message
    assert "bfloat16" in finding.message


def test_a_card_that_vllm_does_not_run_on_is_a_failure_with_the_nearest() -> None:
    old = replace(CARD, name="Tesla V100", compute_capability="7.0")
    finding = only(compatibility(old))
    assert finding.severity is Severity.FAIL
    assert "llamacpp" in finding.fix


def test_a_driver_that_is_too_old_for_the_runtime_is_a_failure() -> None:
    finding = only(compatibility(replace(CARD, driver="575.57"), cuda="13.0.3"))
    assert (finding.severity, finding.fix) == (Severity.FAIL, "NVIDIA driver 580 or newer")


def test_what_rules_set_is_worth_knowing_and_what_they_warn_of_is_a_warning() -> None:
    alone, shared = compatibility(CARD, SECOND)
    assert alone.severity is Severity.OK
    assert shared.severity is Severity.INFO
    assert shared.message.startswith("2 x NVIDIA GeForce RTX 5090")
    assert "xinf sets NCCL_P2P_DISABLE=1 disable_custom_all_reduce=True" in shared.message
    assert shared.fix.startswith("see https://")
    warning = only(compatibility(replace(CARD, driver="575.57")))
    assert warning.severity is Severity.WARN


def test_with_peer_to_peer_proven_nothing_is_set() -> None:
    assert only(compatibility(CARD, SECOND, p2p="works")).severity is Severity.OK


def test_a_card_without_a_capability_is_a_warning() -> None:
    finding = only(compatibility(replace(CARD, compute_capability=None)))
    assert finding.severity is Severity.WARN
    assert "does not tell" in finding.message


def surroundings(device: Device) -> dict[str, Finding]:
    return {each.check: each for each in check_surroundings(Sighting((device, CPU)))}


def test_a_quiet_card_gives_no_cause_for_words() -> None:
    assert surroundings(CARD) == {}


def test_a_display_and_missing_persistence_are_told() -> None:
    found = surroundings(replace(CARD, has_display=True, has_persistence=False))
    assert found["display"].severity is Severity.WARN
    assert "2.0 GiB" in found["display"].message
    assert found["persistence"].severity is Severity.INFO
    assert "nvidia-smi -pm 1" in found["persistence"].fix


def test_what_is_not_told_is_not_judged() -> None:
    assert surroundings(replace(CARD, has_display=None, has_persistence=None)) == {}


def test_a_card_that_hides_its_processes_is_told() -> None:
    assert "processes" in surroundings(replace(CARD, hides_processes=True))


@pytest.mark.parametrize(
    ("limit", "default", "is_told"),
    [(400.0, 575.0, True), (575.0, 575.0, False), (574.9, 575.0, False), (600.0, 575.0, False)],
)
def test_a_power_limit_below_the_card_s_own_is_told(
    limit: float, default: float, is_told: bool
) -> None:
    vitals = Vitals(power_limit=limit, power_limit_default=default)
    found = surroundings(replace(CARD, vitals=vitals))
    assert ("power-limit" in found) is is_told
    if is_told:
        assert "400 W" in found["power-limit"].message
        assert found["power-limit"].fix.endswith("-i GPU-1 -pl 575")
    assert surroundings(replace(CARD, vitals=Vitals(power_limit=limit))) == {}
