from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.engines import assignment
from xinf.core.engines import RunningEngine
from xinf.core.footprints import (
    MeasuredFootprint,
    footprint_key,
    has_moved,
    held_on,
    measure,
    measured_of,
    peak,
)
from xinf.core.nodes import Device
from xinf.core.states import EngineState
from xinf.core.units import GIB

GPU = Device("GPU-1", "cuda", 0, "NVIDIA GeForce RTX 5090", 32 * GIB, 0)
CPU = Device("cpu", "cpu", 0, "some cpu", 64 * GIB, 0)
PLACED = replace(assignment(), devices=("GPU-1", "GPU-2"), memory_bytes=20 * GIB)


def engine(**memory: int) -> RunningEngine:
    return RunningEngine(
        *("a/0", "a", "local", EngineState.READY, "serving", 0.0, "vllm", "vllm-cuda", "f"),
        devices=tuple(memory),
        memory=memory,
    )


def footprint(**changes: object) -> MeasuredFootprint:
    plain = MeasuredFootprint("k", "a", "f", GPU.name, "cuda", "vllm-cuda", 10 * GIB, 100.0)
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_the_key_changes_with_everything_that_a_measurement_depends_on() -> None:
    parts = ("f", "vllm 0.32", GPU.name, 1)
    others = [("g", *parts[1:]), ("f", "vllm 0.33", GPU.name, 1), (*parts[:2], "H100", 1)]
    keys = {footprint_key(*each) for each in [parts, *others, (*parts[:3], 2)]}
    assert len(keys) == 5
    assert footprint_key(*parts) in keys


def test_the_fullest_device_is_what_an_engine_takes_on_each() -> None:
    seen = engine(**{"GPU-1": 11 * GIB, "GPU-2": 12 * GIB})
    found = measure(seen, PLACED, GPU, "vllm 0.32", 7.0)
    assert found is not None
    assert (found.memory_bytes, found.devices, found.device_name) == (12 * GIB, 2, GPU.name)
    assert found.key == footprint_key("f", "vllm 0.32", GPU.name, 2)
    assert found.at == 7.0


def test_where_nothing_is_seen_nothing_is_measured() -> None:
    assert measure(engine(), PLACED, GPU, "", 0.0) is None


@pytest.mark.parametrize(("seen", "counts"), [(5 * GIB, 20 * GIB), (21 * GIB, 21 * GIB)])
def test_in_main_memory_the_claim_stands_until_more_is_seen(seen: int, counts: int) -> None:
    found = measure(engine(cpu=seen), PLACED, CPU, "", 0.0)
    assert found is not None
    assert found.memory_bytes == counts


def test_a_peak_stays_while_the_plan_gives_the_same_numbers() -> None:
    high, low = footprint(memory_bytes=12 * GIB), footprint(at=200.0)
    assert peak(None, low) == low
    assert peak(high, low) == replace(high, at=200.0)
    assert peak(low, high) == high
    assert peak(replace(high, cache_bytes=GIB), low) == low
    assert peak(replace(high, context=4096), low) == low


def test_the_newest_measurement_of_each_device_counts() -> None:
    old, new = footprint(key="1"), footprint(key="2", at=200.0)
    others = [
        footprint(fingerprint="g", at=900.0),
        footprint(devices=2, at=900.0),
        footprint(device_name="H100"),
    ]
    found = measured_of([new, old, *others], "f", 1)
    assert found == {GPU.name: new, "H100": others[2]}


def test_what_devices_tell_wins_over_what_an_engine_says() -> None:
    both = ("GPU-1", "GPU-2")
    assert held_on(both, {"GPU-1": 3, "GPU-2": 4}, 100) == {"GPU-1": 3, "GPU-2": 4}
    assert held_on(both, {"GPU-1": 3}, 100) == {"GPU-1": 3, "GPU-2": 0}
    assert held_on(both, {"GPU-1": 0}, 100) == {"GPU-1": 50, "GPU-2": 50}
    assert held_on(both, {}, 0) == {}
    assert held_on((), {}, 5) == {}


@given(st.integers(1, 2**50), st.integers(1, 8))
def test_what_an_engine_says_is_never_more_when_it_is_divided(size: int, count: int) -> None:
    uuids = tuple(f"GPU-{index}" for index in range(count))
    held = held_on(uuids, {}, size)
    assert size - count < sum(held.values()) <= size


def test_memory_moves_in_steps_and_when_it_comes_or_goes() -> None:
    assert not has_moved({"a": 10}, {"a": 19}, 10)
    assert has_moved({"a": 10}, {"a": 20}, 10)
    assert has_moved({"a": 20}, {"a": 10}, 10)
    assert has_moved({}, {"a": 1}, 10)
    assert has_moved({"a": 1}, {}, 10)
