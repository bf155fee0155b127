"""An NVIDIA driver that is not there: the real pynvml on a real shared library of ours.

The library (*.c) is compiled when a test wants it, and found by the loader's own path variable, as
a driver's would be; so it only exists for processes that a test starts with `environment`.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.nvml.cards import (
    EIGHT_5090S,
    GB10,
    H100,
    H100_MIG,
    RTX_3090,
    RTX_4090,
    RTX_5090,
    SECOND_5090,
    Gpu,
    Slice,
)

__all__ = [
    "EIGHT_5090S",
    "GB10",
    "H100",
    "H100_MIG",
    "RTX_3090",
    "RTX_4090",
    "RTX_5090",
    "SECOND_5090",
    "Driver",
    "Gpu",
    "Slice",
    "install",
]

SOURCES = sorted(Path(__file__).parent.glob("*.c"))
SONAME = "libnvidia-ml.so.1"


@dataclass(frozen=True)
class Driver:
    """What the imitated driver says now. Change it and `tell`; who asks next sees it."""

    folder: Path

    def tell(self, *gpus: Gpu, extra: tuple[str, ...] = ()) -> None:
        """Say this from now on; `extra` are more lines, see nvml.c."""
        facts = (line for gpu in gpus for line in gpu.lines())
        aside = self.folder / "scenario.new"
        aside.write_text("".join(f"{line}\n" for line in (*facts, *extra)))
        aside.replace(self.folder / "scenario")

    @property
    def environment(self) -> dict[str, str]:
        paths = [str(self.folder), os.environ.get("LD_LIBRARY_PATH", "")]
        return {
            "LD_LIBRARY_PATH": ":".join(path for path in paths if path),
            "XINF_TEST_NVML": str(self.folder / "scenario"),
        }


def install(folder: Path) -> Driver:
    """Put the library into `folder`. Skips the test where there is no compiler."""
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("gcc is not there, which the imitated NVIDIA driver is compiled with")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SONAME).write_bytes(_compiled(gcc))
    driver = Driver(folder)
    driver.tell()
    return driver


@functools.cache
def _compiled(gcc: str) -> bytes:
    """The library; once for all tests of a process."""
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-Wl,-soname,{SONAME}"]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, SONAME)
        command = [gcc, *flags, "-o", str(target), *map(str, SOURCES)]
        subprocess.run(command, check=True, timeout=60)
        return target.read_bytes()
