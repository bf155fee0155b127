from typing import Any

import pytest

from tests.support.clusters import POLICY, cluster, gpu, model, places, shaped, unplaced
from xinf.core.memory import Sizing
from xinf.core.nodes import Device
from xinf.core.placement import AppliedRule, Obstacle
from xinf.core.workload import Verdict
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import WantedModel

PAIR = Sizing(4096, devices=2)


def wide(**more: Any) -> WantedModel:
    return shaped("wide", 20, sizing=PAIR, **more)


def placed(cards: list[Device], *wanted: WantedModel) -> dict[str, tuple[str, ...]]:
    return places(plan(cluster(cards, wanted), POLICY))


def test_devices_of_one_name_share_a_replica_and_each_holds_its_part() -> None:
    found = plan(cluster([gpu(0, name="other"), gpu(1), gpu(2)], [wide()]), POLICY)
    (entry,) = found.assignments
    assert entry.devices == ("GPU-1", "GPU-2")
    assert entry.memory_bytes < 11 * 2**30
    assert "free on cuda:1 and cuda:2 each" in entry.why


def test_neighbours_are_preferred_to_emptier_strangers() -> None:
    cards = [gpu(index, numa_node=index % 2, memory_used=index * 2**30) for index in range(4)]
    assert placed(cards, wide()) == {"wide/0": ("GPU-0", "GPU-2")}


def test_strangers_will_do_where_there_are_no_neighbours() -> None:
    cards = [gpu(0, numa_node=0), gpu(1, numa_node=1)]
    assert placed(cards, wide()) == {"wide/0": ("GPU-0", "GPU-1")}


def test_a_slice_of_a_card_shares_nothing_but_holds_what_fits() -> None:
    slices = [gpu(index, name="slice", parent="CARD") for index in range(2)]
    assert placed(slices, model("small")) == {"small/0": ("GPU-0",)}
    found = unplaced(plan(cluster(slices, [wide()]), POLICY))["wide/0"]
    assert found.obstacle is Obstacle.NO_DEVICE
    assert "slices of a card cannot share a model" in found.reason


def test_pins_are_kept_to_though_others_are_emptier() -> None:
    cards = [gpu(0, memory_used=10 * 2**30), gpu(1)]
    assert placed(cards, model("a", pins=("GPU-0",))) == {"a/0": ("GPU-0",)}
    assert placed(cards, model("a", pins=("GPU-1", "GPU-0"))) == {"a/0": ("GPU-0", "GPU-1")}


@pytest.mark.parametrize(
    ("pins", "obstacle", "reason"),
    [
        (("GPU-9",), Obstacle.NO_DEVICE, "is pinned to GPU-9, which this machine does not have"),
        (("GPU-0", "GPU-9"), Obstacle.NO_DEVICE, "is pinned to GPU-9"),
        (("GPU-2",), Obstacle.NO_DEVICE, "needs a cuda device and is pinned to cpu:2"),
        (("GPU-0", "GPU-1"), Obstacle.INCOMPATIBLE, "devices that differ: card and other"),
    ],
)
def test_pins_that_cannot_be_kept_are_told(
    pins: tuple[str, ...], obstacle: Obstacle, reason: str
) -> None:
    cards = [gpu(0), gpu(1, name="other"), gpu(2, kind="cpu")]
    found = unplaced(plan(cluster(cards, [model("a", pins=pins)]), POLICY))["a/0"]
    assert found.obstacle is obstacle
    assert reason in found.reason


def test_a_refused_device_is_left_out_and_what_an_allowed_one_needs_is_told() -> None:
    rule = AppliedRule("no-p2p", "cards of this kind hang", env={"NCCL_P2P_DISABLE": "1"})
    verdicts = {
        "GPU-0": Verdict(refusal="has no fp8"),
        "GPU-1": Verdict(dtype="float16", rules=(rule,)),
    }
    (entry,) = plan(cluster([gpu(0), gpu(1)], [model("a", verdicts=verdicts)]), POLICY).assignments
    assert (entry.devices, entry.rules, entry.dtype) == (("GPU-1",), (rule,), "float16")


def test_where_all_are_refused_the_reason_and_the_nearest_choice_are_told() -> None:
    refusal = Verdict(refusal="int8 fails at start there", nearest='source = "hf:org/name-FP8"')
    wanted = model("a", verdicts={"GPU-0": refusal})
    found = unplaced(plan(cluster([gpu(0)], [wanted]), POLICY))["a/0"]
    assert found.obstacle is Obstacle.INCOMPATIBLE
    assert found.reason == "cannot run on cuda:0 (card): int8 fails at start there"
    assert found.nearest_fit == 'source = "hf:org/name-FP8"'
    assert not found.may_fit_later


def test_too_few_devices_of_one_name_are_told() -> None:
    found = unplaced(plan(cluster([gpu(0), gpu(1, name="other")], [wide()]), POLICY))["wide/0"]
    assert found.reason == "needs 2 cuda devices of one name and this machine has 1"


def test_what_was_measured_on_a_kind_of_card_counts_there() -> None:
    cards = [gpu(0, 16), gpu(1, 16, name="other")]
    wanted = model("a", 20, measured={"other": 10 * 2**30})
    (entry,) = plan(cluster(cards, [wanted]), POLICY).assignments
    assert (entry.devices, entry.memory_bytes) == (("GPU-1",), 10 * 2**30)
    assert "needs 10.0 GiB (measured)" in entry.why
