"""xinf's own pip, told what to do and watched while it does it."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Report, Step
from xinf.runtime.meter import DownloadMeter
from xinf.runtime.process import run_to_end

# Enough to get over a hiccup; with none, pip does not even say that the network is the matter.
RETRIES = 3
_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ConnectionError|"
    r"Temporary failure in name resolution|Network is unreachable|No route to host|"
    r"Connection (refused|reset|broken)|Max retries exceeded|ProxyError",
    re.IGNORECASE,
)
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_NOISE = re.compile(r"^(WARNING: |\[notice\]|Progress \d+ of )")


async def download(
    requirements: Sequence[str],
    into: Path,
    report: Report,
    clock: Clock,
    *,
    what: str,
    total_bytes: int = 0,
    extra_index: str = "",
) -> None:
    """Fetch wheels, without what they depend on. `what` names the step and the thing in errors;
    `extra_index` is asked beside pip's own.

    Raises XinfError: NO_NETWORK, DISK_FULL or RUNTIME_UNAVAILABLE.
    """
    meter = DownloadMeter()

    def on_line(line: str) -> None:
        if meter.feed(line):
            report(Step(what, meter.done, max(total_bytes, meter.total)))

    report(Step(what, 0, total_bytes))
    places = ["--extra-index-url", extra_index] if extra_index else []
    wanted = ["--only-binary=:all:", "--dest", str(into), *places, *requirements]
    arguments = ["download", "--no-deps", "--progress-bar=raw", f"--retries={RETRIES}", *wanted]
    # pip downloads into its scratch space first: on the disk that was looked at beforehand.
    environment = {**_environment(), "TMPDIR": str(into)}
    await asyncio.to_thread(into.mkdir, parents=True, exist_ok=True)
    ended = await run_to_end(_pip(arguments), clock, env=environment, on_line=on_line)
    if ended.code:
        raise failure(what, ended.tail)


async def install(
    requirements: Sequence[str], wheels: Path, python: Path, clock: Clock, *, what: str
) -> None:
    """Install from `wheels` alone into the environment of `python`. Raises XinfError."""
    offline = ["--no-index", "--find-links", str(wheels), "--progress-bar=off"]
    arguments = ["--python", str(python), "install", "--no-deps", *offline, *requirements]
    environment = {**_environment(), "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    ended = await run_to_end(_pip(arguments), clock, env=environment)
    if ended.code:
        raise failure(what, ended.tail)


def failure(what: str, tail: str) -> XinfError:
    """What pip died of, as an error with a next step."""
    if _DISK_FULL.search(tail):
        return XinfError(
            ErrorCode.DISK_FULL,
            thing=what,
            cause="the disk is full",
            next_step="Free some space and try again; what was downloaded is kept",
        )
    if _NO_NETWORK.search(tail):
        return XinfError(
            ErrorCode.NO_NETWORK,
            thing=what,
            cause="the package index cannot be reached",
            next_step="Check the network (and pip's index settings) and try again; "
            "what was downloaded is kept",
        )
    lines = [line.strip() for line in tail.splitlines() if line.strip() and not _NOISE.match(line)]
    said = next((line for line in reversed(lines) if line.startswith("ERROR: ")), "")
    return XinfError(
        ErrorCode.RUNTIME_UNAVAILABLE,
        thing=what,
        cause=said.removeprefix("ERROR: ") or (lines[-1] if lines else "pip failed without a word"),
        next_step="Check pip's index settings with `pip config list`",
    )


def _pip(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]


def _environment() -> Mapping[str, str]:
    # Unbuffered, or progress would arrive in heaps.
    return {**os.environ, "PYTHONUNBUFFERED": "1", "PIP_NO_COLOR": "1", "PIP_USER": "0"}
