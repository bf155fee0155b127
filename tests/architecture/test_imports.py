"""The floors of docs/architecture.md hold, and no package stands outside of them."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.support.tree import PACKAGE, ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]


def test_every_import_contract_holds() -> None:
    # A process of its own: inside ours it would switch off every logger that exists already.
    done = subprocess.run(
        [f"{Path(sys.executable).parent}/lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_package_stands_on_a_floor() -> None:
    floors = next(contract for contract in CONTRACTS if contract["type"] == "layers")["layers"]
    placed = {name.strip() for floor in floors for name in floor.split("|")}
    packages = {f"xinf.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
    assert packages - placed == {"xinf.shim"}


def test_the_package_itself_imports_nothing() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
