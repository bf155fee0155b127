"""What the launcher says before it downloads anything."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.support.launcher import Clone, answering, loaded, pretended_clone
from tests.support.tree import ROOT


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return pretended_clone(tmp_path)


@pytest.fixture
def preflight() -> ModuleType:
    return loaded(ROOT / "scripts" / "preflight.py", "preflight_under_test")


def test_a_python_without_ensurepip_names_the_package_to_install(
    preflight: ModuleType, clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "find_spec", lambda name: None if name == "ensurepip" else name)
    told = preflight.problem(clone.root, "", ["ls"], needs_venv=True)
    assert "has no ensurepip" in told
    assert "`sudo apt install python3-venv`" in told
    assert preflight.problem(clone.root, "", ["ls"], needs_venv=False) == ""


def test_too_little_disk_says_how_much_is_missing_and_counts_what_is_there(
    preflight: ModuleType, clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SimpleNamespace(f_bavail=100, f_frsize=preflight.MB)
    monkeypatch.setattr(preflight.os, "statvfs", lambda _path: disk)
    told = preflight.problem(clone.root, "", ["ls"], needs_venv=False)
    assert told.startswith(f"300 MB of disk space are needed in {clone.root}, 100 MB are free.")
    with (clone.root / ".venv" / "downloaded").open("wb") as file:
        file.truncate(200 * preflight.MB)
    assert preflight.problem(clone.root, "", ["ls"], needs_venv=False) == ""
    assert "600 MB" in preflight.problem(clone.root, "test", ["test"], needs_venv=False)


def test_a_folder_of_somebody_else_is_told_before_pip_runs(
    preflight: ModuleType, clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight.os, "access", lambda path, _mode: path != clone.root)
    told = preflight.problem(clone.root, "", ["ls"], needs_venv=False)
    assert told.startswith(f"{clone.root} is not writable.")
    assert "sudo chown" in told


def test_a_port_that_xinf_itself_holds_is_left_to_xinf(preflight: ModuleType) -> None:
    with answering('{"name": "xinf", "version": "0.1.0"}') as port:
        assert preflight.port_taken("127.0.0.1", port) == ""


@pytest.mark.parametrize("body", ["<html>", "[]", '{"name": "another"}', ""])
def test_a_port_where_another_server_answers_is_taken(preflight: ModuleType, body: str) -> None:
    with answering(body) as port:
        assert "in use by another program" in preflight.port_taken("127.0.0.1", port)


def test_a_free_port_and_a_nonsense_port_are_not_the_launchers_business(
    preflight: ModuleType,
) -> None:
    assert preflight.port_taken("127.0.0.1", 0) == ""
    assert preflight.port_taken("127.0.0.1", 99999) == ""
    assert preflight.port_taken("no.such.host.invalid", 5090) == ""


def test_the_port_is_looked_for_where_xinf_will_look(preflight: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[server]\nhost = "127.0.0.2"\nport = 6001\n')
    home = {"XDG_CONFIG_HOME": str(tmp_path / "none")}
    by_file = {**home, "XINF_CONFIG": str(file)}
    by_variable = {**by_file, "XINF_SERVER__PORT": "6002", "XINF_SERVER__HOST": "127.0.0.3"}
    assert preflight.address(["up"], home) == ("127.0.0.1", 5090)
    assert preflight.address(["up"], by_file) == ("127.0.0.2", 6001)
    assert preflight.address(["up", "--config", str(file)], home) == ("127.0.0.2", 6001)
    assert preflight.address(["up"], by_variable) == ("127.0.0.3", 6002)
    assert preflight.address(["up", "--port=6003"], by_variable) == ("127.0.0.3", 6003)
    assert preflight.address(["up", "--port", "6004"], by_variable) == ("127.0.0.3", 6004)


@pytest.mark.parametrize("text", ["[server", "server = 3", '[server]\nport = "many"'])
def test_a_broken_setting_is_left_for_xinf_to_explain(
    preflight: ModuleType, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    assert preflight.address(["up", f"--config={file}"], {})[1] == 0
