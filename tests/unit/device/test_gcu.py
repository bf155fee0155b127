import pytest

from tests.support.devices.tooled import recording
from xinf.core.nodes import Device, Vitals
from xinf.core.units import MIB
from xinf.device.gcu import parse


def test_what_is_reserved_cannot_be_had() -> None:
    first, second = parse(recording("gcu/efsmi.txt")).devices
    assert first == Device(
        uuid="GCU-TR6Y46010302",
        kind="gcu",
        index=0,
        name="Enflame S60",
        memory_total=42976 * MIB,
        memory_used=(42976 - 41846) * MIB,
        driver="1.4.3.4",
        arch="gcu300",
        dtypes=("float32", "float16", "bfloat16", "int8"),
        bus_id="0000:17:00.0",
        hides_processes=True,
        vitals=Vitals(utilisation=0, temperature=35, power=96, power_limit=300),
    )
    assert second.memory_used == (42976 - 6834) * MIB
    assert second.vitals.utilisation == pytest.approx(0.975)


def test_a_card_that_is_to_be_repaired_says_so() -> None:
    _, second = parse(recording("gcu/efsmi.txt")).devices
    assert "RMA" in second.problem
    unwell = recording("gcu/efsmi.txt").replace(": True\n    PCIe", ": False\n    PCIe")
    assert "not healthy" in parse(unwell).devices[0].problem


def test_an_older_driver_has_other_words() -> None:
    (device,) = parse(recording("gcu/efsmi-old.txt")).devices
    assert device.uuid == "GCU-A073640510015"
    assert (device.name, device.arch) == ("Enflame L300", "gcu400")
    assert (device.memory_used, device.memory_total) == (512 * MIB, 49120 * MIB)
    assert device.bus_id is None


def test_a_device_whose_memory_is_not_told_is_a_problem() -> None:
    seen = parse(recording("gcu/efsmi.txt").replace("42976 MiB", "N/A", 1))
    assert [each.index for each in seen.devices] == [1]
    assert seen.problems == ("efsmi tells of device 0 what cannot be understood",)


def test_an_answer_without_devices_is_a_failure() -> None:
    with pytest.raises(OSError, match="efsmi lists no device"):
        parse("")
