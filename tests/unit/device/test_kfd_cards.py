"""Cards of AMD's as one make of several; what is AMD's own stands in test_rocm.py."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.devices import put_slot, write
from tests.support.devices.kfd import (
    MI210,
    MI308,
    RX_7800,
    RX_7900,
    STRIX_HALO,
    Card,
    KfdMachine,
)
from xinf.core.nodes import Device, DeviceProcess
from xinf.device.kfd_cards import KfdCards
from xinf.device.rocm import MAKE

MIB = 1024**2


def cards_of(machine: KfdMachine) -> KfdCards:
    return KfdCards(MAKE, machine.trees)


def only(machine: KfdMachine) -> Device:
    (device,) = cards_of(machine).look().devices
    return device


def test_a_card_is_told_with_all_that_the_kernel_knows(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, MI210)
    write(machine.sys / "module" / "amdgpu" / "version", "6.10.5")
    machine.process(300, "VLLM::EngineCor", {MI210: 10})
    device = only(machine)
    assert (device.id, device.uuid, device.name) == ("rocm:0", MI210.uuid, "AMD Instinct MI210")
    assert (device.memory_total, device.memory_used) == (65_520 * MIB, 20 * MIB)
    assert (device.arch, device.driver) == ("gfx90a", "6.10.5")
    assert (device.bus_id, device.numa_node) == ("0000:63:00.0", 1)
    assert device.processes == (DeviceProcess(300, "VLLM::EngineCor", 10 * MIB),)
    assert (device.hides_processes, device.is_unified, device.problem) == (False, False, "")


def test_cards_are_numbered_by_the_bus_whatever_the_compute_driver_s_order(tmp_path: Path) -> None:
    cards = cards_of(KfdMachine(tmp_path, RX_7900, RX_7800))
    seen = cards.look()
    assert [(each.id, each.uuid) for each in seen.devices] == [
        ("rocm:0", RX_7800.uuid),
        ("rocm:1", RX_7900.uuid),
    ]
    assert seen.problems == ()
    assert [cards.runtime_number(card.uuid) for card in (RX_7900, RX_7800)] == [0, 1]


def test_a_driver_without_a_version_is_the_kernel_s(tmp_path: Path) -> None:
    assert only(KfdMachine(tmp_path, RX_7800)).driver == "6.8.0-45-generic"


def test_a_card_is_named_by_lists_else_by_its_numbers(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7800)
    assert only(machine).name == "1002:747e"
    machine.names.write_text("747E,\tC8,\tAMD Radeon RX 7800 XT\n")
    assert only(machine).name == "AMD Radeon RX 7800 XT"


def test_what_draws_is_not_told_so_much_used_memory_of_nobody_hides_processes(
    tmp_path: Path,
) -> None:
    machine = KfdMachine(tmp_path, RX_7800)
    machine.memory(RX_7800, 500)
    assert not only(machine).hides_processes
    machine.memory(RX_7800, 3000)
    assert only(machine).hides_processes
    machine.process(300, "python3", {RX_7800: 2600})
    assert not only(machine).hides_processes


def test_processes_of_another_container_have_no_name(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7800)
    machine.process(300, "python3", {RX_7800: 100})
    (machine.proc / "300" / "comm").unlink()
    assert only(machine).processes == (DeviceProcess(300, "", 100 * MIB),)


def test_parts_of_a_card_are_devices_with_memory_of_their_own(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, MI308)
    machine.process(300, "python3", {(MI308, 2): 1000})
    cards = cards_of(machine)
    devices = cards.look().devices
    assert [each.uuid for each in devices] == [f"PCI-0000:0a:00.0/{part}" for part in range(4)]
    assert [each.name for each in devices][3] == "AMD Instinct MI308X OAM (part 3)"
    assert {each.memory_total for each in devices} == {49_148 * MIB}
    assert [each.memory_used // MIB for each in devices] == [0, 0, 1000, 0]
    assert {each.bus_id for each in devices} == {"0000:0a:00.0"}
    assert [cards.runtime_number(each.uuid) for each in devices] == [0, 1, 2, 3]


def test_a_graphics_unit_computes_in_main_memory_where_that_is_more(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, STRIX_HALO)
    device = only(machine)
    assert device.is_unified
    assert device.uuid == "PCI-0000:c5:00.0"
    assert (device.memory_total, device.memory_used) == (65_536 * MIB, 900 * MIB)


def test_main_memory_that_others_have_cannot_be_had(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, STRIX_HALO)
    write(machine.proc / "meminfo", "MemTotal: 131072000 kB\nMemAvailable: 10485760 kB")
    device = only(machine)
    assert device.memory_total - device.memory_used == 10_240 * MIB


def test_a_graphics_unit_with_much_carved_out_computes_there(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, replace(STRIX_HALO, total=98_304, gtt=(15_606, 900)))
    assert only(machine).memory_total == 98_304 * MIB


def test_a_card_that_is_gone_is_lost_and_keeps_its_number_until_it_is_back(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7800, RX_7900)
    cards = cards_of(machine)
    before = cards.look()
    total = machine.folder(RX_7800) / "mem_info_vram_total"
    total.rename(tmp_path / "aside")  # it vanishes between being listed and being read
    seen = cards.look()
    assert [(each.id, each.uuid) for each in seen.devices] == [("rocm:1", RX_7900.uuid)]
    assert seen.lost == (RX_7800.uuid,)
    assert seen.problems == (f"rocm:0 (1002:747e, {RX_7800.uuid}): it is no longer there",)
    (tmp_path / "aside").rename(total)
    assert cards.look() == before


def test_what_was_not_there_at_the_last_look_has_no_number(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7800, RX_7900)
    cards = cards_of(machine)
    cards.look()
    (machine.node(RX_7800) / "properties").unlink()
    cards.look()
    assert cards.runtime_number(RX_7800.uuid) is None
    assert cards.runtime_number(RX_7900.uuid) == 0


def test_a_card_that_never_told_its_memory_is_a_problem(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7800, RX_7900)
    write(machine.folder(RX_7800) / "mem_info_vram_used", "nonsense")
    seen = cards_of(machine).look()
    assert [each.uuid for each in seen.devices] == [RX_7900.uuid]
    assert seen.problems == ("the card at 0000:03:00.0 does not tell its memory",)
    assert seen.lost == ()


def test_a_card_without_a_driver_is_told_beside_one_that_computes(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7900)
    put_slot(machine.sys, "0000:03:00.0", "0x1002", "0x030000")
    seen = cards_of(machine).look()
    assert len(seen.devices) == 1
    assert seen.problems == ("no kernel driver is loaded for the card at 0000:03:00.0",)


@pytest.mark.parametrize(
    ("driver", "told"),
    [
        ("", "no kernel driver is loaded for the card at 0000:03:00.0"),
        ("amdgpu", "the kernel driver amdgpu is not loaded, or does not compute"),
    ],
)
def test_without_the_compute_driver_the_whole_kind_cannot_be_asked(
    tmp_path: Path, driver: str, told: str
) -> None:
    machine = KfdMachine(tmp_path)
    put_slot(machine.sys, "0000:03:00.0", "0x1002", "0x030000", driver=driver)
    machine.nodes.rename(tmp_path / "aside")
    with pytest.raises(OSError, match=told):
        cards_of(machine).look()


def test_a_compute_driver_that_shows_none_is_told(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path)
    put_slot(machine.sys, "0000:03:00.0", "0x1002", "0x030000", driver="amdgpu")
    with pytest.raises(OSError, match="shows none of them"):
        cards_of(machine).look()


def test_cards_older_than_the_compute_driver_are_not_looked_for(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path)
    put_slot(machine.sys, "0000:03:00.0", "0x1002", "0x030000", driver="radeon")
    assert not cards_of(machine).are_there()


def test_a_user_who_may_not_compute_is_told_on_every_card(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7800)
    (machine.dev / "kfd").unlink()  # as if forbidden: root may use all
    seen = cards_of(machine).look()
    assert "may not use" in seen.devices[0].problem
    assert seen.problems == (f"rocm:0 (1002:747e, {RX_7800.uuid}): {seen.devices[0].problem}",)


def test_memory_that_has_failed_is_an_ailment(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, MI210)
    errors = machine.folder(MI210) / "ras" / "umc_err_count"
    write(errors, "ue: 0\nce: 7")
    assert only(machine).problem == ""
    write(errors, "ue: 2\nce: 7")
    assert only(machine).problem == "2 uncorrectable memory errors since its driver was loaded"


def test_cards_that_claim_one_identity_are_told_apart_by_their_place(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7900, replace(RX_7800, unique_id=RX_7900.unique_id))
    uuids = [each.uuid for each in cards_of(machine).look().devices]
    assert uuids == ["PCI-0000:03:00.0", "PCI-0000:86:00.0"]


@settings(max_examples=20)
@given(data=st.data())
def test_however_a_tree_is_broken_it_is_told_and_no_number_is_wrong(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    machine = KfdMachine(tmp_path_factory.mktemp("machine"), RX_7800, STRIX_HALO, MI308)
    machine.process(300, "python3", {RX_7800: 100, (MI308, 1): 200})
    files = sorted(path for path in machine.sys.rglob("*") if path.is_file())
    for path in data.draw(st.lists(st.sampled_from(files), max_size=6, unique=True)):
        told = data.draw(st.none() | st.binary(max_size=12) | st.just(b"9" * 19))
        path.unlink() if told is None else path.write_bytes(told)
    try:
        seen = cards_of(machine).look()
    except OSError:
        return
    assert [each.index for each in seen.devices] == list(range(len(seen.devices)))
    assert len({each.uuid for each in seen.devices}) == len(seen.devices)
    assert all(0 <= each.memory_used <= each.memory_total for each in seen.devices)


def test_cards_of_other_vendors_are_none_of_these(tmp_path: Path) -> None:
    other: Card = replace(MI210, vendor="0x1d94", address="0000:07:00.0")
    machine = KfdMachine(tmp_path, other, RX_7800)
    assert only(machine).uuid == RX_7800.uuid
