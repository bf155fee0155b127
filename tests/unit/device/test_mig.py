from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.nvml import H100, H100_MIG, RTX_5090, SECOND_5090, Driver, Slice
from tests.support.nvml.watch import Watch
from xinf.core.nodes import DeviceProcess
from xinf.core.units import GIB, MIB
from xinf.device import mig
from xinf.device.mig import shared

FIRST, SECOND = H100_MIG.slices or ()


def uuids(seen: dict[str, Any]) -> list[str]:
    return [device["uuid"] for device in seen["devices"]]


def test_a_card_that_is_split_is_its_slices(driver: Driver, watch: Watch) -> None:
    driver.tell(H100_MIG)
    seen = watch.look()
    assert uuids(seen) == [FIRST.uuid, SECOND.uuid]
    for index, device in enumerate(seen["devices"]):
        assert device["index"] == index
        assert device["name"] == "NVIDIA H100 80GB HBM3 MIG 3g.40gb"
        assert (device["memory_total"], device["memory_used"]) == (40_448 * MIB, 46 * MIB)
        assert device["parent"] == H100.uuid
        assert device["compute_capability"] == "9.0"
        assert device["hides_processes"] is False
    assert seen["problems"] == []


def test_what_is_measured_of_the_card_is_not_counted_for_each_slice(
    driver: Driver, watch: Watch
) -> None:
    driver.tell(H100_MIG)
    for device in watch.look()["devices"]:
        assert device["vitals"]["temperature"] == 35.0
        assert device["vitals"]["power"] is None
        assert device["vitals"]["utilisation"] is None


def test_a_process_stands_on_its_own_slice_only(driver: Driver, watch: Watch) -> None:
    processes = (
        f"process|{FIRST.uuid}|compute|300|2048|/usr/bin/python3",
        f"process|{SECOND.uuid}|compute|400|1024|/usr/bin/python3",
    )
    driver.tell(H100_MIG, extra=processes)
    on_each = [
        [(process["pid"], process["memory_bytes"]) for process in device["processes"]]
        for device in watch.look()["devices"]
    ]
    assert on_each == [[(300, 2048 * MIB)], [(400, 1024 * MIB)]]


def test_slices_and_whole_cards_are_counted_in_the_order_of_the_bus(
    driver: Driver, watch: Watch
) -> None:
    driver.tell(SECOND_5090, H100_MIG, RTX_5090)
    seen = watch.look()
    assert uuids(seen) == [RTX_5090.uuid, FIRST.uuid, SECOND.uuid, SECOND_5090.uuid]
    assert [device["index"] for device in seen["devices"]] == [0, 1, 2, 3]


def test_a_slice_that_is_removed_is_no_trouble_and_the_others_keep_their_numbers(
    driver: Driver, watch: Watch
) -> None:
    driver.tell(H100_MIG, SECOND_5090)
    watch.look()
    facts = [line for line in H100_MIG.lines() if FIRST.uuid not in line]
    driver.tell(SECOND_5090, extra=tuple(facts))
    seen = watch.look()
    assert uuids(seen) == [SECOND.uuid, SECOND_5090.uuid]
    assert [device["index"] for device in seen["devices"]] == [1, 2]
    assert seen["problems"] == []


def test_a_card_that_is_split_is_no_device_until_it_has_slices(
    driver: Driver, watch: Watch
) -> None:
    driver.tell(H100)
    assert uuids(watch.look()) == [H100.uuid]
    driver.tell(H100.split())
    seen = watch.look()
    assert uuids(seen) == []
    (problem,) = seen["problems"]
    assert H100.uuid in problem
    assert "no compute instance" in problem
    driver.tell(H100_MIG)
    assert uuids(watch.look()) == [FIRST.uuid, SECOND.uuid]
    driver.tell(H100)
    assert uuids(watch.look()) == [H100.uuid]


def test_a_lost_card_takes_its_slices_with_it_and_brings_them_back(
    driver: Driver, watch: Watch
) -> None:
    driver.tell(H100_MIG, SECOND_5090)
    before = watch.look()
    driver.tell(H100_MIG, SECOND_5090, extra=(f"fault|{H100.uuid}|15",))
    seen = watch.look()
    assert uuids(seen) == [SECOND_5090.uuid]
    assert seen["problems"][0].startswith(f"cuda:0, cuda:1 (NVIDIA H100 80GB HBM3, {H100.uuid}): ")
    driver.tell(H100_MIG, SECOND_5090)
    assert watch.look() == before


def test_compute_instances_on_one_memory_share_it(driver: Driver, watch: Watch) -> None:
    """Each says that it has all of it: recorded on an H100 with 1c.3g.40gb twice (GPUStack)."""
    one = Slice("MIG-one", "1c.3g.40gb", 2, 40_448, compute_instance=0, used=10_046)
    two = Slice("MIG-two", "1c.3g.40gb", 2, 40_448, compute_instance=1, used=10_046)
    other = Slice("MIG-other", "3g.40gb", 1, 40_448, used=46)
    held = f"process|{one.uuid}|compute|300|10000|python3"
    driver.tell(H100.split(one, two, other), extra=(held,))
    memory = {
        device["uuid"]: (device["memory_total"] // MIB, device["memory_used"] // MIB)
        for device in watch.look()["devices"]
    }
    assert memory == {
        "MIG-one": (20_224, 10_023),
        "MIG-two": (20_224, 23),
        "MIG-other": (40_448, 46),
    }


@given(
    total=st.integers(1, 100 * GIB),
    used=st.integers(0, 100 * GIB),
    holds=st.lists(st.integers(0, 120 * GIB), min_size=1, max_size=7),
)
def test_shares_never_promise_more_than_there_is(total: int, used: int, holds: list[int]) -> None:
    used = min(used, total)
    siblings = [
        mig.Slice(index, f"{index}", "", (1, index), total, used, (DeviceProcess(1, "", held),))
        for index, held in enumerate(holds)
    ]
    shares = shared(siblings)
    assert [each.uuid for each in shares] == [each.uuid for each in siblings]
    assert sum(each.memory_total for each in shares) <= total
    assert sum(each.memory_total - each.memory_used for each in shares) <= total - used
    assert all(0 <= each.memory_used <= each.memory_total for each in shares)
