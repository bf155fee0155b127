"""Where this process was told to look for its settings, so that it can look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from xinf.config.file import parse_toml
from xinf.config.load import load_over, load_settings
from xinf.config.paths import Paths, client_paths, config_places, find_paths
from xinf.config.settings import Settings


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """`named` is what --config said; `flags` are dotted keys and texts, as for `load_settings`."""

    environ: Mapping[str, str]
    cwd: Path
    named: Path | None = None
    flags: Mapping[str, str] = field(default_factory=dict[str, str])

    def find(self) -> Path | None:
        """The config file that would be read now; None if there is none and none was named."""
        return find_paths(self.environ, self.cwd, self.named).config_file

    def read(self, file: Path | None = None) -> Reading:
        """Read all layers, with `file` or whatever is found. Raises XinfError(CONFIG_INVALID)."""
        found = file or self.find()
        paths = self._paths(found)
        return Reading(self, paths, load_settings(paths, self.environ, self.flags))

    def read_as(self, text: str, file: Path) -> Reading:
        """As `read`, if `file` held `text`. Raises XinfError(CONFIG_INVALID)."""
        loaded = load_over(parse_toml(text, file), self.environ, self.flags)
        return Reading(self, self._paths(file), loaded.settings)

    def default_place(self) -> Path:
        """Where a file goes that is to be found without being named, whatever the directory."""
        return config_places(self.environ, self.cwd)[-1]

    def _paths(self, file: Path | None) -> Paths:
        return replace(client_paths(self.environ, self.cwd), config_file=file)


@dataclass(frozen=True, slots=True)
class Reading:
    """The settings as they were when they were read, and the places that go with them."""

    source: ConfigSource
    paths: Paths
    settings: Settings
