"""The whole stack on GPUs that an imitated driver shows: real pynvml, real processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.instance import Instance, running, until
from tests.support.nvml import RTX_5090, SECOND_5090, Driver, install

MIB = 1024**2
TWO = """
[models.echo]
engine = "sim"
replicas = 2
[models.echo.sim]
memory = "20GiB"
"""
ASK = [{"role": "user", "content": "Tell me a story about a lighthouse."}]


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    return install(tmp_path)


@pytest.fixture
def machine(driver: Driver) -> Iterator[Instance]:
    driver.tell(RTX_5090.using(2048), SECOND_5090)
    with running(TWO, XINF_AGENT__RESYNC="200ms", **driver.environment) as instance:
        yield instance


def environment(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def test_engines_are_started_on_their_own_gpu_and_see_no_other(machine: Instance) -> None:
    told = json.loads(machine.cli("status", "--json").stdout)
    devices = {device["id"]: device for device in told["devices"]}
    assert list(devices) == ["cuda:0", "cuda:1", "cpu:0"]
    for name, gpu in (("cuda:0", RTX_5090), ("cuda:1", SECOND_5090)):
        device = devices[name]
        assert (device["uuid"], device["name"]) == (gpu.uuid, gpu.name)
        assert device["compute_capability"] == "12.0"
        assert device["memory_total"] == 32_607 * MIB
        assert device["memory_claimed"] == 20 * 1024 * MIB
        assert device["driver"] == "580.95.05"
    assert devices["cuda:0"]["memory_used"] > devices["cuda:1"]["memory_used"]
    rows = machine.ps()
    assert {tuple(row["devices"]) for row in rows} == {(RTX_5090.uuid,), (SECOND_5090.uuid,)}
    for row in rows:
        env = environment(row["pid"])
        assert env["CUDA_VISIBLE_DEVICES"] == row["devices"][0]
        assert env["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert machine.sdk.chat.completions.create(model="echo", messages=ASK).choices


def test_a_lost_gpu_is_told_while_the_other_serves_and_is_used_again_when_it_is_back(
    driver: Driver, machine: Instance
) -> None:
    driver.tell(RTX_5090, SECOND_5090, extra=(f"fault|{RTX_5090.uuid}|15",))

    def lost() -> dict[str, Any] | None:
        seen = machine.status()
        return seen if seen["device_problems"] and len(machine.ps()) == 1 else None

    seen = until(lost, "the loss of a GPU")
    assert [device["id"] for device in seen["devices"]] == ["cuda:1", "cpu:0"]
    (problem,) = seen["device_problems"]
    assert "GPU is lost" in problem
    assert RTX_5090.uuid in problem
    assert machine.sdk.chat.completions.create(model="echo", messages=ASK).choices
    driver.tell(RTX_5090, SECOND_5090)
    until(lambda: {row["devices"][0] for row in ready(machine)} == BOTH, "both GPUs again")
    assert machine.status()["device_problems"] == []


def test_a_driver_that_hangs_stops_neither_the_engines_nor_the_end(
    driver: Driver, machine: Instance
) -> None:
    before = {row["pid"] for row in machine.ps()}
    driver.tell(RTX_5090, SECOND_5090, extra=("stuck",))
    seen = until(
        lambda: found if (found := machine.status())["device_problems"] else None,
        "the hanging driver in the status",
    )
    assert "does not answer" in seen["device_problems"][0]
    assert [device["id"] for device in seen["devices"]] == ["cuda:0", "cuda:1", "cpu:0"]
    assert {row["pid"] for row in ready(machine)} == before
    assert machine.sdk.chat.completions.create(model="echo", messages=ASK).choices
    assert machine.stop() == 0


def test_without_a_working_driver_xinf_serves_on_the_cpu_and_says_why(driver: Driver) -> None:
    driver.tell(RTX_5090, extra=("init|18",))
    with running(**driver.environment) as instance:
        seen = instance.status()
        assert [device["id"] for device in seen["devices"]] == ["cpu:0"]
        assert "different versions" in seen["device_problems"][0]
        until(lambda: "different versions" in instance.output, "its words on the terminal")
        (row,) = instance.ps()
        assert environment(row["pid"])["CUDA_VISIBLE_DEVICES"] == ""


BOTH = {RTX_5090.uuid, SECOND_5090.uuid}


def ready(instance: Instance) -> list[dict[str, Any]]:
    return [row for row in instance.ps() if row["state"] == "ready"]
