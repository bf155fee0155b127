from pathlib import Path

import pytest

from xinf.core.units import GIB
from xinf.device.cpu import CpuBackend

MEMINFO = "MemTotal: 33554432 kB\nMemFree: 1024 kB\nMemAvailable: 25165824 kB\n"
CPUINFO = "processor: 0\nmodel name\t: Imaginary 9000\n"


class Machine:
    """A kernel's trees, as files."""

    def __init__(self, root: Path) -> None:
        self.proc, self.sys = root / "proc", root / "sys"
        self.write(self.proc / "meminfo", MEMINFO)
        self.write(self.proc / "cpuinfo", CPUINFO)

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def group(self, path: str, limit: str, used: int = 0, droppable: int = 0) -> None:
        folder = self.sys / "fs" / "cgroup" / path
        self.write(folder / "memory.max", f"{limit}\n")
        self.write(folder / "memory.current", f"{used}\n")
        stat = f"anon 1\nfile {used}\ninactive_file {droppable}\nslab_reclaimable 7\n"
        self.write(folder / "memory.stat", stat)

    def memory(self) -> tuple[int, int]:
        (device,) = CpuBackend(self.proc, self.sys).look().devices
        return device.memory_total, device.memory_used


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_limits_it_is_the_physical_memory(machine: Machine) -> None:
    assert machine.memory() == (32 * GIB, 8 * GIB)


def test_its_name_is_the_kernel_s(machine: Machine) -> None:
    (device,) = CpuBackend(machine.proc, machine.sys).look().devices
    assert (device.id, device.uuid, device.name) == ("cpu:0", "cpu", "Imaginary 9000")


def test_the_tightest_of_nested_groups_counts(machine: Machine) -> None:
    machine.write(machine.proc / "self" / "cgroup", "0::/user/app\n")
    machine.group("user/app", str(16 * GIB), 1 * GIB)
    machine.group("user", str(12 * GIB), 3 * GIB)
    machine.group("", "max")
    assert machine.memory() == (12 * GIB, 3 * GIB)


def test_a_group_that_says_max_has_no_limit(machine: Machine) -> None:
    machine.write(machine.proc / "self" / "cgroup", "0::/app\n")
    machine.group("app", "max")
    assert machine.memory() == (32 * GIB, 8 * GIB)


def test_in_a_container_the_own_group_is_the_root_of_what_is_mounted(machine: Machine) -> None:
    machine.write(machine.proc / "self" / "cgroup", "0::/docker/0123/not/mounted\n")
    machine.group("", str(4 * GIB), 1 * GIB)
    assert machine.memory() == (4 * GIB, 1 * GIB)


def test_version_one_keeps_memory_in_a_tree_of_its_own(machine: Machine) -> None:
    machine.write(machine.proc / "self" / "cgroup", "5:cpu,cpuacct:/\n4:memory:/app\n")
    folder = machine.sys / "fs" / "cgroup" / "memory" / "app"
    machine.write(folder / "memory.limit_in_bytes", str(2 * GIB))
    machine.write(folder / "memory.usage_in_bytes", str(GIB))
    assert machine.memory() == (2 * GIB, GIB)


def test_version_one_s_word_for_no_limit_is_more_than_there_is(machine: Machine) -> None:
    machine.write(machine.proc / "self" / "cgroup", "4:memory:/\n")
    folder = machine.sys / "fs" / "cgroup" / "memory"
    machine.write(folder / "memory.limit_in_bytes", "9223372036854771712")
    assert machine.memory() == (32 * GIB, 8 * GIB)


def test_files_that_nobody_uses_are_not_used_memory(machine: Machine) -> None:
    machine.write(machine.proc / "self" / "cgroup", "0::/app\n")
    machine.group("app", str(8 * GIB), 6 * GIB, droppable=5 * GIB)
    assert machine.memory() == (8 * GIB, 1 * GIB)
    machine.group("app", str(8 * GIB), 1 * GIB, droppable=5 * GIB)
    assert machine.memory() == (8 * GIB, 0)


def test_version_one_counts_droppable_files_with_those_of_the_groups_below(
    machine: Machine,
) -> None:
    machine.write(machine.proc / "self" / "cgroup", "4:memory:/app\n")
    folder = machine.sys / "fs" / "cgroup" / "memory" / "app"
    machine.write(folder / "memory.limit_in_bytes", str(8 * GIB))
    machine.write(folder / "memory.usage_in_bytes", str(6 * GIB))
    stat = f"inactive_file 5\ntotal_inactive_file {2 * GIB}\n"
    machine.write(folder / "memory.stat", stat)
    assert machine.memory() == (8 * GIB, 4 * GIB)


def test_the_least_room_counts_be_it_an_outer_group_s_or_the_machine_s(machine: Machine) -> None:
    machine.write(machine.proc / "self" / "cgroup", "0::/user/app\n")
    machine.group("user/app", str(12 * GIB), 1 * GIB)
    machine.group("user", str(16 * GIB), 14 * GIB)
    assert machine.memory() == (12 * GIB, 10 * GIB)
    machine.write(machine.proc / "meminfo", "MemTotal: 33554432 kB\nMemAvailable: 1048576 kB\n")
    assert machine.memory() == (12 * GIB, 11 * GIB)


def test_what_it_computes_with_is_told(machine: Machine) -> None:
    machine.write(machine.proc / "cpuinfo", "flags: avx2 avx512f avx512_bf16 amx_tile amx_bf16\n")
    (device,) = CpuBackend(machine.proc, machine.sys, "x86_64").look().devices
    assert device.arch == "x86_64"
    assert device.features == ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")
    assert {"float32", "bfloat16"} <= set(device.dtypes)


@pytest.mark.parametrize(
    ("told", "node", "features"), [("0\n", 0, ()), ("0-1\n", None, ("numa-2",)), ("", None, ())]
)
def test_memory_in_several_places_is_told(
    machine: Machine, told: str, node: int | None, features: tuple[str, ...]
) -> None:
    machine.write(machine.sys / "devices" / "system" / "node" / "has_memory", told)
    (device,) = CpuBackend(machine.proc, machine.sys, "x86_64").look().devices
    assert (device.numa_node, device.features) == (node, features)


def test_this_machine_has_memory() -> None:
    (device,) = CpuBackend().look().devices
    assert 0 < device.memory_used < device.memory_total
