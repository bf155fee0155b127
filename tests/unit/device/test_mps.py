"""Apple's programs as scripts: none of this has run on a Mac."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import VirtualClock
from tests.support.devices import HERE, put_tool
from tests.support.devices.tooled import recording
from xinf.core.nodes import Device, Vitals
from xinf.core.units import GIB, MIB
from xinf.device.mps import (
    MpsBackend,
    ceiling,
    parse_displays,
    parse_sysctl,
    parse_utilisation,
    parse_vm_stat,
)

MEMORY = 32 * GIB
FREE = (91293 + 12115 + 495976) * 16384
FOLDER = HERE / "mps"
SYSCTL = f'case "$*" in *wired*) LIMIT ;; *) cat "{FOLDER}/sysctl.txt" ;; esac'


class Mac:
    def __init__(self, folder: Path) -> None:
        self.bin = folder
        self.clock = VirtualClock()
        self.backend = MpsBackend(self.clock.now, "darwin")
        self.limit("echo iogpu.wired_limit_mb: 0")
        put_tool(folder, "vm_stat", f"cat '{FOLDER}/vm_stat.txt'")
        put_tool(folder, "ioreg", f"cat '{FOLDER}/ioreg.txt'")
        log = f"echo asked >> {folder}/profiled"
        put_tool(folder, "system_profiler", f"{log}; cat '{FOLDER}/displays.json'")

    def limit(self, script: str) -> None:
        put_tool(self.bin, "sysctl", SYSCTL.replace("LIMIT", script))

    def device(self) -> Device:
        (device,) = self.backend.look().devices
        return device


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mac:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return Mac(tmp_path)


def test_there_is_none_where_the_system_is_not_apple_s() -> None:
    def never(*_: str) -> str:
        raise AssertionError("nothing is to be run")

    assert not MpsBackend(VirtualClock().now, "linux", never).detect()
    assert MpsBackend(VirtualClock().now, "darwin", never).detect()


def test_the_gpu_has_a_part_of_the_machine_s_memory(mac: Mac) -> None:
    total = MEMORY * 2 // 3
    assert mac.device() == Device(
        uuid="MPS-0",
        kind="mps",
        index=0,
        name="Apple M1 Pro (16-core GPU)",
        memory_total=total,
        memory_used=total - FREE,
        driver="15.6.1",
        arch="Apple M1 Pro",
        dtypes=("float32", "float16", "bfloat16", "int8"),
        hides_processes=True,
        is_unified=True,
        vitals=Vitals(utilisation=0.34),
    )


def test_one_device_needs_no_variable(mac: Mac) -> None:
    assert mac.backend.visible_env(["MPS-0"]) == {}


async def test_a_ceiling_that_somebody_sets_is_seen_after_a_while(mac: Mac) -> None:
    mac.device()
    mac.limit("echo iogpu.wired_limit_mb: 26624")
    assert mac.device().memory_total == MEMORY * 2 // 3
    await mac.clock.advance(30)
    assert mac.device().memory_total == 26624 * MIB


def test_a_system_without_the_setting_has_the_usual_ceiling(mac: Mac) -> None:
    mac.limit('echo "unknown oid" >&2; exit 1')
    assert mac.device().memory_total == MEMORY * 2 // 3


def test_what_never_changes_is_asked_once(mac: Mac) -> None:
    mac.device()
    mac.device()
    assert (mac.bin / "profiled").read_text() == "asked\n"


def test_without_the_profiler_the_chip_names_the_gpu(mac: Mac) -> None:
    put_tool(mac.bin, "system_profiler", "exit 1")
    assert mac.device().name == "Apple M1 Pro"


def test_a_mac_with_intel_s_processor_has_no_such_gpu(mac: Mac) -> None:
    put_tool(mac.bin, "sysctl", 'echo "machdep.cpu.brand_string: Intel(R) Core(TM) i7"')
    with pytest.raises(OSError, match=r"Intel.* is not one of Apple's own chips"):
        mac.device()


def test_broken_programs_are_told(mac: Mac) -> None:
    put_tool(mac.bin, "vm_stat", "echo nonsense")
    with pytest.raises(OSError, match="vm_stat tells what cannot be understood"):
        mac.device()
    put_tool(mac.bin, "sysctl", "echo hw.optional.arm64: 1")
    with pytest.raises(OSError, match=r"hw\.memsize"):
        MpsBackend(mac.clock.now, "darwin").look()


@pytest.mark.parametrize(
    ("memory", "limit_mb", "expected"),
    [
        (16 * GIB, 0, 16 * GIB * 2 // 3),
        (36 * GIB, 0, 24 * GIB),
        (64 * GIB, 0, 48 * GIB),
        (64 * GIB, 57344, 56 * GIB),
        (16 * GIB, 999_999, 16 * GIB),
    ],
)
def test_the_ceiling(memory: int, limit_mb: int, expected: int) -> None:
    assert ceiling(memory, limit_mb) == expected


def test_memory_that_files_only_borrow_is_free() -> None:
    assert parse_vm_stat(recording("mps/vm_stat.txt"), MEMORY) == MEMORY - FREE


def test_the_driver_s_own_share_is_not_how_busy_it_is() -> None:
    assert parse_utilisation(recording("mps/ioreg.txt")) == 0.34
    assert parse_utilisation('"Renderer Utilization %"=31') is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"SPDisplaysDataType": []}', "[[]]", "1"])
def test_a_profile_of_another_form_has_no_name(text: str) -> None:
    assert parse_displays(text) is None


def test_lines_that_are_no_values_are_passed_over() -> None:
    assert parse_sysctl("a: 1\nnonsense\nb.c: x: y\n") == {"a": "1", "b.c": "x: y"}


@given(st.integers(0, 2000))
def test_a_cut_off_vm_stat_is_refused_or_tells_a_possible_amount(length: int) -> None:
    try:
        used = parse_vm_stat(recording("mps/vm_stat.txt")[:length], MEMORY)
    except OSError:
        return
    assert used == MEMORY - FREE
