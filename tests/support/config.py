"""Settings as tests need them: from a text, from nothing, or wrong in a known way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xinf.config.load import Loaded, load
from xinf.config.paths import Paths
from xinf.config.problems import ConfigInvalid, Problem
from xinf.config.settings import Settings

NOTHING: Mapping[str, str] = {}


def paths(root: Path, config_file: Path | None = None) -> Paths:
    """Every place below `root`."""
    return Paths(config_file, root / "state", root / "cache", root / "run")


def loaded(
    root: Path,
    toml: str | None = None,
    environ: Mapping[str, str] = NOTHING,
    overrides: Mapping[str, str] = NOTHING,
) -> Loaded:
    """What xinf makes of `toml` as its config file (None: it has none)."""
    file = None
    if toml is not None:
        file = root / "xinf.toml"
        file.write_text(toml, encoding="utf-8")
    return load(paths(root, file), environ, overrides)


def settings(
    root: Path,
    toml: str | None = None,
    environ: Mapping[str, str] = NOTHING,
    overrides: Mapping[str, str] = NOTHING,
) -> Settings:
    return loaded(root, toml, environ, overrides).settings


def problems(
    root: Path,
    toml: str | None = None,
    environ: Mapping[str, str] = NOTHING,
    overrides: Mapping[str, str] = NOTHING,
) -> tuple[Problem, ...]:
    """What is wrong with it; empty if nothing is."""
    try:
        loaded(root, toml, environ, overrides)
    except ConfigInvalid as error:
        return error.problems
    return ()
