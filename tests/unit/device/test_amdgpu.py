from pathlib import Path

import pytest

from tests.support.devices import write
from tests.support.devices.kfd import RX_7800, KfdMachine
from xinf.core.nodes import Vitals
from xinf.device.amdgpu import Memory, built_in, shared, uncorrectable_errors, vitals

MIB = 1024**2


def test_a_card_tells_its_memory_and_what_it_may_share(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7800)
    assert built_in(machine.folder(RX_7800)) == Memory(16_368 * MIB, 206 * MIB)
    assert shared(machine.folder(RX_7800)) == Memory(16_000 * MIB, 10 * MIB)


def test_no_more_is_used_than_there_is(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7800)
    machine.memory(RX_7800, 20_000)
    memory = built_in(machine.folder(RX_7800))
    assert memory is not None
    assert memory.free == 0


@pytest.mark.parametrize("told", ["", "nonsense", "-1", "1e9", "²", "9" * 5000])
def test_what_is_no_number_is_no_memory(tmp_path: Path, told: str) -> None:
    machine = KfdMachine(tmp_path, RX_7800)
    write(machine.folder(RX_7800) / "mem_info_vram_total", told)
    assert built_in(machine.folder(RX_7800)) is None


def test_vitals_have_people_s_units(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7800)
    write(machine.folder(RX_7800) / "hwmon" / "hwmon3" / "power1_cap_default", 263_000_000)
    assert vitals(machine.folder(RX_7800)) == Vitals(0.19, 34.0, 17.0, 236.0, 263.0)


def test_large_accelerators_have_other_sensors(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path)
    folder = machine.folder(RX_7800)
    machine.vitals(RX_7800, {"temp2_input": 44_000, "power1_input": 132_000_000}, busy=0)
    assert vitals(folder) == Vitals(utilisation=0.0, temperature=44.0, power=132.0)


def test_a_card_without_sensors_tells_none_of_it(tmp_path: Path) -> None:
    assert vitals(tmp_path) == Vitals()


@pytest.mark.parametrize(("told", "count"), [("ue: 3\nce: 0", 3), ("ce: 5\nue: 0", 0), ("x", 0)])
def test_errors_that_were_not_corrected_are_counted(tmp_path: Path, told: str, count: int) -> None:
    write(tmp_path / "ras" / "umc_err_count", told)
    assert uncorrectable_errors(tmp_path) == count
