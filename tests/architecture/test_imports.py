"""The floors of docs/architecture.md hold, and no package stands outside of them."""

from __future__ import annotations

import ast
import tomllib

import pytest
from importlinter.cli import lint_imports

from tests.support.tree import PACKAGE, ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]


def test_every_import_contract_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


def test_every_package_stands_on_a_floor() -> None:
    floors = next(contract for contract in CONTRACTS if contract["type"] == "layers")["layers"]
    placed = {name.strip() for floor in floors for name in floor.split("|")}
    packages = {f"xinf.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
    assert packages - placed == {"xinf.shim"}


def test_the_package_itself_imports_nothing() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
