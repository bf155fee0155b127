from pathlib import Path

from tests.support.devices import put_slot
from xinf.device.pci import AMD, DISPLAY, INTEL, NVIDIA, Slot, accelerators, display_controllers


def test_graphics_cards_and_accelerators_of_the_vendor_are_found_in_bus_order(
    tmp_path: Path,
) -> None:
    put_slot(tmp_path, "0000:c1:00.0", AMD, "0x120000")
    put_slot(tmp_path, "0000:03:00.0", AMD, "0x030000")
    put_slot(tmp_path, "0000:85:00.0", AMD, "0x038000")
    put_slot(tmp_path, "0000:03:00.1", AMD, "0x040300")
    put_slot(tmp_path, "0000:01:00.0", NVIDIA, "0x030200")
    assert [slot.address for slot in accelerators(tmp_path, AMD)] == [
        "0000:03:00.0",
        "0000:85:00.0",
        "0000:c1:00.0",
    ]
    assert display_controllers(tmp_path, AMD) == ("0000:03:00.0", "0000:85:00.0")


def test_a_vendor_s_neural_unit_is_left_out_where_only_displays_are_meant(tmp_path: Path) -> None:
    put_slot(tmp_path, "0000:00:02.0", INTEL, "0x030000")
    put_slot(tmp_path, "0000:00:0b.0", INTEL, "0x120000")
    (slot,) = accelerators(tmp_path, INTEL, (DISPLAY,))
    assert slot.address == "0000:00:02.0"


def test_a_slot_tells_its_card_its_driver_and_its_node(tmp_path: Path) -> None:
    put_slot(tmp_path, "0000:03:00.0", AMD, "0x030000", device="0x744C", driver="amdgpu", numa=1)
    assert accelerators(tmp_path, AMD) == (
        Slot("0000:03:00.0", AMD, "0x744c", "0x030000", "amdgpu", 1),
    )


def test_a_slot_without_driver_and_with_one_node_tells_neither(tmp_path: Path) -> None:
    put_slot(tmp_path, "0000:03:00.0", AMD, "0x030000", numa=-1)
    (slot,) = accelerators(tmp_path, AMD)
    assert (slot.driver, slot.numa_node) == ("", None)


def test_slots_that_cannot_be_read_and_a_bus_that_is_not_there_are_nothing(tmp_path: Path) -> None:
    folder = put_slot(tmp_path, "0000:03:00.0", AMD, "0x030000")
    (folder.parent / "0000:04:00.0").mkdir()
    (folder.parent / "0000:05:00.0").write_bytes(b"a file, not a folder")
    (folder / "numa_node").write_bytes(b"\xff\xfe")
    assert [slot.address for slot in accelerators(tmp_path, AMD)] == ["0000:03:00.0"]
    assert accelerators(tmp_path / "nowhere", AMD) == ()
