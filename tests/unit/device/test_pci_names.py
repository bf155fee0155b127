from pathlib import Path

import pytest

from xinf.device.pci_names import PciNames

AMDGPU_IDS = """# List of AMDGPU IDs
#
# Syntax:
# device_id,	revision_id,	product_name        <-- single tab after comma

1.0.0
744C,	C8,	AMD Radeon RX 7900 XTX
744C,	CC,	AMD Radeon RX 7900 XT
"""
PCI_IDS = """# List of PCI ID's
1002  Advanced Micro Devices, Inc. [AMD/ATI]
\t744c  Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]
\t\t1002 0e3b  RX 7900 GRE [XFX]
8086  Intel Corporation
\t56a0  DG2 [Arc A770]
\te20b  Battlemage G21 [Arc B580]
"""


@pytest.fixture
def names(tmp_path: Path) -> PciNames:
    lists = tmp_path / "amdgpu.ids", tmp_path / "pci.ids"
    lists[0].write_text(AMDGPU_IDS)
    lists[1].write_text(PCI_IDS)
    return PciNames((*lists, tmp_path / "absent.ids"))


def test_amd_s_own_list_tells_boards_by_revision(names: PciNames) -> None:
    assert names.of("0x1002", "0x744c", "0xc8") == "AMD Radeon RX 7900 XTX"
    assert names.of("0x1002", "0x744c", "0xcc") == "AMD Radeon RX 7900 XT"


def test_the_general_list_tells_the_chip(names: PciNames) -> None:
    chip = "Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]"
    assert names.of("0x1002", "0x744c", "0x00") == chip
    assert names.of("0x8086", "0x56a0") == "DG2 [Arc A770]"


def test_a_device_is_looked_for_among_its_vendor_s(names: PciNames) -> None:
    assert names.of("0x8086", "0x744c") == ""
    assert names.of("0x10de", "0x56a0") == ""


def test_a_list_is_read_once(names: PciNames, tmp_path: Path) -> None:
    names.of("0x8086", "0xe20b")
    (tmp_path / "pci.ids").unlink()
    assert names.of("0x8086", "0xe20b") == "Battlemage G21 [Arc B580]"


def test_without_lists_nothing_has_a_name(tmp_path: Path) -> None:
    assert PciNames((tmp_path / "pci.ids",)).of("0x8086", "0x56a0") == ""
