from __future__ import annotations

from pathlib import Path

import pytest

from xinf.config.problems import ConfigInvalid
from xinf.config.source import ConfigSource


def source(root: Path, **environ: str) -> ConfigSource:
    return ConfigSource({"HOME": str(root), **environ}, root, flags={"server.port": "0"})


def test_a_text_is_read_as_if_it_stood_in_the_file_with_the_same_layers(tmp_path: Path) -> None:
    place = tmp_path / "new.toml"
    made = source(tmp_path, XINF_DEFAULTS__QUEUE="7").read_as('[models.a]\nengine = "sim"\n', place)
    assert made.paths.config_file == place
    assert made.settings.server.port == 0
    assert [spec.queue for spec in made.settings.model_specs()] == [7]
    assert not place.exists()


def test_what_is_wrong_with_a_text_is_told_with_the_files_name_and_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        source(tmp_path).read_as("[server]\nprt = 1\n", tmp_path / "new.toml")
    assert [problem.place for problem in refused.value.problems] == [f"{tmp_path}/new.toml:2"]
    with pytest.raises(ConfigInvalid, match=r"new\.toml:1"):
        source(tmp_path).read_as("[server", tmp_path / "new.toml")


def test_a_file_that_is_found_anywhere_stands_in_the_configuration_directory(
    tmp_path: Path,
) -> None:
    assert source(tmp_path).default_place() == tmp_path / ".config" / "xinf" / "xinf.toml"
