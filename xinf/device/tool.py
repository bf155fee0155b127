"""Vendors' programs: the last resort, where neither the kernel nor a library tells.

They are slow, some hang where their driver does, and what they write is for people. So each is run
in a process group of its own, for a bounded time and with bounded output; it is asked rarely, and
what it told (or that it failed) is remembered meanwhile.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Generic, TypeVar

from xinf.core.units import MIB

# Within the patience of one look at devices (inventory.LOOK_S), so that a sentence comes of it.
LIMIT_S = 4.0
# 8 accelerators with all their details are 50 KiB; more is a tool gone wild.
OUTPUT_MAX = 4 * MIB
# How often a tool is asked while nothing has changed.
REMEMBERED_S = 30.0
# From a kill to the end. One that hangs in the kernel does not end at all, and is left behind.
_REAP_S = 1.0
_COMPLAINT_MAX = 200

_T = TypeVar("_T")


class Tool:
    """The program `name`, found on PATH. Blocks its caller for at most `limit_s` and a little.
    Sentences call it by its `title` if that says more. Used by one thread.
    """

    def __init__(self, name: str, limit_s: float = LIMIT_S, title: str = "") -> None:
        self._path = name
        self._name = title or name
        self._limit_s = limit_s
        self._late: subprocess.Popen[bytes] | None = None

    def ask(self, *arguments: str) -> str:
        """What it writes to standard output, at most OUTPUT_MAX bytes of it.

        Raises OSError with a sentence when it is missing, fails, or is late; then its whole process
        group is killed. One that cannot even be killed is not started a second time.
        """
        path = shutil.which(self._path)
        if path is None:
            raise FileNotFoundError(f"{self._name} is not installed, or not on PATH")
        if self._late is not None and self._late.poll() is None:
            raise TimeoutError(f"{self._name} still hangs since it was last asked")
        # Files, not pipes: a child that outlives the tool and keeps its end open blocks nobody.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code = self._code(_start([path, *arguments], out, err))
            if code:
                complaint = (
                    _last_line(_text(err)) or _last_line(_text(out)) or "it does not say why"
                )
                raise OSError(f"{self._name} failed ({_ending(code)}): {complaint}")
            return _text(out)

    def _code(self, process: subprocess.Popen[bytes]) -> int:
        """Its exit code. Raises TimeoutError, which is an OSError, after killing its group."""
        try:
            return process.wait(self._limit_s)
        except subprocess.TimeoutExpired:
            self._late = process
            _kill(process)
            raise TimeoutError(f"{self._name} did not answer within {self._limit_s:g} s") from None


class Remembered(Generic[_T]):
    """What `ask` returned or raised (OSError), for as long as it holds: until what it was asked
    about changes, or for `age_s`. `now` is monotonic seconds. Used by one thread.
    """

    def __init__(
        self, ask: Callable[[], _T], now: Callable[[], float], age_s: float = REMEMBERED_S
    ) -> None:
        self._ask = ask
        self._now = now
        self._age_s = age_s
        self._told: tuple[object, float, _T | OSError] | None = None

    def get(self, about: object) -> _T:
        """The answer concerning `about`, which is compared: usually the slots on the bus.

        Raises OSError as `ask` does. A tool that hangs is not asked at every look either.
        """
        told = self._told
        if told is None or told[0] != about or self._now() - told[1] >= self._age_s:
            answer = self._answer()
            told = self._told = (about, self._now(), answer)
        if isinstance(told[2], OSError):
            raise told[2]
        return told[2]

    def _answer(self) -> _T | OSError:
        try:
            return self._ask()
        except OSError as error:
            return error


def _start(argv: Sequence[str], out: IO[bytes], err: IO[bytes]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env={**os.environ, "LC_ALL": "C"},  # numbers and words as the parsers know them
        start_new_session=True,
    )
    if sys.platform == "linux":
        import resource

        with suppress(OSError):  # it may have ended already
            limit = (OUTPUT_MAX, OUTPUT_MAX)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limit)
    return process


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Its whole group. Nobody has waited for it yet, so the group's number is still its own."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_REAP_S)


def _ending(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"signal {-code}"


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(OUTPUT_MAX).decode(errors="replace")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip()[:_COMPLAINT_MAX] if lines else ""
