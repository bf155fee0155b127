"""What the source may not contain, found by reading its syntax tree. Each finding names the fix."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400


def banned_calls(source: str, banned: Mapping[str, str]) -> Iterator[str]:
    """Uses of the dotted names in `banned` (name to fix), however they were imported."""
    tree = ast.parse(source)
    known = dict(_imported(tree))
    for node in ast.walk(tree):
        name = _dotted(node, known)
        if name in banned:
            yield f"line {node.lineno}: {name}: {banned[name]}"


def long_functions(source: str, lines_max: int = FUNCTION_LINES_MAX) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > lines_max:
                yield f"line {node.lineno}: {node.name} has {lines} lines: split it"


def long_file(source: str, lines_max: int = FILE_LINES_MAX) -> Iterator[str]:
    lines = source.count("\n")
    if lines > lines_max:
        yield f"{lines} lines: give each idea a file of its own"


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Local names that stand for something imported, with what they stand for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _dotted(node: ast.AST, known: Mapping[str, str]) -> str:
    """The full name that an expression refers to, "" if it is not a plain reference."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return known.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value, known)
        return f"{owner}.{node.attr}" if owner else ""
    return ""
