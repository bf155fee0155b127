import json

import pytest

from tests.support.devices.tooled import recording
from xinf.core.nodes import Device, DeviceProcess, Vitals
from xinf.core.units import MIB
from xinf.device.musa import parse, parse_processes, read

QUERY, TABLE = recording("musa/query.json"), recording("musa/table.txt")


def test_a_card_is_told_by_its_json() -> None:
    first, _ = parse(QUERY, TABLE).devices
    assert first == Device(
        uuid="MUSA-399282a8-ba01-1475-893c-2eeca9e302f5",
        kind="musa",
        index=0,
        name="MTT S5000",
        memory_total=81920 * MIB,
        memory_used=66641 * MIB,
        driver="3.3.5-server",
        arch="mp_31",
        dtypes=("float32", "float16", "bfloat16", "int8", "fp8"),
        bus_id="0000:2a:00.0",
        vitals=Vitals(utilisation=0.75, temperature=42, power=400.5, power_limit=950),
    )


def test_its_processes_are_told_by_the_table() -> None:
    _, second = parse(QUERY, TABLE).devices
    assert second.processes == (
        DeviceProcess(1123, "Xorg", 134 * MIB),
        DeviceProcess(1361, "unity-greeter", 1 * MIB),
    )


def test_a_card_without_a_uuid_is_known_by_its_serial_number() -> None:
    _, second = parse(QUERY).devices
    assert second.uuid == "MUSA-MY1VE"
    assert (second.arch, "bfloat16" in second.dtypes) == ("mp_21", False)


def test_without_the_table_processes_are_hidden_and_the_devices_are_there() -> None:
    def ask(*arguments: str) -> str:
        if arguments:
            return QUERY
        raise OSError("it fails")

    devices = read(ask).devices
    assert [each.hides_processes for each in devices] == [True, True]
    assert parse_processes("ID   Name\n") is None
    assert parse_processes("Processes:\n   No running processes found\n") == {}


def test_a_card_whose_memory_is_not_told_is_a_problem() -> None:
    seen = parse(QUERY.replace("81920MiB", "N/A"))
    assert [each.index for each in seen.devices] == [1]
    assert seen.problems == ("mthreads-gmi tells of GPU 0 what cannot be understood",)


@pytest.mark.parametrize("told", [[], {}, {"GPU": 1}, {"GPU": [1, None, {"PCI": []}]}, "GPU", None])
def test_json_of_another_form_is_a_failure(told: object) -> None:
    with pytest.raises(OSError, match="mthreads-gmi"):
        parse(json.dumps(told))


def test_json_that_is_nested_without_end_is_a_failure() -> None:
    with pytest.raises(OSError, match="mthreads-gmi"):
        parse("[" * 100_000)
