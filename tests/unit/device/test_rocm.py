from pathlib import Path

import pytest

from tests.support.devices.kfd import MI308, RX_7800, RX_7900, STRIX_HALO, KfdMachine
from xinf.device.rocm import RocmBackend, dtypes, features


def looked(machine: KfdMachine) -> RocmBackend:
    backend = RocmBackend(machine.trees)
    assert backend.detect()
    backend.look()
    return backend


@pytest.mark.parametrize(
    ("arch", "has", "has_not"),
    [
        ("gfx906", {"float16", "int8"}, {"bfloat16", "fp8"}),
        ("gfx90a", {"bfloat16"}, {"fp8"}),
        ("gfx942", {"bfloat16", "fp8"}, {"fp4"}),
        ("gfx950", {"fp8", "fp4"}, set()),
        ("gfx1030", {"float16"}, {"bfloat16"}),
        ("gfx1100", {"bfloat16", "float16"}, {"fp8"}),
        ("gfx1201", {"bfloat16", "fp8"}, {"fp4"}),
    ],
)
def test_number_formats_go_with_the_architecture(
    arch: str, has: set[str], has_not: set[str]
) -> None:
    assert has <= set(dtypes(arch))
    assert not has_not & set(dtypes(arch))


def test_of_what_is_not_known_nothing_is_claimed() -> None:
    assert dtypes("gfx2000") == dtypes(None) == ()
    assert features(None) == ()


def test_mi300_s_other_fp8_is_told() -> None:
    assert features("gfx942") == ("fp8_fnuz",)
    assert features("gfx950") == ()


def test_devices_are_told_with_what_they_compute_in(tmp_path: Path) -> None:
    (device,) = looked(KfdMachine(tmp_path, RX_7800)).look().devices
    assert (device.kind, device.dtypes) == ("rocm", dtypes("gfx1101"))


def test_a_process_sees_its_cards_by_uuid_and_counts_them_from_zero(tmp_path: Path) -> None:
    backend = looked(KfdMachine(tmp_path, RX_7800, RX_7900))
    assert backend.visible_env([RX_7900.uuid]) == {
        "ROCR_VISIBLE_DEVICES": RX_7900.uuid,
        "HIP_VISIBLE_DEVICES": "0",
        "CUDA_VISIBLE_DEVICES": "0",
    }
    both = backend.visible_env([RX_7900.uuid, RX_7800.uuid])
    assert both["ROCR_VISIBLE_DEVICES"] == f"{RX_7900.uuid},{RX_7800.uuid}"
    assert both["HIP_VISIBLE_DEVICES"] == both["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_what_the_runtime_has_no_uuid_for_is_given_by_its_number(tmp_path: Path) -> None:
    backend = looked(KfdMachine(tmp_path, RX_7800, STRIX_HALO, MI308))
    parts = ["PCI-0000:0a:00.0/1", "PCI-0000:0a:00.0/3"]
    assert backend.visible_env(parts)["ROCR_VISIBLE_DEVICES"] == "3,5"
    assert backend.visible_env(["PCI-0000:c5:00.0"])["ROCR_VISIBLE_DEVICES"] == "1"


def test_for_what_is_gone_no_other_card_is_seen(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, STRIX_HALO, RX_7800)
    backend = looked(machine)
    (machine.node(STRIX_HALO) / "properties").unlink()
    backend.look()
    env = backend.visible_env(["PCI-0000:c5:00.0"])
    assert env["ROCR_VISIBLE_DEVICES"] == "PCI-0000:c5:00.0"


def test_without_a_card_there_is_nothing(tmp_path: Path) -> None:
    assert not RocmBackend(KfdMachine(tmp_path).trees).detect()
