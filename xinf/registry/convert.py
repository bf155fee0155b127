"""GGUF files for engines that load safetensors: translated once, then kept.

`<cache>/models/converted/<name>-<hash>/` appears in one move, so what is there is whole. The work
is done by `xinf.shim.convert_gguf` in the engine's own runtime, which has the libraries for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from xinf.clock import SystemClock
from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Report, Step
from xinf.registry.local import describe
from xinf.runtime.locking import file_lock
from xinf.runtime.preflight import check_disk, check_writable
from xinf.runtime.process import run_to_end

# Goes up when the same file would be translated differently.
VERSION = 1
# Weights in four bits, the usual ones, become sixteen.
GROWTH = 4
# A few minutes for seven billion parameters; what takes this long hangs.
CONVERT_S = 3600.0

_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_LACKS = re.compile(r"(ModuleNotFoundError|ImportError): (?P<what>.*)")


async def convert_gguf(
    python: Path,
    import_path: Path,
    source: Path,
    cache_dir: Path,
    report: Report,
    clock: Clock | None = None,
) -> Path:
    """The folder that holds `source` as safetensors, made if need be. Raises XinfError.

    `python` is the interpreter of a runtime that can convert, `import_path` the shim's tree.
    """
    clock = clock or SystemClock()
    thing = f"converting {source.name}"
    home = cache_dir / "models" / "converted"
    name = await asyncio.to_thread(_name, source)
    await asyncio.to_thread(check_writable, home, thing)

    def waiting() -> None:
        report(Step(f"waiting for another xinf that converts {source.name}", unit=""))

    turn = file_lock(home / f"{name}.lock", clock, waiting)
    try:
        async with clock.timeout(CONVERT_S), turn:
            folder = home / name
            if not await asyncio.to_thread(folder.is_dir):
                needed = await asyncio.to_thread(lambda: source.stat().st_size * GROWTH)
                await asyncio.to_thread(check_disk, home, needed, thing)
                argv = [str(python), "-P", "-m", "xinf.shim.convert_gguf", str(source)]
                await _make(argv, import_path, folder, _told(report, thing), clock)
            return folder
    except TimeoutError as error:
        cause = f"it was not done after {CONVERT_S / 60:.0f} minutes"
        next_step = "Give the model as safetensors, or choose another engine for it"
        raise XinfError(
            ErrorCode.TIMED_OUT, thing=thing, cause=cause, next_step=next_step
        ) from error


async def _make(
    argv: list[str], import_path: Path, folder: Path, on_line: Callable[[str], None], clock: Clock
) -> None:
    aside = folder.with_name(f".{folder.name}.new")
    await asyncio.to_thread(_clear, aside)
    try:
        # The user's own paths are not for the runtime: it has everything that it needs.
        env = {**os.environ, "PYTHONPATH": str(import_path)}
        ended = await run_to_end([*argv, str(aside)], clock, env=env, on_line=on_line)
        if ended.code:
            raise _failure(Path(argv[-1]), ended.code, ended.tail)
        await asyncio.to_thread(aside.rename, folder)
    finally:
        await asyncio.to_thread(_clear, aside)


def _name(source: Path) -> str:
    """Changes with the content of `source`, as far as its name, size and time tell."""
    revision = describe(source, f"path:{source}").revision
    digest = hashlib.sha256(f"{source} {revision} {VERSION}".encode()).hexdigest()[:12]
    return f"{source.stem}-{digest}"


def _told(report: Report, thing: str) -> Callable[[str], None]:
    """Reads the converter's lines; whatever else a library prints is not progress."""

    def on_line(line: str) -> None:
        with suppress(ValueError, KeyError, TypeError):
            told = json.loads(line)
            report(Step(f"{thing}: {told['what']}", told["done"], told["total"], "steps"))

    return on_line


def _failure(source: Path, code: int, tail: str) -> XinfError:
    thing = f"converting {source.name}"
    said = tail.strip().rpartition("\n")[2]
    if _DISK_FULL.search(tail):
        cause, next_step = "the disk is full", "Free some space and try again"
        return XinfError(ErrorCode.DISK_FULL, thing=thing, cause=cause, next_step=next_step)
    if lacks := _LACKS.search(said):
        return XinfError(
            ErrorCode.RUNTIME_UNAVAILABLE,
            thing=thing,
            cause=f"the runtime cannot do it: {lacks['what']}",
            next_step="Install transformers, accelerate and gguf in it, or let xinf manage it",
        )
    if code < 0:
        return XinfError(
            ErrorCode.MODEL_FAILED,
            thing=thing,
            cause=f"it was ended by signal {-code}, perhaps for lack of memory",
            next_step="Give the model as safetensors, or choose a smaller one",
        )
    return XinfError(
        ErrorCode.SOURCE_INVALID,
        thing=thing,
        cause=f"the file cannot be read: {said}",
        next_step="Give the model as safetensors, or choose another engine for it",
    )


def _clear(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)
