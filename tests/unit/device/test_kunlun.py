import pytest

from tests.support.devices.tooled import recording
from xinf.core.nodes import Device, DeviceProcess, Vitals
from xinf.core.units import MIB
from xinf.device.kunlun import parse, parse_processes, read

QUERY, TABLE = recording("kunlun/query.txt"), recording("kunlun/table.txt")
INTEL = """+-----------+--------------------------------------------------+
| Device ID | Device Information                               |
+-----------+--------------------------------------------------+
| 0         | Device Name: Intel(R) Data Center GPU Flex 170   |
+-----------+--------------------------------------------------+
"""


def test_a_card_is_told_under_the_name_that_its_tool_has_for_it() -> None:
    first, _ = parse(QUERY, TABLE).devices
    assert first == Device(
        uuid="GPU-420716f2-9928-5108-a5b2-e6b7cf36b37c",
        kind="kunlun",
        index=0,
        name="Kunlunxin P800 PCIe",
        memory_total=98304 * MIB,
        memory_used=0,
        driver="5.0.21.26",
        arch="KL3",
        dtypes=("float32", "float16", "bfloat16", "int8"),
        bus_id="0000:01:00.0",
        vitals=Vitals(utilisation=0, temperature=46, power=76, power_limit=350),
    )


def test_what_is_reserved_cannot_be_had_and_the_cache_is_no_memory() -> None:
    _, second = parse(QUERY, TABLE).devices
    assert (second.memory_used, second.memory_total) == ((98304 - 13544) * MIB, 98304 * MIB)


def test_a_card_without_a_uuid_is_known_by_its_serial_number() -> None:
    _, second = parse(QUERY).devices
    assert (second.uuid, second.bus_id) == ("XPU-02K0MA0258D0009T", "0000:a5:00.0")


def test_memory_errors_that_could_not_be_corrected_are_a_problem() -> None:
    first, second = parse(QUERY).devices
    assert first.problem == ""
    assert second.problem == "2 memory errors that could not be corrected"


def test_its_processes_are_told_by_the_table() -> None:
    first, second = parse(QUERY, TABLE).devices
    assert first.processes == ()
    assert second.processes == (DeviceProcess(214077, "python3", 84400 * MIB),)
    assert not first.hides_processes


def test_without_the_table_processes_are_hidden_and_the_devices_are_there() -> None:
    def ask(*arguments: str) -> str:
        if arguments:
            return QUERY
        raise OSError("it fails")

    assert [each.hides_processes for each in read(ask).devices] == [True, True]
    assert parse_processes(TABLE.partition("| Processes:")[0]) is None


def test_intel_s_program_of_the_same_name_is_not_understood() -> None:
    with pytest.raises(OSError, match="no card of Kunlunxin's"):
        parse(INTEL)


def test_a_card_whose_memory_is_not_told_is_a_problem() -> None:
    told = QUERY.replace("Used                              : 84504 MiB", "Used : N/A")
    seen = parse(told)
    assert [each.index for each in seen.devices] == [0]
    assert seen.problems == ("xpu-smi tells of 00000000:A5:00.0 what cannot be understood",)
