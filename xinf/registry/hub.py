"""Models of the Hugging Face hub, in the cache that its own tools use.

What was fetched once is used from then on without asking anybody: the place and the commit are
noted in `<cache>/models/hub/`. The work is done by another process, see `hub_child`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Report, Step
from xinf.registry.local import LocalModel, describe
from xinf.registry.sources import HubSource
from xinf.runtime.preflight import check_writable
from xinf.runtime.process import run_to_end

# The largest models over a slow line. A line that is dead is noticed by the client itself.
FETCH_S = 24 * 3600.0
CHILD = "xinf.registry.hub_child"
# The hub's client must neither count us nor look for a newer version of itself.
QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}


class HubFiles:
    """`cache_dir` holds notes of what was fetched; the files lie in the hub's own cache."""

    def __init__(self, cache_dir: Path, clock: Clock) -> None:
        self._notes = cache_dir / "models" / "hub"
        self._clock = clock

    async def present(self, source: HubSource, text: str) -> LocalModel | None:
        """What was fetched before, without asking anybody."""
        return await asyncio.to_thread(_read_note, self._notes / _note_name(source), text)

    async def fetch(self, source: HubSource, text: str, report: Report) -> LocalModel:
        """The files of `source`, fetched if need be. Raises XinfError."""
        known = await self.present(source, text)
        if known is not None:
            return known
        await asyncio.to_thread(check_writable, self._notes, f"model {text}")
        note = self._notes / _note_name(source)
        told = await self._ask(source, text, report)
        return await asyncio.to_thread(_write_note, note, told, text)

    async def _ask(self, source: HubSource, text: str, report: Report) -> dict[str, Any]:
        """The child's last word."""
        what = f"model {source.repo}"

        def on_progress(said: dict[str, Any]) -> None:
            report(Step(what, said["done"], said["total"]))

        report(Step(what))
        argv = [sys.executable, "-P", "-m", CHILD, source.repo, source.revision, source.file]
        try:
            async with self._clock.timeout(FETCH_S):
                return await ask_child(argv, text, "path", self._clock, on_progress)
        except TimeoutError as error:
            raise _failed(text, ErrorCode.TIMED_OUT, "it took longer than a day") from error


def _no_progress(said: dict[str, Any]) -> None:
    """Nobody asked."""


async def ask_child(
    argv: Sequence[str],
    text: str,
    word: str,
    clock: Clock,
    on_progress: Callable[[dict[str, Any]], None] = _no_progress,
) -> dict[str, Any]:
    """What a process that asks the hub about the source `text` says at last: it has `word` in it.

    Raises XinfError, with what the process said or without.
    """
    last: dict[str, Any] = {}

    def on_line(line: str) -> None:
        said = _parse(line)
        if "total" in said:
            on_progress(said)
        elif said:
            last.update(said)

    ended = await run_to_end(argv, clock, env={**os.environ, **QUIET}, on_line=on_line)
    if "error" in last:
        raise _failed(text, ErrorCode(last["error"]), last["cause"], last["next_step"])
    if word in last:
        return last
    why = ended.tail.strip().rpartition("\n")[2] or f"exit code {ended.code}"
    raise _failed(text, ErrorCode.INTERNAL, f"the process that fetches it ended: {why}")


def _note_name(source: HubSource) -> str:
    """Readable, and unlike any other's."""
    whole = f"{source.repo}@{source.revision}#{source.file}"
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{source.repo.replace('/', '--')}-{digest}.json"


def _read_note(note: Path, text: str) -> LocalModel | None:
    """What was fetched before, if every file of it is still there in its size."""
    try:
        told = json.loads(note.read_text())
        is_there = all(Path(file).stat().st_size == size for file, size in told["files"].items())
        return _local(told, text) if is_there else None
    except (OSError, ValueError, KeyError):
        return None


def _write_note(note: Path, told: dict[str, Any], text: str) -> LocalModel:
    model = _local(told, text)
    inside = sorted(model.path.rglob("*")) if model.path.is_dir() else [model.path]
    files = {str(path): path.stat().st_size for path in inside if path.is_file()}
    aside = note.with_suffix(".new")
    aside.write_text(json.dumps({**told, "source": text, "files": files}, indent=2) + "\n")
    aside.replace(note)
    return model


def _local(told: dict[str, Any], text: str) -> LocalModel:
    return replace(describe(Path(told["path"]), text), revision=told["commit"])


def _parse(line: str) -> dict[str, Any]:
    """A line of the child's; anything that a library printed is empty."""
    if not line.startswith("{"):
        return {}
    try:
        return json.loads(line)
    except ValueError:
        return {}


def _failed(text: str, code: ErrorCode, cause: str, next_step: str = "Try again") -> XinfError:
    return XinfError(code, thing=f"source {text!r}", cause=cause, next_step=next_step)
