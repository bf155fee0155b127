"""Which files of a repository an engine needs. Pure: it looks at names only."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

# What stands beside weights: settings, tokenizers, chat templates. Code is not among them.
COMPANIONS = frozenset({".json", ".txt", ".model", ".jinja", ".tiktoken"})
# Parts of a sentence-transformers model, such as 1_Pooling and 2_Dense.
_MODULE = re.compile(r"\d+_\w+/[^/]+")
_TEMPLATE = re.compile(r"additional_chat_templates/[^/]+\.jinja")
NAMES_SHOWN = 8


class NoModel(Exception):
    """There is nothing to load in the repository, or it is not clear what."""


def needed(names: Collection[str], pattern: str = "") -> tuple[str, ...]:
    """The one file that `pattern` names; without it, the weights and all that belongs to them.

    Safetensors are taken before other weights; a lone GGUF file is a model by itself.
    """
    if pattern:
        return (_the_one(names, pattern),)
    weights = _safetensors(names) or _at_root(names, "pytorch_model*.bin")
    if not weights:
        return (_lone_gguf(names),)
    return tuple(sorted({*weights, *filter(_belongs, names)}))


def is_folder(files: Sequence[str]) -> bool:
    """Whether an engine is given the folder that they are in, not the one file."""
    return len(files) > 1 or PurePosixPath(files[0]).suffix in (".safetensors", ".bin")


def _the_one(names: Collection[str], pattern: str) -> str:
    found = sorted(
        name
        for name in names
        if fnmatchcase(name, pattern) or fnmatchcase(PurePosixPath(name).name, pattern)
    )
    if len(found) == 1:
        return found[0]
    count = f"{len(found)} files match" if found else "no file matches"
    raise NoModel(f"{count} {pattern!r}; there {_listed(found or names)}")


def _safetensors(names: Collection[str]) -> list[str]:
    """Some repositories hold the same weights twice: split as usual, and in one "consolidated"."""
    return _at_root(names, "model*.safetensors") or _at_root(names, "*.safetensors")


def _lone_gguf(names: Collection[str]) -> str:
    ggufs = [name for name in names if name.endswith(".gguf")]
    if len(ggufs) == 1:
        return ggufs[0]
    if ggufs:
        raise NoModel(f"it holds several GGUF files, and {_listed(ggufs)}; name one after a #")
    raise NoModel(f"it holds neither safetensors nor GGUF; there {_listed(names)}")


def _belongs(name: str) -> bool:
    path = PurePosixPath(name)
    if "/" not in name:
        return path.suffix in COMPANIONS
    is_module = _MODULE.fullmatch(name) and path.suffix in {*COMPANIONS, ".safetensors"}
    return bool(is_module or _TEMPLATE.fullmatch(name))


def _at_root(names: Collection[str], pattern: str) -> list[str]:
    return [name for name in names if "/" not in name and fnmatchcase(name, pattern)]


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return f"are {shown}{f' and {more} more' if more > 0 else ''}" if names else "are no files"
