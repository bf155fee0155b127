"""An NVIDIA driver that is not there: the real pynvml on a real shared library of ours.

The library (nvml.c) is compiled when a test wants it, and found by the loader's own path variable,
as a driver's would be; so it only exists for processes that a test starts with `environment`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("nvml.c")
SONAME = "libnvidia-ml.so.1"


@dataclass(frozen=True)
class Gpu:
    """Memory in MiB. `uuid` and `bus_id` as NVML spells them."""

    uuid: str
    bus_id: str
    name: str
    capability: str
    total: int
    reserved: int = 0
    used: int = 0

    def using(self, used: int) -> Gpu:
        return replace(self, used=used)


RTX_5090 = Gpu(
    "GPU-5090aaaa-0000-4000-8000-000000000001",
    "00000000:01:00.0",
    "NVIDIA GeForce RTX 5090",
    "12.0",
    32_607,
    reserved=496,
)
SECOND_5090 = Gpu(
    "GPU-5090bbbb-0000-4000-8000-000000000002",
    "00000000:C1:00.0",
    "NVIDIA GeForce RTX 5090",
    "12.0",
    32_607,
    reserved=496,
)
H100 = Gpu(
    "GPU-h100cccc-0000-4000-8000-000000000003",
    "00000000:41:00.0",
    "NVIDIA H100 80GB HBM3",
    "9.0",
    81_559,
    reserved=556,
)


@dataclass(frozen=True)
class Driver:
    """What the imitated driver says now. Change it and `tell`; who asks next sees it."""

    folder: Path

    def tell(self, *gpus: Gpu, extra: tuple[str, ...] = ()) -> None:
        """Say this from now on; `extra` are more lines, see nvml.c."""
        devices = (
            f"device|{gpu.uuid}|{gpu.bus_id}|{gpu.name}|{gpu.capability}"
            f"|{gpu.total}|{gpu.reserved}|{gpu.used}"
            for gpu in gpus
        )
        aside = self.folder / "scenario.new"
        aside.write_text("".join(f"{line}\n" for line in (*devices, *extra)))
        aside.replace(self.folder / "scenario")

    @property
    def environment(self) -> dict[str, str]:
        paths = [str(self.folder), os.environ.get("LD_LIBRARY_PATH", "")]
        return {
            "LD_LIBRARY_PATH": ":".join(path for path in paths if path),
            "XINF_TEST_NVML": str(self.folder / "scenario"),
        }


def install(folder: Path) -> Driver:
    """Compile the library into `folder`. Skips the test where there is no compiler."""
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("gcc is not there, which the imitated NVIDIA driver is compiled with")
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-Wl,-soname,{SONAME}"]
    subprocess.run([gcc, *flags, "-o", str(folder / SONAME), str(SOURCE)], check=True, timeout=60)
    driver = Driver(folder)
    driver.tell()
    return driver
