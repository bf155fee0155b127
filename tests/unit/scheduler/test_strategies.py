from dataclasses import replace

import pytest

from tests.support.clusters import POLICY, cluster, gpu, model, places
from xinf.scheduler.plan import plan
from xinf.scheduler.strategies import STRATEGIES


def placed(strategy: str) -> list[str]:
    """Where b/0 and two copies of c go, with a/0 on the first of three cards."""
    policy = replace(POLICY, strategy=strategy)
    cards = [gpu(0), gpu(1), gpu(2)]
    before = plan(cluster(cards, [model("a", 5)]), policy)
    wanted = [model("a", 5), model("b", 4, priority=1), model("c", 3, replicas=2)]
    found = places(plan(cluster(cards, wanted, before), policy))
    return [found[replica][0] for replica in ("b/0", "c/0", "c/1")]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("idle_first", ["GPU-1", "GPU-2", "GPU-2"]),
        ("pack", ["GPU-0", "GPU-0", "GPU-0"]),
        ("spread", ["GPU-1", "GPU-2", "GPU-1"]),
    ],
)
def test_each_strategy_has_its_own_taste(strategy: str, expected: list[str]) -> None:
    assert placed(strategy) == expected


def test_a_strategy_is_known_by_the_name_that_settings_use() -> None:
    assert set(STRATEGIES) == {"idle_first", "pack", "spread"}


def test_an_unknown_strategy_is_the_usual_one() -> None:
    assert placed("by_the_moon") == placed("idle_first")


def test_what_others_hold_makes_a_device_fuller() -> None:
    found = plan(cluster([gpu(0, memory_used=2**33), gpu(1)], [model("a")]), POLICY)
    assert places(found) == {"a/0": ("GPU-1",)}
