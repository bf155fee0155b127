"""A model's files on this machine: what they are, and which content they hold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from xinf.core.errors import ErrorCode, XinfError


@dataclass(frozen=True, slots=True)
class LocalModel:
    """`path` is what an engine is given: a file, or a folder of files that belong together.

    `revision` changes when the content does: it is made of names, sizes and times, not of bytes.
    """

    path: Path
    size_bytes: int
    format: str
    revision: str


def describe(path: Path, source: str) -> LocalModel:
    """What is at `path`. Raises XinfError SOURCE_INVALID where that is no model. Blocks briefly."""
    if path.is_dir():
        return _describe_folder(path, source)
    if not path.is_file():
        raise _invalid(source, f"there is no file {path}")
    form = path.suffix.lstrip(".").lower()
    return LocalModel(path, path.stat().st_size, form, _revision([path]))


def _describe_folder(folder: Path, source: str) -> LocalModel:
    for form, pattern in (("safetensors", "*.safetensors"), ("pytorch", "pytorch_model*.bin")):
        weights = sorted(folder.glob(pattern))
        if weights:
            files = [path for path in sorted(folder.iterdir()) if path.is_file()]
            size = sum(path.stat().st_size for path in weights)
            return LocalModel(folder, size, form, _revision(files))
    ggufs = sorted(folder.glob("*.gguf"))
    if len(ggufs) == 1:
        return describe(ggufs[0], source)
    names = ", ".join(path.name for path in ggufs) or "none"
    cause = f"the folder must hold *.safetensors or exactly one *.gguf, but of these holds: {names}"
    raise _invalid(source, cause)


def _revision(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        facts = path.stat()
        digest.update(f"{path.name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _invalid(source: str, cause: str) -> XinfError:
    return XinfError(
        ErrorCode.SOURCE_INVALID,
        thing=f"source {source!r}",
        cause=cause,
        next_step="Correct the model's `source`",
    )
