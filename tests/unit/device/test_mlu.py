import pytest

from tests.support.devices.tooled import recording
from xinf.core.nodes import Device, DeviceProcess, Vitals
from xinf.core.units import MIB
from xinf.device.mlu import parse


def test_a_card_is_told_with_its_processes() -> None:
    first, _ = parse(recording("mlu/cnmon-5.txt")).devices
    assert first == Device(
        uuid="MLU-77013006-2457-0000-0000-000000000000",
        kind="mlu",
        index=0,
        name="MLU370-X4",
        memory_total=23308 * MIB,
        memory_used=17320 * MIB,
        processes=(
            DeviceProcess(101934, "python", 15829 * MIB),
            DeviceProcess(101977, "cnperf", 610 * MIB),
        ),
        driver="5.10.22",
        arch="mtp_372",
        dtypes=("float32", "float16", "int8"),
        bus_id="0000:1b:00.0",
        vitals=Vitals(utilisation=0.66, temperature=78, power=44, power_limit=150),
    )


def test_a_card_without_numbers_of_its_own_is_known_by_its_place_in_the_list() -> None:
    _, second = parse(recording("mlu/cnmon-5.txt")).devices
    assert (second.uuid, second.bus_id) == ("MLU-1", None)
    assert "bfloat16" in second.dtypes
    assert second.problem == "its health is Bad"
    assert (second.processes, second.hides_processes) == ((), False)


def test_an_older_cnmon_tells_less() -> None:
    (device,) = parse(recording("mlu/cnmon-4.txt")).devices
    assert (device.memory_used, device.memory_total) == (4096 * MIB, 23308 * MIB)
    assert device.vitals == Vitals(utilisation=0.66, temperature=49, power=38)
    assert device.hides_processes
    assert device.problem == ""


def test_a_card_of_an_unknown_model_has_no_known_number_formats() -> None:
    told = recording("mlu/cnmon-4.txt").replace("MLU370-S4", "MLU999")
    (device,) = parse(told).devices
    assert (device.name, device.arch, device.dtypes) == ("MLU999", None, ())


def test_a_card_whose_memory_is_not_told_is_a_problem() -> None:
    seen = parse(recording("mlu/cnmon-5.txt").replace("23308 MiB", "N/A"))
    assert [each.index for each in seen.devices] == [1]
    assert seen.problems == ("cnmon tells of card 0 what cannot be understood",)


def test_an_answer_without_cards_is_a_failure() -> None:
    with pytest.raises(OSError, match="cnmon lists no card"):
        parse("No MLU devices found\n")
