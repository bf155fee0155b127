"""What a runtime needs of the machine itself, and pip cannot bring: `# needs:` of its lock.

compiler   a C++ compiler: PyTorch and Triton compile kernels while the engine starts
headers    Python.h, which those kernels are compiled against
cuda>=570  a working NVIDIA driver, of that version at least
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xinf.core.errors import ErrorCode, XinfError
from xinf.runtime.lock import RuntimeLock

COMPILERS = ("g++", "clang++", "c++")


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver of a kind of accelerator. `version` is empty where none works; `problem` = why."""

    version: str = ""
    problem: str = ""


# The driver for a kind of device, as last seen. Returns at once.
DriverOf = Callable[[str], Driver]


def no_drivers(kind: str) -> Driver:
    return Driver(problem="nobody has looked for one")


def check_needs(lock: RuntimeLock, driver_of: DriverOf) -> None:
    """Raises XinfError for the first need of `lock` that this machine does not meet."""
    for need in lock.needs:
        name, _, least = need.partition(">=")
        if name == "compiler":
            _check_compiler(lock)
        elif name == "headers":
            _check_headers(lock)
        else:
            _check_driver(lock, least, driver_of(name))


def _check_compiler(lock: RuntimeLock) -> None:
    named = os.environ.get("CXX", "")
    if any(shutil.which(name) for name in ((named,) if named else COMPILERS)):
        return
    cause = (
        f"CXX names {named!r}, which is not there" if named else "there is no C++ compiler (g++)"
    )
    raise _unmet(
        lock,
        f"{cause}, and its engine compiles code when it starts",
        "Install g++ with your system's packages, or set CXX to a compiler",
    )


def _check_headers(lock: RuntimeLock) -> None:
    folder = Path(sysconfig.get_path("include"))
    if (folder / "Python.h").is_file():
        return
    minor = sysconfig.get_python_version()
    raise _unmet(
        lock,
        f"Python's headers are missing ({folder / 'Python.h'}), and its engine compiles with them",
        f"Install them with your system's packages (python{minor}-dev or python{minor}-devel)",
    )


def _check_driver(lock: RuntimeLock, least: str, driver: Driver) -> None:
    wanted = f"driver {least} or newer" if least else "driver"
    if not driver.version:
        why = f": {driver.problem}" if driver.problem else ""
        raise _unmet(
            lock,
            f"it needs an NVIDIA {wanted}, and none works here{why}",
            "Install or repair the driver, or use the runtime for the CPU",
        )
    # A driver that does not tell its version is not judged by it.
    version = _numbers(driver.version)
    if version and version < _numbers(least):
        raise _unmet(
            lock,
            f"it needs an NVIDIA {wanted}, and this machine has {driver.version}",
            "Update the driver",
        )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


def _unmet(lock: RuntimeLock, cause: str, next_step: str) -> XinfError:
    return XinfError(
        ErrorCode.RUNTIME_UNAVAILABLE,
        thing=f"runtime {lock.variant}",
        cause=cause,
        next_step=next_step,
    )
