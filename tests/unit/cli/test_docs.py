"""docs/cli.md and the help pages tell of every command and every option."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from xinf.cli.main import app
from xinf.core.errors import KINDS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()


def commands(group: Any, name: str = "xinf") -> Iterator[tuple[str, Any]]:
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


COMMANDS = dict(commands(typer.main.get_command(app)))


def section(name: str) -> str:
    heads = [line for line in DOCUMENT.splitlines() if line.startswith("## ")]
    head = next(line for line in heads if f"`{name}`" in line or f"`{name} " in line)
    return DOCUMENT.partition(f"{head}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    text = section(name)
    documented = {
        row.split("`")[1].split(" ")[0] for row in text.splitlines() if row.startswith("| `-")
    }
    options = {
        flag
        for parameter in COMMANDS[name].params
        for flag in parameter.opts
        if flag.startswith("--") and flag != "--help"
    }
    assert documented == options


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_page_teaches(name: str) -> None:
    command = COMMANDS[name]
    if name == "xinf ls":
        return  # says that it is `xinf list`
    assert "Exit codes: 0" in command.help
    assert all(parameter.help for parameter in command.params)


def test_every_exit_code_is_documented() -> None:
    for code in {0, *(kind.exit_code for kind in KINDS.values())}:
        assert f"| {code} |" in DOCUMENT
