import pytest

from tests.support.devices.tooled import recording
from xinf.core.nodes import Device, DeviceProcess, Vitals
from xinf.core.units import MIB
from xinf.device.npu import parse


def test_a_chip_has_its_own_memory_its_processes_and_its_vitals() -> None:
    first, second, third = parse(recording("npu/910b3.txt")).devices
    assert first == Device(
        uuid="NPU-0000:c1:00.0",
        kind="npu",
        index=0,
        name="Ascend 910B3",
        memory_total=65536 * MIB,
        memory_used=53984 * MIB,
        processes=(
            DeviceProcess(48988, "python", 13330 * MIB),
            DeviceProcess(48990, "", 37290 * MIB),
        ),
        driver="24.1.0.3",
        arch="ascend910b",
        dtypes=("float32", "float16", "bfloat16", "int8"),
        bus_id="0000:c1:00.0",
        vitals=Vitals(utilisation=0.37, temperature=43, power=101.8),
    )
    assert (second.processes, second.hides_processes) == ((), False)
    assert third.bus_id == "0000:81:00.0"


def test_a_chip_that_is_not_well_says_so() -> None:
    problems = [each.problem for each in parse(recording("npu/910b3.txt")).devices]
    assert problems == ["", "its health is Alarm", ""]


def test_two_chips_of_a_card_are_two_devices_counted_through() -> None:
    devices = parse(recording("npu/910c.txt")).devices
    assert [(each.index, each.uuid) for each in devices] == [
        (0, "NPU-0000:9d:00.0"),
        (1, "NPU-0000:9f:00.0-1"),
        (2, "NPU-0000:85:00.0"),
        (3, "NPU-0000:83:00.0-1"),
    ]
    assert {each.arch for each in devices} == {"ascend910_93"}
    assert {each.name for each in devices} == {"Ascend 910"}


def test_processes_belong_to_a_chip_and_not_to_its_card() -> None:
    devices = parse(recording("npu/910c.txt")).devices
    assert [each.processes for each in devices] == [
        (DeviceProcess(632268, "python3.1", 197 * MIB),),
        (),
        (),
        (DeviceProcess(1712733, "sglangschedul", 28954 * MIB),),
    ]
    assert [each.vitals.power for each in devices] == [162.6, None, 186.3, None]


def test_chips_at_one_address_have_names_of_their_own() -> None:
    devices = parse(recording("npu/310p3.txt")).devices
    assert [each.uuid for each in devices] == [
        "NPU-0000:01:00.0",
        "NPU-0000:01:00.0-1",
        "NPU-0000:81:00.0",
        "NPU-0000:81:00.0-1",
    ]
    assert [each.memory_used for each in devices] == [
        used * MIB for used in (19435, 1511, 1384, 1572)
    ]
    assert [each.memory_total // MIB for each in devices] == [44278, 43693, 44278, 43693]


def test_a_chip_without_hbm_has_the_memory_that_it_tells() -> None:
    first, *_ = parse(recording("npu/310p3.txt")).devices
    assert first.arch == "ascend310p"
    assert "bfloat16" not in first.dtypes
    assert first.vitals == Vitals(utilisation=0, temperature=49)
    assert first.processes == (DeviceProcess(50123, "python", 17455 * MIB),)


def test_where_there_is_hbm_the_processor_s_memory_does_not_count() -> None:
    (device,) = parse(recording("npu/910prob.txt")).devices
    assert (device.memory_used, device.memory_total) == (30711 * MIB, 32768 * MIB)
    assert device.arch == "ascend910"
    assert "bfloat16" not in device.dtypes


def test_without_a_table_of_processes_they_are_hidden() -> None:
    (device,) = parse(recording("npu/910prob.txt")).devices
    assert device.hides_processes


def test_a_chip_whose_memory_is_not_told_is_a_problem_and_keeps_the_others_numbers() -> None:
    told = recording("npu/910b3.txt").replace("3314 / 65536", "NA   / NA   ", 1)
    seen = parse(told)
    assert [each.index for each in seen.devices] == [0, 2]
    assert seen.problems == ("npu-smi tells of NPU 1 what cannot be understood",)


@pytest.mark.parametrize("text", ["", "dcmi module initialize failed. ret is -8005"])
def test_an_answer_without_chips_is_a_failure(text: str) -> None:
    with pytest.raises(OSError, match="npu-smi lists no NPU"):
        parse(text)
