from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clock import VirtualClock
from tests.support.devices import put_slot, put_tool
from tests.support.devices.intel import (
    A770,
    B70,
    FDINFO_XE,
    GRAPHICS_UNIT,
    SECOND_B70,
    Card,
    IntelMachine,
)
from xinf.core.nodes import DeviceProcess
from xinf.device.intel_told import Told
from xinf.device.tool import REMEMBERED_S
from xinf.device.xpu import XpuBackend

KIB = 1024


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def backend_of(machine: IntelMachine, clock: VirtualClock) -> XpuBackend:
    return XpuBackend(clock.now, machine.trees)


def test_a_card_is_told_by_the_kernel_alone(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = IntelMachine(tmp_path, B70)
    machine.install(monkeypatch, library=False)
    machine.opened(300, "python3", FDINFO_XE)
    machine.sensors(B70, temp2_input=52_000)
    seen = backend_of(machine, clock).look()
    (device,) = seen.devices
    assert (device.id, device.uuid, device.name) == ("xpu:0", "PCI-0000:03:00.0", "Intel e223")
    assert (device.memory_total, device.memory_used) == (34_282_209_280, 23_992 * KIB)
    assert device.processes == (DeviceProcess(300, "python3", 23_992 * KIB),)
    assert (device.arch, device.driver) == ("bmg", "6.17.0-23-generic")
    assert device.features == ("xe",)
    assert "bfloat16" in device.dtypes
    assert device.vitals.temperature == 52.0
    assert seen.problems == ()


def test_what_the_kernel_keeps_to_itself_level_zero_tells(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = IntelMachine(tmp_path, A770)
    machine.install(monkeypatch)
    machine.tell("driver", "device 0 4 0 0", "memory 16225243136 12000000000")
    (device,) = backend_of(machine, clock).look().devices
    assert (device.memory_total, device.memory_used) == (16_225_243_136, 4_225_243_136)
    assert device.dtypes[0] == "float16"  # an A770 computes wrongly in bfloat16


async def test_level_zero_is_not_asked_at_every_look(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = IntelMachine(tmp_path, A770)
    machine.install(monkeypatch)
    machine.tell("driver", "device 0 4 0 0", "memory 1000 400")
    backend = backend_of(machine, clock)
    assert backend.look().devices[0].memory_used == 600
    machine.tell("driver", "device 0 4 0 0", "memory 1000 300")
    assert backend.look().devices[0].memory_used == 600
    await clock.advance(REMEMBERED_S)
    assert backend.look().devices[0].memory_used == 700


def test_graphics_units_of_processors_are_not_shown(tmp_path: Path, clock: VirtualClock) -> None:
    machine = IntelMachine(tmp_path, GRAPHICS_UNIT)
    assert not backend_of(machine, clock).detect()
    machine.put(B70)
    backend = backend_of(machine, clock)
    assert backend.detect()
    assert [device.uuid for device in backend.look().devices] == [B70.uuid]


@pytest.mark.parametrize("library", [True, False])
def test_a_process_sees_its_cards_by_number_in_bus_order(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, library: bool
) -> None:
    machine = IntelMachine(tmp_path, GRAPHICS_UNIT, B70, SECOND_B70)
    machine.install(monkeypatch, library=library)
    machine.tell("driver", "device 0 83 0 0", "device 0 3 0 0", "device 0 0 2 0")
    backend = backend_of(machine, clock)
    backend.look()
    # The graphics unit counts, for Level Zero has it too.
    assert backend.visible_env([B70.uuid, SECOND_B70.uuid]) == {
        "ZE_AFFINITY_MASK": "1,2",
        "ZE_ENABLE_PCI_ID_DEVICE_ORDER": "1",
        "ZE_FLAT_DEVICE_HIERARCHY": "COMPOSITE",
        "ONEAPI_DEVICE_SELECTOR": "level_zero:gpu",
    }


def test_a_graphics_unit_that_level_zero_cannot_use_does_not_count(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = IntelMachine(tmp_path, GRAPHICS_UNIT, B70)
    machine.install(monkeypatch)
    machine.tell("driver", "device 0 3 0 0")
    backend = backend_of(machine, clock)
    backend.look()
    assert backend.visible_env([B70.uuid])["ZE_AFFINITY_MASK"] == "0"


def test_a_card_that_is_gone_is_lost_and_comes_back(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = IntelMachine(tmp_path, B70, SECOND_B70)
    machine.install(monkeypatch, library=False)
    backend = backend_of(machine, clock)
    before = backend.look()
    machine.folder(B70).rename(tmp_path / "aside")
    seen = backend.look()
    assert [(each.id, each.uuid) for each in seen.devices] == [("xpu:1", SECOND_B70.uuid)]
    assert seen.lost == (B70.uuid,)
    assert seen.problems == (f"xpu:0 (Intel e223, {B70.uuid}): it is no longer there",)
    assert backend.visible_env([B70.uuid])["ZE_AFFINITY_MASK"] == "1000"
    (tmp_path / "aside").rename(machine.folder(B70))
    assert backend.look() == before


def test_a_card_whose_memory_nobody_tells_is_a_problem(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = IntelMachine(tmp_path, A770)
    machine.install(monkeypatch, library=False)
    monkeypatch.setenv("PATH", str(machine.programs))
    seen = backend_of(machine, clock).look()
    assert seen.devices == ()
    (problem,) = seen.problems
    assert problem.startswith("the memory of the card at 0000:04:00.0 is not told: Level Zero")


def test_kunlunxin_s_program_of_the_same_name_is_not_asked_for_intel_s_cards(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = IntelMachine(tmp_path)
    put_slot(machine.sys, "0000:05:00.0", "0x1d22", "0x120000")
    machine.install(monkeypatch, library=False)
    put_tool(machine.programs, "xpu-smi", 'touch "$ZE_SCENARIO.asked"')
    backend = backend_of(machine, clock)
    assert not backend.detect()
    assert not machine.scenario.with_suffix(".asked").exists()


def test_a_card_without_a_driver_is_told(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = IntelMachine(tmp_path, Card("0000:03:00.0", "0xe223", ""))
    machine.install(monkeypatch, library=False)
    seen = backend_of(machine, clock).look()
    assert seen.problems == ("no kernel driver is loaded for the card at 0000:03:00.0",)


def test_a_neural_unit_is_no_card(tmp_path: Path, clock: VirtualClock) -> None:
    machine = IntelMachine(tmp_path)
    put_slot(machine.sys, "0000:00:0b.0", "0x8086", "0x120000", device="0x7d1d")
    assert not backend_of(machine, clock).detect()


@settings(max_examples=20)
@given(data=st.data())
def test_however_a_tree_is_broken_it_is_told_and_no_number_is_wrong(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    machine = IntelMachine(tmp_path_factory.mktemp("machine"), GRAPHICS_UNIT, B70, SECOND_B70)
    machine.opened(300, "python3", FDINFO_XE)
    machine.sensors(B70, temp2_input=52_000, energy1_input=5, power1_max=9)
    backend = XpuBackend(VirtualClock().now, machine.trees, Told)
    backend.look()
    files = sorted(path for path in machine.sys.rglob("*") if path.is_file())
    files += sorted(path for path in machine.proc.rglob("fdinfo/*"))
    for path in data.draw(st.lists(st.sampled_from(files), max_size=6, unique=True)):
        told = data.draw(st.none() | st.binary(max_size=12) | st.just(b"9" * 19))
        path.unlink() if told is None else path.write_bytes(told)
    seen = backend.look()
    assert len({each.uuid for each in seen.devices} | set(seen.lost)) == 2
    assert all(0 <= each.memory_used <= each.memory_total for each in seen.devices)
