import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.devices import put_tool
from tests.support.devices.intel import DETAIL, DISCOVERY, IntelMachine
from xinf.device.intel_told import Source, Told, from_level_zero, from_xpu_smi
from xinf.device.tool import Tool

# Answers with recordings: the list, or one device's details.
XPU_SMI = f"""case "$*" in
"discovery -j") cat <<'END'
{DISCOVERY}
END
;;
"discovery -d 0 -j") cat <<'END'
{DETAIL}
END
;;
"discovery -d 1 -j") cat <<'END'
{DETAIL.replace("0000:03:00.0", "0000:83:00.0").replace('"34282209280"', "34282209280")}
END
;;
*) exit 2 ;;
esac"""


@pytest.fixture
def machine(tmp_path: Path) -> IntelMachine:
    return IntelMachine(tmp_path)


def test_numbers_are_the_order_of_the_bus_within_a_driver() -> None:
    drivers = [
        [{"address": "0000:83:00.0", "size": 10, "free": 4}, {"address": "0000:03:00.0"}],
        [{"address": "0000:00:02.0"}],
    ]
    told = from_level_zero(json.dumps(drivers))
    assert told.numbers == {"0000:03:00.0": 0, "0000:83:00.0": 1, "0000:00:02.0": 0}
    assert (told.sizes, told.used) == ({"0000:83:00.0": 10}, {"0000:83:00.0": 6})


@pytest.mark.parametrize("answer", ["", "{", "7", '{"a": 1}', "[" * 100_000])
def test_an_answer_that_is_none_is_told(answer: str) -> None:
    with pytest.raises(OSError):
        from_level_zero(answer)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["address", "size", "free"]), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_whatever_is_told_no_memory_is_negative(answer: object) -> None:
    try:
        told = from_level_zero(json.dumps(answer))
    except OSError:
        return
    assert all(size > 0 for size in told.sizes.values())
    assert all(0 <= used <= told.sizes[address] for address, used in told.used.items())


def test_xpu_smi_tells_memory_device_by_device(
    machine: IntelMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.install(monkeypatch, library=False)
    put_tool(machine.programs, "xpu-smi", XPU_SMI)
    sizes = {"0000:03:00.0": 34_282_209_280, "0000:83:00.0": 34_282_209_280}
    assert from_xpu_smi(Tool("xpu-smi")) == Told(sizes)


@pytest.mark.parametrize("answer", ["nonsense", "[]", '{"device_list": [{"device_id": 0}'])
def test_nonsense_of_xpu_smi_s_is_told(
    machine: IntelMachine, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    machine.install(monkeypatch, library=False)
    put_tool(machine.programs, "xpu-smi", f"echo '{answer}'")
    with pytest.raises(OSError):
        from_xpu_smi(Tool("xpu-smi"))


def test_devices_that_are_not_described_are_passed_over(
    machine: IntelMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.install(monkeypatch, library=False)
    put_tool(machine.programs, "xpu-smi", """echo '{"device_list": [{"device_id": 0}, 7]}'""")
    assert from_xpu_smi(Tool("xpu-smi")) == Told()


def test_xpu_smi_is_asked_where_level_zero_is_missing(
    machine: IntelMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.install(monkeypatch, library=False)
    put_tool(machine.programs, "xpu-smi", XPU_SMI)
    assert Source().ask().sizes["0000:03:00.0"] == 34_282_209_280


def test_where_neither_works_both_are_told(
    machine: IntelMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.install(monkeypatch, library=False)
    monkeypatch.setenv("PATH", str(machine.programs))
    with pytest.raises(OSError) as error:
        Source().ask()
    library, tool = str(error.value).split("; ")
    assert library.startswith("Level Zero failed (exit code 1): ")
    assert library.endswith("libze_loader.so.1: file too short")
    assert tool == "xpu-smi is not installed, or not on PATH"


def test_a_library_that_crashes_takes_only_its_own_process(
    machine: IntelMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.install(monkeypatch)
    monkeypatch.setenv("PATH", str(machine.programs))
    machine.tell("crash")
    with pytest.raises(OSError, match=r"Level Zero failed \(signal 6\)"):
        Source().ask()
