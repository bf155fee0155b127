"""Engines on GPUs that an imitated driver shows: one start at a time, with memory that is there."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.instance import Instance, running, until
from tests.support.nvml import RTX_5090, Driver, Gpu, install

MIB = 1024**2
SIM = """
[models.{name}]
engine = "sim"
[models.{name}.sim]
memory = "{memory}"
load_seconds = {load}
"""
THREE = "".join(SIM.format(name=name, memory="6GiB", load=0.5) for name in "abc")
ONE = SIM.format(name="echo", memory="20GiB", load=0)


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    return install(tmp_path)


@pytest.fixture
def machine(driver: Driver) -> Iterator[Instance]:
    driver.tell(RTX_5090)
    with running(ONE, XINF_AGENT__RESYNC="200ms", **driver.environment) as instance:
        yield instance


def engine(instance: Instance) -> dict[str, Any]:
    (row,) = instance.status()["replicas"]
    return row


def told(instance: Instance) -> list[dict[str, Any]]:
    lines = instance.cli("events", "--json").stdout.splitlines()
    return [json.loads(line) for line in lines]


def holding(driver: Driver, gpu: Gpu, pid: int, mib: int) -> None:
    """The driver tells that a process holds so much."""
    line = f"process|{gpu.uuid}|compute|{pid}|{mib}|/usr/bin/python3"
    driver.tell(gpu.using(mib), extra=(line,))


def test_engines_of_one_gpu_start_one_after_the_other(driver: Driver) -> None:
    driver.tell(RTX_5090)
    with running(THREE, **driver.environment) as instance:
        kinds = ("engine.starting", "engine.ready")
        steps = [
            (each["kind"], each["subject"]) for each in told(instance) if each["kind"] in kinds
        ]
    assert len(steps) == 6
    for start, ready in zip(steps[::2], steps[1::2], strict=True):
        assert (start[0], ready[0]) == kinds
        assert start[1] == ready[1]


def test_what_an_engine_holds_is_what_the_driver_tells_of_its_processes(
    driver: Driver, machine: Instance
) -> None:
    before = engine(machine)
    assert before["memory_bytes"] == 20 * 1024 * MIB
    holding(driver, RTX_5090, before["pid"], 15_000)
    until(lambda: engine(machine)["memory_bytes"] == 15_000 * MIB, "the driver's word")
    assert engine(machine)["pid"] == before["pid"]
    (gpu, _) = machine.status()["devices"]
    assert [each["owner"] for each in gpu["processes"]] == ["echo/0"]


def test_an_engine_that_died_is_started_again_when_its_memory_is_really_free(
    driver: Driver, machine: Instance
) -> None:
    dead = engine(machine)["pid"]
    holding(driver, RTX_5090, dead, 20_000)
    until(lambda: engine(machine)["memory_bytes"] == 20_000 * MIB, "the driver's word")
    os.kill(dead, signal.SIGKILL)

    why = "waits for memory: cuda:0 has 11.8 GiB free of 20.0 GiB needed"
    held = f"{why}; echo/0 (pid {dead}) holds 19.5 GiB"
    until(lambda: engine(machine)["reason"] == held, "the explanation")
    assert engine(machine)["state"] == "provisioning"
    driver.tell(RTX_5090)
    until(lambda: [r["state"] for r in machine.status()["replicas"]] == ["ready"], "a new engine")
    assert engine(machine)["pid"] != dead
    assert machine.chat()
