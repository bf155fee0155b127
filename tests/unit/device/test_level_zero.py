"""The real program, on a library that a test can break."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.devices.intel import IntelMachine
from xinf.device import level_zero
from xinf.device.level_zero import drivers

TWO = (
    "driver",
    "device 0 0 2 0",
    "device 0 83 0 0",
    "memory 34282209280 34000000000",
    "driver",
    "device 1 3 0 1",
    "memory 100 70",
    "memory 100 80",
)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IntelMachine:
    machine = IntelMachine(tmp_path)
    machine.install(monkeypatch)
    return machine


def asked(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", level_zero.__file__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def told() -> Any:
    answer = asked()
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_devices_are_told_by_driver_with_their_place_and_memory(machine: IntelMachine) -> None:
    machine.tell(*TWO)
    assert told() == [
        [
            {"address": "0000:00:02.0"},
            {"address": "0000:83:00.0", "size": 34_282_209_280, "free": 34_000_000_000},
        ],
        # Two tiles: their memory is added.
        [{"address": "0001:03:00.1", "size": 200, "free": 150}],
    ]


def test_memory_that_is_kept_secret_is_left_out(machine: IntelMachine) -> None:
    machine.tell(*TWO, "fail zesMemoryGetState 0x78000003")
    assert [list(device) for driver in told() for device in driver] == [["address"]] * 3


def test_without_a_driver_there_is_nothing(machine: IntelMachine) -> None:
    assert told() == []


@pytest.mark.parametrize("function", ["zesInit", "zesDriverGet", "zesDevicePciGetProperties"])
def test_a_call_that_fails_is_named(machine: IntelMachine, function: str) -> None:
    machine.tell(*TWO, f"fail {function} 0x78000001")
    answer = asked()
    assert answer.returncode == 1
    assert answer.stderr == f"{function} of Level Zero fails with 0x78000001\n"


def test_a_library_that_is_missing_or_another_one_is_told() -> None:
    assert "cannot open shared object file" in asked("libabsent.so.1").stderr
    other = asked("libc.so.6")
    assert other.returncode == 1
    assert "zesInit" in other.stderr
    with pytest.raises(OSError):
        drivers("libabsent.so.1")
