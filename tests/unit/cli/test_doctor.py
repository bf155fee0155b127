"""`xinf doctor` on the machine that runs the tests, whatever that has."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Result, xinf

CHECKS = {"cpu", "config", "store", "port", "disk", "memory", "open-files", "orphans", "runtime"}


@pytest.fixture(autouse=True)
def free_port(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XINF_SERVER__PORT", "0")
    return


def of(result: Result, check: str) -> list[dict[str, Any]]:
    return [each for each in result.json["findings"] if each["check"] == check]


def test_json_has_what_other_tools_rely_on() -> None:
    result = xinf("doctor", "--json", "--quick")
    assert result.json.keys() == {"findings"}
    for finding in result.json["findings"]:
        assert finding.keys() == {"check", "severity", "message", "fix"}
        assert finding["severity"] in {"ok", "info", "warn", "fail"}
    assert {each["check"] for each in result.json["findings"]} >= CHECKS
    severities = {each["severity"] for each in result.json["findings"]}
    assert result.code == (1 if "fail" in severities else 0)


def test_a_person_gets_lines() -> None:
    result = xinf("doctor", "--quick")
    assert any(line.split()[:2] == ["ok", "port"] for line in result.out.splitlines())


def test_wrong_settings_are_findings_and_the_rest_is_looked_at_all_the_same(home: Path) -> None:
    (home / "xinf.toml").write_text("[server]\nprot = 1\nhost = 2\n")
    result = xinf("doctor", "--json", "--quick")
    assert result.code == 1
    first, second = of(result, "config")
    assert (first["severity"], "Did you mean port?" in first["message"]) == ("fail", True)
    assert "xinf.toml:3" in second["message"]
    assert of(result, "disk")


def test_a_config_file_that_is_not_there_is_a_finding() -> None:
    result = xinf("doctor", "--json", "--quick", "--config", "none.toml")
    assert result.code == 1
    assert "there is no such file" in of(result, "config")[0]["message"]


def test_wrong_rules_of_the_user_are_a_finding(home: Path) -> None:
    (home / "xinf.toml").write_text("")
    (home / "engine_compatibility.toml").write_text('[[rules]]\nname = "mine"\n')
    result = xinf("doctor", "--json", "--quick")
    assert result.code == 1
    assert "rules[mine]" in of(result, "config")[1]["message"]


def test_a_taken_port_is_a_failure_that_names_who_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        monkeypatch.setenv("XINF_SERVER__PORT", str(server.getsockname()[1]))
        result = xinf("doctor", "--json", "--quick")
    (finding,) = of(result, "port")
    assert (result.code, finding["severity"]) == (1, "fail")
    assert "(pid " in finding["message"]
    assert "XINF_SERVER__PORT=" in finding["fix"]
