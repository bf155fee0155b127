from pathlib import Path

from xinf.shim.backends.llamacpp.threads import compute_threads, prefill_threads, usable_cores

CPU = "processor\t: {n}\nphysical id\t: 0\ncore id\t\t: {core}\n"


def machine(tmp_path: Path, cores: list[int], quota: str = "max 100000") -> tuple[Path, Path]:
    blocks = [CPU.format(n=number, core=core) for number, core in enumerate(cores)]
    (tmp_path / "cpuinfo").write_text("\n".join(blocks) + "\n")
    (tmp_path / "cpu.max").write_text(quota + "\n")
    return tmp_path, tmp_path


def test_two_threads_of_one_core_count_once(tmp_path: Path) -> None:
    assert usable_cores(range(8), *machine(tmp_path, [0, 0, 1, 1, 2, 2, 3, 3])) == 4


def test_only_cores_that_this_process_may_use_count(tmp_path: Path) -> None:
    assert usable_cores({0, 1, 2}, *machine(tmp_path, [0, 0, 1, 1, 2, 2, 3, 3])) == 2


def test_a_container_gets_what_its_quota_grants(tmp_path: Path) -> None:
    assert usable_cores(range(4), *machine(tmp_path, [0, 1, 2, 3], "250000 100000")) == 2
    assert usable_cores(range(4), *machine(tmp_path, [0, 1, 2, 3], "50000 100000")) == 1


def test_where_nothing_is_told_every_cpu_is_a_core(tmp_path: Path) -> None:
    assert usable_cores(range(3), tmp_path, tmp_path) == 3
    (tmp_path / "cpuinfo").write_text("processor : 0\n\nprocessor : 1\n")
    assert usable_cores(range(2), tmp_path, tmp_path) == 2


def test_generating_leaves_a_core_to_the_rest_where_there_are_several() -> None:
    assert compute_threads() == max(1, prefill_threads() - 1)
