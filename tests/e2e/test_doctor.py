"""`xinf doctor` on GPUs that an imitated driver shows, and beside a real xinf."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.instance import PATIENCE_S, home, start, until
from tests.support.nvml import (
    GB10,
    H100_MIG,
    RTX_3090,
    RTX_5090,
    SECOND_5090,
    Driver,
    install,
)


@dataclass(frozen=True)
class Doctor:
    """A home of its own, nobody running, and what the driver says."""

    driver: Driver
    root: Path
    env: dict[str, str]

    def ask(self, *arguments: str) -> tuple[int, str]:
        ended = subprocess.run(
            [sys.executable, "-m", "xinf", "doctor", *arguments],
            env=self.env,
            cwd=self.root,
            text=True,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ended.stderr == ""
        return ended.returncode, ended.stdout

    def findings(self) -> list[dict[str, Any]]:
        code, out = self.ask("--json")
        findings = json.loads(out)["findings"]
        assert code == (1 if any(each["severity"] == "fail" for each in findings) else 0)
        return findings

    def of(self, check: str) -> list[dict[str, Any]]:
        return [each for each in self.findings() if each["check"] == check]


@pytest.fixture
def doctor(tmp_path: Path) -> Iterator[Doctor]:
    driver = install(tmp_path)
    # No runtime for GPUs is there, so no probe either.
    with home("", XINF_CACHE_DIR=str(tmp_path / "cache")) as (root, env, _):
        yield Doctor(driver, root, {**env, **driver.environment})


def test_without_a_gpu_models_run_on_the_cpu_and_nothing_fails(doctor: Doctor) -> None:
    code, out = doctor.ask()
    assert code == 0
    assert "no accelerator: models run on the CPU" in out
    assert "FAIL" not in out


def test_a_5090_is_known_for_what_it_is(doctor: Doctor) -> None:
    card = replace(RTX_5090, display=True, power_limit=400).using(1638)
    doctor.driver.tell(card, extra=("cuda|13000",))
    found = {each["check"]: each for each in doctor.findings()}
    assert found["driver"]["severity"] == "ok"
    assert "RTX 5090, 31.8 GiB, driver 580.95.05, CUDA 13.0" in found["driver"]["message"]
    assert found["compatibility"]["severity"] == "ok"
    assert "compute capability 12.0" in found["compatibility"]["message"]
    assert "peer-to-peer" not in found
    assert (found["display"]["severity"], "GiB" in found["display"]["message"]) == ("warn", True)
    assert found["persistence"]["severity"] == "info"
    assert found["power-limit"]["severity"] == "warn"
    assert "400 W, and is made for 575 W" in found["power-limit"]["message"]


def test_two_5090s_are_unproven_and_run_without_peer_to_peer(doctor: Doctor) -> None:
    doctor.driver.tell(RTX_5090, SECOND_5090)
    findings = doctor.findings()
    (peers,) = [each for each in findings if each["check"] == "peer-to-peer"]
    assert (peers["severity"], "unproven" in peers["message"]) == ("info", True)
    assert "xinf runtime install vllm-cuda" in peers["fix"]
    _, shared = [each for each in findings if each["check"] == "compatibility"]
    assert shared["message"].startswith("2 x NVIDIA GeForce RTX 5090")
    assert "NCCL_P2P_DISABLE=1" in shared["message"]


def test_a_mixed_box_is_told_card_by_card(doctor: Doctor) -> None:
    doctor.driver.tell(RTX_5090, RTX_3090, H100_MIG, GB10)
    findings = doctor.findings()
    told = {each["message"]: each for each in findings if each["check"] == "compatibility"}
    assert len(told) == 4
    for capability in ("12.0", "8.6", "9.0", "12.1"):
        assert any(f"compute capability {capability})" in message for message in told)
    (shared,) = [each for message, each in told.items() if "no memory of its own" in message]
    assert shared["severity"] == "warn"
    assert any("MIG" in each["message"] for each in findings if each["check"] == "driver")
    # One of each, and slices of a card never reach each other.
    assert "peer-to-peer" not in {each["check"] for each in findings}


@pytest.mark.parametrize(
    ("extra", "words", "remedy"),
    [
        ("init|18", "different versions", "Reboot"),
        ("init|9", "not loaded", "modprobe"),
        (f"fault|{RTX_5090.uuid}|15", "GPU is lost", "xid"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_a_failure_with_a_remedy(
    doctor: Doctor, extra: str, words: str, remedy: str
) -> None:
    doctor.driver.tell(RTX_5090, SECOND_5090, extra=(extra,))
    (finding,) = [each for each in doctor.of("devices") if each["severity"] == "fail"]
    assert words in finding["message"]
    assert remedy in finding["fix"]


def test_an_old_driver_fails_for_the_runtime_and_for_the_card(doctor: Doctor) -> None:
    doctor.driver.tell(RTX_5090, extra=("driver|565.57.01",))
    findings = doctor.findings()
    failed = {each["check"] for each in findings if each["severity"] == "fail"}
    assert failed == {"compatibility", "runtime"}


SIM = '[models.echo]\nengine = "sim"\n'


def test_a_running_xinf_is_ours_and_what_it_leaves_when_it_is_killed_is_an_orphan(
    doctor: Doctor,
) -> None:
    (doctor.root / "xinf.toml").write_text(SIM)
    port = int(doctor.env["XINF_SERVER__PORT"])
    with start(doctor.root, doctor.env, port) as instance:
        instance.wait_ready()
        (row,) = instance.ps()
        found = {each["check"]: each for each in doctor.findings()}
        assert "is served by xinf" in found["port"]["message"]
        assert found["store"]["message"].endswith("is whole")
        assert own(doctor, row["pid"]) == []
        os.kill(instance.process.pid, signal.SIGKILL)
        instance.process.wait(PATIENCE_S)
        (orphan,) = until(lambda: own(doctor, row["pid"]), "the orphan")
        assert orphan["severity"] == "warn"
        assert f"pkill -KILL -s {row['pid']}" in orphan["fix"]


def own(doctor: Doctor, pid: int) -> list[dict[str, Any]]:
    """Orphans of this test: others may run beside it."""
    return [each for each in doctor.of("orphans") if f"(pid {pid})" in each["message"]]
