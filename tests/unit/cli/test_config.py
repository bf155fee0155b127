import json
import tomllib
from pathlib import Path

import pytest

from tests.support.cli import xinf

TOML = "[server]\nport = 1\n\n[models.echo]\nengine = 'sim'\n"


@pytest.fixture
def file(home: Path) -> Path:
    found = home / "xinf.toml"
    found.write_text(TOML)
    return found


def test_show_is_a_valid_file_with_the_origin_of_what_is_not_default(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINF_ROUTER__RETRIES", "0")
    shown = xinf("config", "show", "--set", "memory.reserve=2GiB").out
    assert tomllib.loads(shown)["server"]["port"] == 1
    lines = {line.split(" = ")[0]: line for line in shown.splitlines() if " = " in line}
    assert lines["port"].endswith(f"# {file}:2")
    assert lines["retries"].endswith("# XINF_ROUTER__RETRIES")
    assert lines["reserve"] == 'reserve = "2GiB"                        # flag'
    assert "#" not in lines["resync"]
    file.write_text(shown)
    assert xinf("config", "validate").code == 0


def test_show_json_names_the_origin_of_every_value(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINF_SERVER__LOAD_TIMEOUT", "90s")
    entries = {entry.pop("key"): entry for entry in xinf("config", "show", "--json").json}
    assert entries["server.port"] == {"value": 1, "origin": "file", "place": f"{file}:2"}
    assert entries["server.load_timeout"] == {
        "value": 90.0,
        "origin": "env",
        "place": "XINF_SERVER__LOAD_TIMEOUT",
    }
    assert entries["memory.reserve"]["value"] == 1024**3
    assert entries["memory.reserve"]["origin"] == "default"
    assert entries["models.echo.engine"]["value"] == "sim"


def test_path_is_the_file_that_is_used(file: Path, home: Path) -> None:
    assert xinf("config", "path").out == f"{file}\n"
    other = home / "other.toml"
    other.touch()
    assert xinf("config", "path", "--config", "other.toml").out == f"{other}\n"
    file.unlink()
    result = xinf("config", "path")
    assert (result.code, result.out) == (4, "")
    assert str(file) in result.err


def test_validate_lists_everything_that_is_wrong(file: Path) -> None:
    file.write_text("[server]\nprt = 1\nport = -1\n")
    result = xinf("config", "validate")
    assert result.code == 2
    assert result.err.splitlines() == [
        f"error: {file}:2: server.prt: unknown key. Did you mean port?",
        f"error: {file}:3: server.port: -1 is not a whole number from 0 to 65535.",
    ]


def test_validate_checks_another_file(file: Path, home: Path) -> None:
    (home / "new.toml").write_text("nope = 1")
    assert xinf("config", "validate", "new.toml").code == 2
    result = xinf("config", "validate")
    assert (result.code, result.err) == (0, "all is right: 1 model declared\n")


def test_a_missing_file_is_exit_code_2() -> None:
    result = xinf("config", "validate", "nope.toml")
    assert result.code == 2
    assert "there is no such file" in result.err


def test_show_refuses_wrong_settings(file: Path) -> None:
    result = xinf("config", "show", "--set", "server.port=many")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        'error: flag: server.port: "many" is not a whole number from 0 to 65535.\n'
    )


def test_set_without_a_value_is_a_usage_error() -> None:
    assert xinf("config", "show", "--set", "server.port").code == 2


def test_schema_is_json() -> None:
    schema = json.loads(xinf("config", "schema").out)
    assert schema["properties"]["server"]["$ref"] == "#/$defs/Server"
