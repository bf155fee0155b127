"""The real backend and the real pynvml, on a driver that a test can break."""

from __future__ import annotations

from ctypes.util import find_library
from pathlib import Path
from typing import Any

import pytest

from tests.support.nvml import H100, RTX_5090, SECOND_5090, Driver, Gpu
from tests.support.nvml.watch import Watch
from xinf.device.cuda import CudaBackend
from xinf.device.pci import NVIDIA, display_controllers

MIB = 1024**2


def told(device: dict[str, Any]) -> tuple[str, int, str, str, int]:
    names = ("uuid", "index", "name", "compute_capability", "memory_total")
    return tuple(device[name] for name in names)  # type: ignore[return-value]


def row_of(process: dict[str, Any]) -> tuple[int, str, int]:
    return (process["pid"], process["name"], process["memory_bytes"])


def row(gpu: Gpu, index: int) -> tuple[str, int, str, str, int]:
    return (gpu.uuid, index, gpu.name, gpu.capability, gpu.total * MIB)


@pytest.mark.parametrize(
    ("gpus", "in_order"),
    [
        ((RTX_5090,), (RTX_5090,)),
        ((RTX_5090, SECOND_5090), (RTX_5090, SECOND_5090)),
        ((SECOND_5090, H100, RTX_5090), (RTX_5090, H100, SECOND_5090)),
    ],
    ids=["one 5090", "two 5090", "an H100 among 5090s"],
)
def test_cards_are_told_in_the_order_of_the_bus(
    driver: Driver, watch: Watch, gpus: tuple[Gpu, ...], in_order: tuple[Gpu, ...]
) -> None:
    driver.tell(*gpus, extra=("driver|581.15",))
    seen = watch.look()
    assert [told(device) for device in seen["devices"]] == [
        row(gpu, index) for index, gpu in enumerate(in_order)
    ]
    assert {device["driver"] for device in seen["devices"]} == {"581.15"}
    assert {device["kind"] for device in seen["devices"]} == {"cuda"}
    assert seen["problems"] == []


@pytest.mark.parametrize("extra", [(), ("refuse|nvmlDeviceGetMemoryInfo_v2|13",)])
def test_what_the_driver_keeps_for_itself_is_not_free(
    driver: Driver, watch: Watch, extra: tuple[str, ...]
) -> None:
    driver.tell(RTX_5090.using(1000), extra=extra)
    (device,) = watch.look()["devices"]
    assert device["memory_total"] == 32_607 * MIB
    assert device["memory_used"] == (1000 + RTX_5090.reserved) * MIB
    driver.tell(RTX_5090.using(24_000), extra=extra)
    (device,) = watch.look()["devices"]
    assert device["memory_used"] == (24_000 + RTX_5090.reserved) * MIB


def test_a_process_that_computes_and_draws_is_one_process(driver: Driver, watch: Watch) -> None:
    extra = (
        f"process|{RTX_5090.uuid}|compute|300|2048|/usr/bin/python3",
        f"process|{RTX_5090.uuid}|compute|200|512|VLLM::EngineCore",
        f"process|{RTX_5090.uuid}|graphics|200|512|VLLM::EngineCore",
        f"process|{RTX_5090.uuid}|graphics|100|64",
        f"process|{RTX_5090.uuid}|graphics|400|?|/usr/bin/game",
        f"process|{SECOND_5090.uuid}|compute|300|1024|/usr/bin/python3",
    )
    driver.tell(RTX_5090, SECOND_5090, extra=extra)
    first, second = watch.look()["devices"]
    assert [row_of(each) for each in first["processes"]] == [
        (100, "", 64 * MIB),
        (200, "VLLM::EngineCore", 512 * MIB),
        (300, "python3", 2048 * MIB),
        (400, "game", 0),
    ]
    assert [row_of(each) for each in second["processes"]] == [(300, "python3", 1024 * MIB)]


def test_a_driver_that_will_not_tell_one_thing_tells_the_others(
    driver: Driver, watch: Watch
) -> None:
    untold = (
        "refuse|nvmlDeviceGetPciInfo_v3|13",
        "refuse|nvmlDeviceGetCudaComputeCapability|3",
        "refuse|nvmlSystemGetDriverVersion|3",
    )
    driver.tell(RTX_5090, SECOND_5090, extra=untold)
    seen = watch.look()
    assert [(each["uuid"], each["index"]) for each in seen["devices"]] == [
        (RTX_5090.uuid, 0),
        (SECOND_5090.uuid, 1),
    ]
    assert {each["compute_capability"] for each in seen["devices"]} == {None}
    assert {each["driver"] for each in seen["devices"]} == {"unknown"}
    assert seen["problems"] == []


def test_a_slow_driver_is_waited_for(driver: Driver, watch: Watch) -> None:
    driver.tell(RTX_5090, extra=("slow|30",))
    assert [told(device) for device in watch.look()["devices"]] == [row(RTX_5090, 0)]


def test_a_driver_that_hides_processes_is_well(driver: Driver, watch: Watch) -> None:
    lists = ("Compute", "Graphics")
    hidden = tuple(f"refuse|nvmlDeviceGet{each}RunningProcesses_v3|3" for each in lists)
    process = f"process|{RTX_5090.uuid}|compute|300|2048|python3"
    driver.tell(RTX_5090, extra=(*hidden, process))
    seen = watch.look()
    assert seen["devices"][0]["processes"] == []
    assert seen["problems"] == []


def test_a_lost_card_is_told_by_name_keeps_its_number_and_comes_back(
    driver: Driver, watch: Watch
) -> None:
    driver.tell(RTX_5090, SECOND_5090)
    before = watch.look()
    driver.tell(RTX_5090, SECOND_5090, extra=(f"fault|{RTX_5090.uuid}|15",))
    for _ in range(2):
        seen = watch.look()
        assert seen["devices"] == before["devices"][1:]
        (problem,) = seen["problems"]
        assert problem.startswith(f"cuda:0 (NVIDIA GeForce RTX 5090, {RTX_5090.uuid}): ")
        assert "GPU is lost" in problem
    driver.tell(RTX_5090, SECOND_5090)
    assert watch.look() == before


def test_a_card_that_is_gone_from_the_bus_is_missed(driver: Driver, watch: Watch) -> None:
    driver.tell(RTX_5090, SECOND_5090)
    watch.look()
    driver.tell(SECOND_5090)
    watch.look()
    seen = watch.look()
    assert [told(device) for device in seen["devices"]] == [row(SECOND_5090, 1)]
    assert "cuda:0" in seen["problems"][0]


def test_a_card_that_only_cannot_be_asked_stands_as_it_was(driver: Driver, watch: Watch) -> None:
    driver.tell(RTX_5090, SECOND_5090)
    before = watch.look()
    driver.tell(RTX_5090, SECOND_5090, extra=(f"fault|{SECOND_5090.uuid}|999",))
    seen = watch.look()
    assert seen["devices"] == before["devices"]
    (problem,) = seen["problems"]
    assert SECOND_5090.uuid in problem


def test_a_card_that_was_never_seen_is_a_problem_without_a_name(
    driver: Driver, watch: Watch
) -> None:
    driver.tell(RTX_5090, SECOND_5090, extra=(f"fault|{RTX_5090.uuid}|16",))
    seen = watch.look()
    assert [told(device) for device in seen["devices"]] == [row(SECOND_5090, 0)]
    assert "reset" in seen["problems"][0]


@pytest.mark.parametrize(
    ("code", "said"),
    [(9, "driver is not loaded"), (18, "different versions"), (4, "permission"), (999, "Unknown")],
)
def test_a_broken_driver_is_told_in_words_until_it_is_mended(
    driver: Driver, watch: Watch, code: int, said: str
) -> None:
    driver.tell(RTX_5090, extra=(f"init|{code}",))
    assert said in watch.look()["error"]
    assert said in watch.look()["error"]
    driver.tell(RTX_5090)
    assert [told(device) for device in watch.look()["devices"]] == [row(RTX_5090, 0)]


def test_a_driver_that_breaks_later_is_told_and_mended(driver: Driver, watch: Watch) -> None:
    driver.tell(RTX_5090)
    before = watch.look()
    driver.tell(RTX_5090, extra=("refuse|nvmlSystemGetDriverVersion|999",))
    assert "error" in watch.look()
    driver.tell(RTX_5090)
    assert watch.look() == before


@pytest.mark.skipif(
    find_library("nvidia-ml") is not None, reason="this machine has an NVIDIA driver"
)
def test_without_card_and_library_there_is_nothing_to_say(tmp_path: Path) -> None:
    watch = Watch({"LD_LIBRARY_PATH": str(tmp_path)})
    watch.begin(tmp_path)
    try:
        seen = watch.look()
    finally:
        watch.close()
    assert seen == {"absent": True}


def test_a_card_without_a_driver_is_told(tmp_path: Path) -> None:
    put(tmp_path, "0000:01:00.0", NVIDIA, "0x030000")
    watch = Watch({"LD_LIBRARY_PATH": str(tmp_path)})
    watch.begin(tmp_path)
    try:
        seen = watch.look()
    finally:
        watch.close()
    if "devices" in seen:
        pytest.skip("this machine has an NVIDIA driver")
    assert "no NVIDIA driver is installed" in seen["error"]


def put(tree: Path, slot: str, vendor: str, class_: str) -> None:
    folder = tree / "bus" / "pci" / "devices" / slot
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(f"{vendor}\n")
    (folder / "class").write_text(f"{class_}\n")


def test_only_graphics_cards_of_the_vendor_count(tmp_path: Path) -> None:
    put(tmp_path, "0000:c1:00.0", NVIDIA, "0x030200")
    put(tmp_path, "0000:01:00.0", NVIDIA, "0x030000")
    put(tmp_path, "0000:01:00.1", NVIDIA, "0x040300")
    put(tmp_path, "0000:02:00.0", "0x1002", "0x030000")
    (tmp_path / "bus" / "pci" / "devices" / "0000:03:00.0").mkdir()
    assert display_controllers(tmp_path, NVIDIA) == ("0000:01:00.0", "0000:c1:00.0")
    assert display_controllers(tmp_path / "nowhere", NVIDIA) == ()


def test_a_process_sees_the_cards_that_it_was_given_and_counts_them_by_the_bus() -> None:
    assert CudaBackend().visible_env([RTX_5090.uuid, H100.uuid]) == {
        "CUDA_VISIBLE_DEVICES": f"{RTX_5090.uuid},{H100.uuid}",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }
