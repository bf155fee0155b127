"""Compatibility files: TOML to rows, checked, with the file, the key and the value in every error.

The first file is xinf's own. Each further one extends it: a row of a known name replaces that row
where it stands, `disabled = true` takes it out. A new row of support comes before the others, for
the first that fits is used; a new rule comes after them, for the last word is the one that counts.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from xinf.core.errors import ErrorCode, XinfError
from xinf.device.compatibility import Compatibility
from xinf.device.rule_tables import CompatibilityFile, RuleRow, SupportRow


def load_compatibility(files: Sequence[Path]) -> Compatibility:
    """The rows of all `files`, the later ones over the earlier. Blocks.

    Raises XinfError(CONFIG_INVALID) for the first thing that is wrong.
    """
    rows = _Rows()
    for file in files:
        rows.add(_read(file))
    return Compatibility(
        support=tuple(row.to_support() for row in rows.support.values() if not row.disabled),
        rules=tuple(row.to_rule() for row in rows.rules.values() if not row.disabled),
        nearest=rows.nearest,
    )


@dataclass
class _Rows:
    """What was read so far, by name."""

    support: dict[str, SupportRow] = field(default_factory=dict[str, SupportRow])
    rules: dict[str, RuleRow] = field(default_factory=dict[str, RuleRow])
    nearest: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def add(self, file: CompatibilityFile) -> None:
        new = {row.name: row for row in file.support}
        self.support = {**_only_new(new, self.support), **_replaced(self.support, new)}
        self.rules |= {row.name: row for row in file.rules}
        self.nearest |= file.nearest


_Row = TypeVar("_Row")


def _only_new(rows: Mapping[str, _Row], known: Mapping[str, _Row]) -> dict[str, _Row]:
    return {name: row for name, row in rows.items() if name not in known}


def _replaced(rows: Mapping[str, _Row], by: Mapping[str, _Row]) -> dict[str, _Row]:
    return {name: by.get(name, row) for name, row in rows.items()}


def _read(file: Path) -> CompatibilityFile:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _invalid(file, "", f"it cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _invalid(file, "", f"not TOML: {error}") from None
    try:
        read = CompatibilityFile.model_validate(values)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False)[0]
        raise _invalid(file, _key(detail["loc"], values), _cause(detail)) from None
    for kind, rows in (("support", read.support), ("rules", read.rules)):
        twice = _twice(row.name for row in rows)
        if twice:
            raise _invalid(file, f"{kind}[{twice}].name", f'"{twice}" stands there twice')
    return read


def _key(location: Sequence[int | str], values: Mapping[str, object]) -> str:
    """`rules[int8-on-blackwell].when`: a row by its name, where it has one."""
    head, *rest = location
    rows = values.get(str(head))
    if rest and isinstance(number := rest[0], int) and isinstance(rows, list):
        row = cast("list[object]", rows)[number]
        named = cast("dict[str, object]", row) if isinstance(row, dict) else {}
        head, rest = f"{head}[{named.get('name', number)}]", rest[1:]
    return ".".join(map(str, (head, *rest)))


def _cause(detail: ErrorDetails) -> str:
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return "unknown key"
    if kind in {"terms", "condition", "whole"}:
        return detail["msg"]
    if kind == "missing":
        return "it is missing"
    said = repr(value)
    return f"{said if len(said) < 80 else said[:80] + '...'}: {detail['msg'].lower()}"


def _twice(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _invalid(file: Path, key: str, cause: str) -> XinfError:
    return XinfError(
        ErrorCode.CONFIG_INVALID,
        thing=f"{file}: {key}" if key else str(file),
        cause=cause,
        next_step="docs/compatibility.md says what may stand in this file",
        param=key or None,
    )
