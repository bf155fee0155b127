"""The documents as data: tables, links and blocks of code in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.tree import ROOT

_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")


def documents() -> list[Path]:
    """Every document for people, relative to the repository."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(path.relative_to(ROOT) for path in found)


def text(name: str | Path) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(markdown: str) -> Iterator[list[str]]:
    """The cells of every table row, headings left out."""
    lines = markdown.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        is_rule, is_heading = line.startswith("|--"), following.startswith("|--")
        if line.startswith("|") and not is_rule and not is_heading:
            yield [cell.strip() for cell in line.strip("| ").split(" | ")]


def links(markdown: str) -> list[str]:
    """Targets of links within the repository."""
    return [target for target in _LINK.findall(markdown) if "://" not in target]


def blocks(markdown: str, language: str) -> list[str]:
    """Blocks of code that are marked as `language`."""
    return [body for marked, body in _BLOCK.findall(markdown) if marked == language]


def code(markdown: str) -> set[str]:
    """Everything that is set in `code`, outside of blocks."""
    return set(_CODE.findall(_BLOCK.sub("", markdown)))
