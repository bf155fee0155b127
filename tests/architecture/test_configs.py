"""What ships in configs/ is valid, and the defaults explain themselves."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import pytest

from tests.support.tree import PACKAGE, ROOT
from xinf.config.load import load_settings
from xinf.config.paths import Paths

CONFIGS = ROOT / "configs"
PINNED = re.compile(r"[A-Za-z0-9._-]+(\[[^\]]+\])?==\S+( .*)?")


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(CONFIGS)) for path in paths]


def test_the_defaults_alone_are_valid_settings(tmp_path: Path) -> None:
    settings = load_settings(Paths(None, tmp_path, tmp_path, tmp_path), {})
    assert settings.server.port == 5090
    assert settings.model_specs() == ()


def test_every_default_says_what_it_is_for() -> None:
    lines = (CONFIGS / "default.toml").read_text().splitlines()
    silent = [
        line
        for before, line in itertools.pairwise(lines)
        if re.match(r"\w+ = ", line) and not before.startswith("# ")
    ]
    assert silent == []


@pytest.mark.parametrize("name", names(sorted(CONFIGS.rglob("*.toml"))))
def test_every_file_is_toml(name: str) -> None:
    assert tomllib.loads((CONFIGS / name).read_text())


def test_there_is_a_model_and_a_runtime_to_begin_with() -> None:
    assert list((CONFIGS / "models").glob("*.toml"))
    assert list((CONFIGS / "runtimes").glob("*.lock"))


@pytest.mark.parametrize("name", names(sorted(CONFIGS.rglob("*.lock"))))
def test_a_runtime_lock_pins_everything(name: str) -> None:
    lines = [line.strip() for line in (CONFIGS / name).read_text().splitlines()]
    wanted = [line for line in lines if line and not line.startswith(("#", "--"))]
    assert wanted
    assert [line for line in wanted if not PINNED.fullmatch(line)] == []


def test_the_package_carries_the_same_files_as_the_repository() -> None:
    assert (PACKAGE / "configs").resolve() == CONFIGS
