"""Reading the settings: configs/default.toml < the user's file < the environment < flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xinf.config.check import check
from xinf.config.data import config_data
from xinf.config.file import TomlFile, read_toml
from xinf.config.layers import KeyPath, Layer, lay_over, origin_of, tree
from xinf.config.paths import Paths
from xinf.config.problems import ConfigInvalid
from xinf.config.settings import Settings
from xinf.config.spoken import read_environment, read_flags

NO_OVERRIDES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and the layer that they were made of: every written value with its origin."""

    settings: Settings
    layer: Layer


def load_settings(
    paths: Paths, environ: Mapping[str, str], overrides: Mapping[str, str] = NO_OVERRIDES
) -> Settings:
    """The settings of this instance; `overrides` has dotted keys, e.g. `{"server.port": "0"}`.

    Raises ConfigInvalid (CONFIG_INVALID) with everything that is wrong.
    """
    return load(paths, environ, overrides).settings


def load(
    paths: Paths, environ: Mapping[str, str], overrides: Mapping[str, str] = NO_OVERRIDES
) -> Loaded:
    """As `load_settings`, and where each value comes from."""
    file = read_toml(paths.config_file) if paths.config_file else TomlFile.empty()
    return load_over(file, environ, overrides)


def load_over(
    file: TomlFile, environ: Mapping[str, str], overrides: Mapping[str, str] = NO_OVERRIDES
) -> Loaded:
    """As `load`, with a file that was read already, or was never written."""
    flags, unreadable = read_flags(overrides)
    environment = read_environment(environ, file.model_names)
    layer = lay_over([read_defaults(), file.layer("file"), environment, flags])
    checked = check(tree(layer), lambda path: _place(layer, file, path))
    problems = (*unreadable, *(checked if isinstance(checked, tuple) else ()))
    if problems or isinstance(checked, tuple):
        raise ConfigInvalid(sorted(problems, key=lambda problem: problem.order))
    return Loaded(checked, layer)


def read_defaults() -> Layer:
    """The lowest layer."""
    return read_toml(config_data("default.toml")).layer("default")


def _place(layer: Layer, file: TomlFile, path: KeyPath) -> str:
    origin = origin_of(layer, path)
    if origin is None:
        return ""
    # The head of a table is a better place to look at than the first key in it.
    return file.place(path) if origin.kind == "file" and path in file.lines else origin.place
