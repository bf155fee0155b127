import json
from pathlib import Path
from typing import Any

import pytest

from xinf.shim.options import Arguments, BadOptions, read_arguments, read_options

GOOD: dict[str, Any] = {
    "engine": "sim",
    "instance": "i",
    "source": "",
    "served_names": ["a", "b"],
    "context": 2048,
    "dtype": "auto",
    "memory_bytes": 7,
    "devices": 2,
    "cache_bytes": 3,
    "args": {"x": 1},
    "orphan_lease_seconds": 600,
    "private_dir": "/p",
}


def write(path: Path, value: object) -> Arguments:
    config = path / "c.json"
    config.write_text(json.dumps(value))
    return Arguments(path / "s", config)


def test_a_config_file_becomes_options(tmp_path: Path) -> None:
    options = read_options(write(tmp_path, GOOD))
    assert options.orphan_lease_seconds == 600
    assert options.engine.served_names == ("a", "b")
    assert options.engine.context == 2048
    assert options.engine.args == {"x": 1}
    assert (options.engine.devices, options.engine.cache_bytes) == (2, 3)


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    named = ("engine", "instance", "served_names", "private_dir")
    options = read_options(write(tmp_path, {name: GOOD[name] for name in named}))
    assert options.engine.context is None
    assert (options.engine.devices, options.engine.cache_bytes) == (1, None)
    assert options.orphan_lease_seconds == 0


@pytest.mark.parametrize(
    "change",
    [
        {"engine": None},
        {"instance": 7},
        {"served_names": "a"},
        {"context": "2048"},
        {"context": True},
        {"memory_bytes": 1.5},
        {"devices": None},
        {"cache_bytes": "1GiB"},
        {"args": []},
        {"orphan_lease_seconds": "10m"},
    ],
)
def test_a_wrong_value_is_named_with_its_file(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(BadOptions) as bad:
        read_options(write(tmp_path, GOOD | change))
    assert "c.json" in str(bad.value)
    assert next(iter(change)) in str(bad.value)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadOptions, match="instance is missing"):
        read_options(write(tmp_path, {key: GOOD[key] for key in GOOD if key != "instance"}))


@pytest.mark.parametrize("text", ["", "{", "[]", "7"])
def test_a_file_that_holds_no_object_is_refused(tmp_path: Path, text: str) -> None:
    arguments = write(tmp_path, {})
    arguments.config.write_text(text)
    with pytest.raises(BadOptions, match=r"c\.json"):
        read_options(arguments)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOptions, match=r"c\.json"):
        read_options(Arguments(tmp_path / "s", tmp_path / "c.json"))


def test_the_command_line_needs_a_socket_and_a_config() -> None:
    arguments = read_arguments(["--socket", "/run/s", "--config", "/run/c"])
    assert arguments == Arguments(Path("/run/s"), Path("/run/c"))
    with pytest.raises(BadOptions, match="--config"):
        read_arguments(["--socket", "/run/s"])


def test_a_socket_path_that_the_kernel_would_refuse_is_refused_first() -> None:
    read_arguments(["--socket", "/" + "s" * 106, "--config", "c"])
    with pytest.raises(BadOptions, match="107"):
        read_arguments(["--socket", "/" + "s" * 107, "--config", "c"])
