from pathlib import Path

import pytest

from tests.support.devices import write
from tests.support.devices.intel import A770, B70, IntelMachine
from xinf.core.nodes import Vitals
from xinf.device.intel_card import IntelCard, Rate


class Time:
    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds


@pytest.fixture
def machine(tmp_path: Path) -> IntelMachine:
    return IntelMachine(tmp_path, B70, A770)


def test_memory_is_that_of_all_tiles(machine: IntelMachine) -> None:
    card = IntelCard(machine.folder(B70), Time().now)
    assert card.memory_total() == 34_282_209_280
    write(machine.folder(B70) / "tile1" / "physical_vram_size_bytes", 20)
    assert card.memory_total() == 34_282_209_300


def test_a_driver_that_keeps_memory_to_itself_tells_none(machine: IntelMachine) -> None:
    assert IntelCard(machine.folder(A770), Time().now).memory_total() is None


def test_load_and_power_are_what_counters_grew_between_two_looks(machine: IntelMachine) -> None:
    time = Time()
    card = IntelCard(machine.folder(B70), time.now)
    limits = {"power1_max": 230_000_000, "power1_rated_max": 290_000_000}
    machine.sensors(B70, energy1_input=5_000_000, temp2_input=52_000, **limits)
    machine.idle(B70, 1_000)
    assert card.vitals() == Vitals(None, 52.0, None, 230.0, 290.0)
    time.seconds += 4
    machine.sensors(B70, energy1_input=245_000_000)
    machine.idle(B70, 2_000)
    assert card.vitals() == Vitals(0.75, 52.0, 60.0, 230.0, 290.0)


def test_the_older_driver_has_its_counters_elsewhere(machine: IntelMachine) -> None:
    time = Time()
    card = IntelCard(machine.folder(A770), time.now)
    residency = machine.folder(A770) / "drm" / "card1" / "gt" / "gt0" / "rc6_residency_ms"
    write(residency, 1_000)
    machine.sensors(A770, temp1_input=41_000, power1_max=0)
    assert card.vitals() == Vitals(temperature=41.0)
    time.seconds += 1
    write(residency, 2_100)  # a little more than passed: its clock is another
    assert card.vitals().utilisation == 0.0


def test_a_card_without_sensors_tells_nothing(tmp_path: Path) -> None:
    card = IntelCard(tmp_path / "gone", Time().now)
    assert card.vitals() == Vitals()
    assert not card.is_there()


def test_a_counter_that_begins_anew_or_is_gone_has_no_rate() -> None:
    time = Time()
    rate = Rate(time.now)
    told: list[float | None] = []
    for count in (100, 50, None, 60, 80):
        told.append(rate.of(count))
        time.seconds += 2
    assert told == [None, None, None, None, 10.0]
