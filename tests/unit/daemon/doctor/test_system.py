from pathlib import Path

import pytest

from xinf.core.findings import Finding, Severity
from xinf.core.nodes import Device, Sighting
from xinf.daemon.doctor.facts import Facts, PortSeen, SettingsSeen, StoreSeen
from xinf.daemon.doctor.system import (
    check_cpu,
    check_open_files,
    check_port,
    check_settings,
    check_store,
)
from xinf.device.compatibility_file import load_compatibility

RULES = load_compatibility([Path(__file__).parents[4] / "configs" / "engine_compatibility.toml"])


def test_every_problem_of_the_settings_is_a_failure() -> None:
    seen = SettingsSeen("xinf.toml", ("one is wrong.", "two is wrong."), "rules are wrong.")
    found = list(check_settings(Facts(Sighting(()), settings=seen)))
    assert [each.message for each in found] == [
        "one is wrong.",
        "two is wrong.",
        "rules are wrong.",
    ]
    assert {each.severity for each in found} == {Severity.FAIL}


def test_settings_that_hold_are_told_by_their_file() -> None:
    (finding,) = check_settings(Facts(Sighting(()), settings=SettingsSeen("xinf.toml")))
    assert (finding.severity, finding.message) == (Severity.OK, "xinf.toml")
    (finding,) = check_settings(Facts(Sighting(())))
    assert "defaults" in finding.message


def test_a_store_that_opens_or_will_be_made_is_fine_and_another_is_a_failure() -> None:
    (whole,) = check_store(StoreSeen("/db", exists=True))
    (new,) = check_store(StoreSeen("/db", exists=False))
    (bad,) = check_store(StoreSeen("/db", True, "it is damaged", "Do this"))
    assert [each.severity for each in (whole, new, bad)] == ["ok", "ok", "fail"]
    assert (bad.message, bad.fix) == ("/db: it is damaged", "Do this")
    assert list(check_store(None)) == []


def port(**more: object) -> Finding:
    (finding,) = check_port(PortSeen("127.0.0.1", 5090, **more))  # type: ignore[arg-type]
    return finding


def test_a_port_is_free_or_ours_or_taken() -> None:
    assert port().severity is Severity.OK
    assert "xinf, python (pid 7)" in port(holder="python (pid 7)", is_ours=True).message
    taken = port(holder="nginx (pid 8)")
    assert (taken.severity, "nginx (pid 8)" in taken.message) == (Severity.FAIL, True)
    assert "XINF_SERVER__PORT=5091" in taken.fix
    assert port(problem="this machine has no such address").severity is Severity.FAIL
    (any_port,) = check_port(PortSeen("127.0.0.1", 0))
    assert any_port.severity is Severity.OK


@pytest.mark.parametrize(
    ("limits", "severity", "fix"),
    [
        ((256, 256), "warn", "limits.conf"),
        ((256, 1_048_576), "warn", "ulimit -n 65536"),
        ((1024, 4096), "info", "ulimit -n 4096"),
        ((65_536, 65_536), "ok", ""),
    ],
)
def test_few_open_files_are_told_with_what_they_may_be_raised_to(
    limits: tuple[int, int], severity: str, fix: str
) -> None:
    (finding,) = check_open_files(limits)
    assert finding.severity == severity
    assert fix in finding.fix


def cpu(*features: str) -> Finding:
    device = Device("cpu", "cpu", 0, "Xeon", 1, 0, arch="x86_64", features=features)
    (finding,) = check_cpu(device, RULES, {})
    return finding


def test_the_cpu_is_told_with_what_decides_how_fast_it_is() -> None:
    fine = cpu("avx2", "avx512f", "avx512_bf16", "sse4_2")
    assert (fine.severity, "(avx2, avx512f, avx512_bf16)" in fine.message) == (Severity.OK, True)
    assert cpu("avx2", "avx512f").severity is Severity.INFO
    old = cpu("sse4_2")
    assert (old.severity, "llamacpp" in old.fix) == (Severity.WARN, True)
    assert list(check_cpu(None, RULES, {})) == []
