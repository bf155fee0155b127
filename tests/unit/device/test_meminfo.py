from pathlib import Path

import pytest

from xinf.core.units import KIB
from xinf.device.meminfo import MainMemory, main_memory


@pytest.mark.parametrize(
    ("told", "memory"),
    [
        ("MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable: 60 kB\n", MainMemory(100, 60)),
        # Kernels before 3.14.
        ("MemTotal: 100 kB\nMemFree: 10 kB\n", MainMemory(100, 10)),
        ("MemTotal: 100 kB\n", MainMemory(100, 100)),
        ("MemTotal: 100 kB\nMemAvailable: 160 kB\nnonsense\nMemFree: x kB\n", MainMemory(100, 100)),
    ],
)
def test_what_can_be_had_without_swapping_is_available(
    tmp_path: Path, told: str, memory: MainMemory
) -> None:
    (tmp_path / "meminfo").write_text(told)
    assert main_memory(tmp_path) == MainMemory(memory.total * KIB, memory.available * KIB)


def test_a_kernel_that_tells_no_total_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="meminfo"):
        main_memory(tmp_path)
    (tmp_path / "meminfo").write_text("MemFree: 10 kB\n")
    with pytest.raises(OSError, match="MemTotal"):
        main_memory(tmp_path)
