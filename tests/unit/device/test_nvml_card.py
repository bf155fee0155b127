from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.nvml import GB10, H100, RTX_3090, RTX_4090, RTX_5090, Driver, Gpu
from tests.support.nvml.watch import Watch

MIB = 1024**2


def only(watch: Watch) -> dict[str, Any]:
    seen = watch.look()
    assert seen["problems"] == []
    (device,) = seen["devices"]
    return device


def test_a_card_tells_how_it_fares(driver: Driver, watch: Watch) -> None:
    busy = replace(RTX_5090, utilisation=87, temperature=61, power=412, power_limit=450)
    driver.tell(busy)
    assert only(watch)["vitals"] == {
        "utilisation": 0.87,
        "temperature": 61.0,
        "power": 412.0,
        "power_limit": 450.0,
        "power_limit_default": 575.0,
    }


def test_what_a_card_does_not_measure_is_none_and_not_zero(driver: Driver, watch: Watch) -> None:
    driver.tell(GB10)
    vitals = only(watch)["vitals"]
    assert vitals["temperature"] == 35.0
    assert (vitals["power_limit"], vitals["power_limit_default"]) == (None, None)


@pytest.mark.parametrize(
    "function",
    [
        "nvmlDeviceGetUtilizationRates",
        "nvmlDeviceGetTemperature",
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetDisplayActive",
        "nvmlDeviceGetPersistenceMode",
        "nvmlDeviceGetFieldValues",
        "nvmlSystemGetCudaDriverVersion_v2",
    ],
)
def test_an_oddity_of_what_is_only_good_to_know_hides_no_card(
    driver: Driver, watch: Watch, function: str
) -> None:
    driver.tell(RTX_5090, extra=(f"refuse|{function}|999",))
    assert only(watch)["uuid"] == RTX_5090.uuid


@pytest.mark.parametrize(
    ("display", "said"), [("1|0", True), ("0|1", True), ("0|0", False), ("?|?", None)]
)
def test_a_desktop_on_the_card_is_seen_with_or_without_a_screen(
    driver: Driver, watch: Watch, display: str, said: bool | None
) -> None:
    facts = [line for line in RTX_5090.lines() if not line.startswith("display")]
    driver.tell(extra=(*facts, f"display|{RTX_5090.uuid}|{display}"))
    assert only(watch)["has_display"] is said


def test_persistence_is_told(driver: Driver, watch: Watch) -> None:
    driver.tell(H100)
    assert only(watch)["has_persistence"] is True
    driver.tell(RTX_5090)
    watch.look()
    seen = {device["uuid"]: device["has_persistence"] for device in watch.look()["devices"]}
    assert seen[RTX_5090.uuid] is False


@pytest.mark.parametrize(
    ("cuda", "said"), [("13000", "13.0"), ("12080", "12.8"), ("11040", "11.4"), ("13010", "13.1")]
)
def test_the_newest_cuda_of_the_driver_is_told(
    driver: Driver, watch: Watch, cuda: str, said: str
) -> None:
    driver.tell(RTX_5090, extra=(f"cuda|{cuda}",))
    device = only(watch)
    assert (device["driver"], device["driver_api"]) == ("580.95.05", said)


@pytest.mark.parametrize(
    ("gpu", "arch", "has", "lacks"),
    [
        (RTX_5090, "sm_120", {"fp4", "fp8", "bfloat16"}, set[str]()),
        (GB10, "sm_121", {"fp4", "fp8", "bfloat16"}, set[str]()),
        (H100, "sm_90", {"fp8", "bfloat16"}, {"fp4"}),
        (RTX_4090, "sm_89", {"fp8", "bfloat16"}, {"fp4"}),
        (RTX_3090, "sm_86", {"bfloat16", "int8"}, {"fp8", "fp4"}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_card_says_what_it_computes_in(
    driver: Driver, watch: Watch, gpu: Gpu, arch: str, has: set[str], lacks: set[str]
) -> None:
    driver.tell(gpu)
    device = only(watch)
    assert device["arch"] == arch
    assert has <= set(device["dtypes"])
    assert not lacks & set(device["dtypes"])


def test_memory_that_the_driver_does_not_know_is_the_machine_s(
    driver: Driver, watch: Watch, tmp_path: Path
) -> None:
    (tmp_path / "meminfo").write_text(f"MemTotal: {4 * MIB} kB\nMemAvailable: {MIB} kB\n")
    watch.begin(tmp_path, tmp_path)
    driver.tell(GB10, RTX_5090)
    own, unified = watch.look()["devices"]
    assert (own["is_unified"], own["memory_total"]) == (False, 32_607 * MIB)
    assert unified["is_unified"] is True
    assert (unified["memory_total"], unified["memory_used"]) == (4096 * MIB, 3072 * MIB)
    # Most of it is held by programs of the CPU, which no driver lists.
    assert unified["hides_processes"] is True


def test_the_place_on_the_bus_leads_to_the_node_of_main_memory(
    driver: Driver, watch: Watch, tmp_path: Path
) -> None:
    slot = tmp_path / "bus" / "pci" / "devices" / "0000:01:00.0"
    slot.mkdir(parents=True)
    (slot / "numa_node").write_text("1\n")
    driver.tell(RTX_5090, H100)
    near, unknown = watch.look()["devices"]
    assert (near["bus_id"], near["numa_node"]) == ("0000:01:00.0", 1)
    assert (unknown["bus_id"], unknown["numa_node"]) == ("0000:41:00.0", None)


@pytest.mark.parametrize(("age_s", "used"), [(0, 100), (2, 100), (6, 900), (3600, 0)])
def test_memory_moves_while_the_scenario_stands(
    driver: Driver, watch: Watch, age_s: int, used: int
) -> None:
    driver.tell(RTX_5090, extra=(f"used|{RTX_5090.uuid}|0:100,5000:900,60000:0",))
    written = time.time() - age_s
    os.utime(driver.folder / "scenario", (written, written))
    assert only(watch)["memory_used"] == (used + RTX_5090.reserved) * MIB
