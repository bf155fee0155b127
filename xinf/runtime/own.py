"""A user's own interpreter in place of a runtime of ours: `engines.NAME.python`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.runtime.lock import RuntimeLock
from xinf.runtime.process import run_to_end

ASK_S = 120.0

_QUESTION = """
import importlib, importlib.metadata, json, sys
missing = []
for name in {verify!r}:
    try:
        importlib.import_module(name)
    except ImportError:
        missing.append(name)
found = {{each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}}
print(json.dumps({{"python": list(sys.version_info[:2]), "missing": missing, "versions": found}}))
"""


async def check_own_python(python: Path, lock: RuntimeLock, clock: Clock) -> Mapping[str, str]:
    """Versions of what is installed there. Raises XinfError if it cannot run this engine."""
    code = _QUESTION.format(verify=lock.verify)
    try:
        async with clock.timeout(ASK_S):
            ended = await run_to_end([str(python), "-P", "-c", code], clock)
        answer = json.loads(ended.tail.rpartition("\n")[2])
    except (OSError, TimeoutError, ValueError) as error:
        raise _unfit(python, lock, f"it does not run ({type(error).__name__}: {error})") from error
    if answer["python"] < [3, 11]:
        version = ".".join(map(str, answer["python"]))
        raise _unfit(python, lock, f"it is Python {version}; 3.11 or newer is needed")
    if answer["missing"]:
        raise _unfit(python, lock, f"it cannot import {', '.join(answer['missing'])}")
    return cast("Mapping[str, str]", answer["versions"])


async def installed_in(python: Path, clock: Clock) -> Mapping[str, str] | None:
    """Versions of what is installed there, without importing any; None if it does not run."""
    try:
        async with clock.timeout(ASK_S):
            ended = await run_to_end([str(python), "-P", "-c", _QUESTION.format(verify=())], clock)
        return cast("Mapping[str, str]", json.loads(ended.tail.rpartition("\n")[2])["versions"])
    except (OSError, TimeoutError, ValueError, KeyError):
        return None


def _unfit(python: Path, lock: RuntimeLock, cause: str) -> XinfError:
    wants = " ".join(f"'{wanted}'" for wanted in lock.wants)
    return XinfError(
        ErrorCode.RUNTIME_UNAVAILABLE,
        thing=f"{python} for runtime {lock.variant}",
        cause=cause,
        next_step=f"Install {wants} there, or remove the `python` setting of this engine",
    )
