from pathlib import Path

import pytest

from tests.support.devices import write
from tests.support.devices.kfd import K100, RX_7800, KfdMachine
from xinf.device.dcu import DcuBackend, dtypes
from xinf.device.rocm import RocmBackend

MIB = 1024**2


def test_hygon_s_cards_are_told_and_amd_s_are_not(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7800, *K100)
    backend = DcuBackend(machine.trees)
    assert backend.detect()
    devices = backend.look().devices
    assert [(each.id, each.uuid) for each in devices] == [
        ("dcu:0", "GPU-7100f95cee823041"),
        ("dcu:1", "GPU-715322fd7cac4121"),
    ]
    assert {each.arch for each in devices} == {"gfx928"}
    assert {each.memory_total for each in devices} == {65_520 * MIB}
    (amd,) = RocmBackend(machine.trees).look().devices
    assert amd.uuid == RX_7800.uuid


@pytest.mark.parametrize("module", ["hycu", "hydcu"])
def test_its_driver_has_had_two_names(tmp_path: Path, module: str) -> None:
    machine = KfdMachine(tmp_path, K100[0])
    write(machine.sys / "module" / module / "version", "6.3.8-V1.9.2")
    (device,) = DcuBackend(machine.trees).look().devices
    assert device.driver == "6.3.8-V1.9.2"


def test_a_process_sees_its_cards_by_number_and_vllm_reads_the_same(tmp_path: Path) -> None:
    backend = DcuBackend(KfdMachine(tmp_path, *K100).trees)
    backend.look()
    assert backend.visible_env([K100[1].uuid]) == {
        "HIP_VISIBLE_DEVICES": "1",
        "CUDA_VISIBLE_DEVICES": "1",
    }


def test_for_what_is_gone_no_other_card_is_seen(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, *K100)
    backend = DcuBackend(machine.trees)
    backend.look()
    (machine.node(K100[0]) / "properties").unlink()
    backend.look()
    assert backend.visible_env([K100[0].uuid])["HIP_VISIBLE_DEVICES"] == K100[0].uuid
    assert backend.visible_env([K100[1].uuid])["HIP_VISIBLE_DEVICES"] == "0"


def test_number_formats_go_with_the_architecture() -> None:
    assert "bfloat16" in dtypes("gfx928")
    assert "bfloat16" not in dtypes("gfx906")
    assert dtypes("gfx999") == dtypes(None) == ()
