from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.devices import write
from tests.support.devices.kfd import MI210, MI308, RX_7800, RX_7900, KfdMachine
from xinf.device.kfd import gfx, gpus, held


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (90_006, "gfx906"),
        (90_010, "gfx90a"),
        (90_402, "gfx942"),
        (90_500, "gfx950"),
        (100_300, "gfx1030"),
        (110_000, "gfx1100"),
        (110_501, "gfx1151"),
        (120_001, "gfx1201"),
        (0, None),
    ],
)
def test_an_architecture_is_named_as_compilers_do(version: int, name: str | None) -> None:
    assert gfx(version) == name


def test_processors_are_no_gpus_and_nodes_are_counted_as_numbers(tmp_path: Path) -> None:
    cards = [RX_7800, RX_7900, *(MI210,) * 9]  # more than ten nodes: "10" comes after "2"
    machine = KfdMachine(tmp_path, *cards[:2])
    for number in range(3, 12):
        write(machine.nodes / str(number) / "gpu_id", number)
        write(machine.nodes / str(number) / "properties", MI210.properties(0))
    found = gpus(machine.sys)
    assert [gpu.arch for gpu in found] == ["gfx1101", "gfx1100", *("gfx90a",) * 9]
    assert [gpu.gpu_id for gpu in found[2:]] == list(range(3, 12))


def test_a_node_tells_its_place_its_identity_and_its_memory(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7900)
    (gpu,) = gpus(machine.sys)
    assert (gpu.vendor, gpu.address, gpu.partition) == ("0x1002", "0000:86:00.0", 0)
    assert gpu.unique_id == RX_7900.unique_id
    assert gpu.memory_bytes == RX_7900.total * 1024**2


def test_the_parts_of_a_card_are_functions_or_have_numbers_of_their_own(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, MI308)
    assert [gpu.address[-1] for gpu in gpus(machine.sys)] == ["0", "1", "2", "3"]
    text = MI308.properties(0).replace(f"location_id {MI308.location(0)}", "location_id 805308928")
    write(machine.nodes / "1" / "properties", text)
    first = gpus(machine.sys)[0]
    assert (first.address, first.partition) == (MI308.address, 3)


def test_main_memory_is_not_a_gpu_s_own(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7900)
    write(machine.nodes / "1" / "mem_banks" / "1" / "properties", "heap_type 0\nsize_in_bytes 99")
    assert gpus(machine.sys)[0].memory_bytes == RX_7900.total * 1024**2


def test_a_node_that_may_not_be_read_is_not_there_for_us(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7800, RX_7900)
    (machine.nodes / "1" / "properties").unlink()  # as if forbidden: root may read all
    assert [gpu.arch for gpu in gpus(machine.sys)] == ["gfx1100"]


def test_without_the_compute_driver_nothing_can_be_told(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        gpus(tmp_path)


def test_who_computes_is_told_with_what_he_holds_of_this_card(tmp_path: Path) -> None:
    machine = KfdMachine(tmp_path, RX_7800, RX_7900)
    machine.process(300, "python3", {RX_7900: 2048, RX_7800: 0})
    machine.process(200, "llama-server", {RX_7900: 512})
    write(machine.sys / "class/kfd/kfd/proc/400" / f"vram_{machine.gpu_id(RX_7900)}", "nonsense")
    assert held(machine.sys, machine.gpu_id(RX_7900)) == {200: 512 << 20, 300: 2048 << 20}
    assert held(machine.sys, machine.gpu_id(RX_7800)) == {}
    assert held(tmp_path / "nowhere", 1) is None


@given(text=st.text(max_size=200), gpu_id=st.text(max_size=30))
def test_whatever_a_node_says_it_is_a_gpu_or_nothing(
    text: str, gpu_id: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("kfd")
    folder = root / "class" / "kfd" / "kfd" / "topology" / "nodes" / "1"
    folder.mkdir(parents=True)
    (folder / "properties").write_bytes(f"location_id 768\n{text}".encode("utf-8", "surrogatepass"))
    (folder / "gpu_id").write_bytes(gpu_id.encode("utf-8", "surrogatepass"))
    assert len(gpus(root)) <= 1
