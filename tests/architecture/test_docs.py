"""What the documents say is there is there, and what is there is in the documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from tests.support.docs import blocks, code, documents, links, rows, text
from tests.support.tree import PACKAGE, ROOT
from xinf.cli.main import app
from xinf.config.load import load_settings
from xinf.config.paths import Paths
from xinf.config.settings import Settings
from xinf.core.errors import KINDS, ErrorCode


def commands() -> set[str]:
    """Every command as it is typed after `xinf`."""
    group = typer.main.get_command(app)
    found: set[str] = set()
    for name, command in vars(group)["commands"].items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {verb}" for verb in inner} if inner else {name}
    return found


@pytest.mark.parametrize("document", documents(), ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    folder = (ROOT / document).parent
    broken = [target for target in links(text(document)) if not (folder / target).exists()]
    assert broken == []


@pytest.mark.parametrize("document", documents(), ids=str)
def test_example_settings_are_valid(document: Path, tmp_path: Path) -> None:
    for example in blocks(text(document), "toml"):
        file = tmp_path / "xinf.toml"
        file.write_text(example)
        load_settings(Paths(file, tmp_path, tmp_path, tmp_path), {})


def test_every_error_is_explained_with_its_status_type_and_exit_code() -> None:
    told = {row[0].strip("`"): row[1:5] for row in rows(text("docs/errors.md"))}
    table = {
        str(each): [str(kind.status), kind.type, str(kind.exit_code), yes(kind.retryable)]
        for each, kind in KINDS.items()
    }
    assert told == table
    assert len(told) == len(ErrorCode)


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_is_documented(command: str) -> None:
    assert re.search(rf"\bxinf {command}\b", text("docs/cli.md"))


def test_the_readme_names_every_command() -> None:
    words = set(re.findall(r"[a-z]+", " ".join(code(text("README.md")))))
    assert {word for command in commands() for word in command.split()} <= words


@pytest.mark.parametrize("section", sorted(Settings.model_fields))
def test_every_section_of_the_settings_is_documented(section: str) -> None:
    assert re.search(rf"\[{section}[\].]", text("docs/config.md"))


def test_every_setting_of_the_default_file_is_documented() -> None:
    keys = set(re.findall(r"^(\w+) = ", text("configs/default.toml"), re.MULTILINE))
    documented = set(re.findall(r"\w+", text("docs/config.md")))
    assert keys - documented == set()


def test_the_files_that_the_architecture_names_are_there() -> None:
    markdown = text("docs/architecture.md")
    lives = next(block for block in blocks(markdown, "text") if "A request's life" in block)
    named = re.findall(r"\b([a-z]+/[a-z_]+)\b", lives)
    assert len(named) >= 10
    named += [
        path.removesuffix(".py") for path in code(markdown) if re.match(r"[a-z]+/\w+\.py$", path)
    ]
    places = [(PACKAGE / f"{name}.py", ROOT / f"{name}.py") for name in named]
    assert [str(place[0]) for place in places if not any(path.exists() for path in place)] == []


def test_the_architecture_has_a_line_for_every_room() -> None:
    told = {name for row in rows(text("docs/architecture.md")) for name in code(row[1])}
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms | {"clock"} <= told


def test_every_decision_is_listed() -> None:
    files = {path.name for path in (ROOT / "docs" / "adr").glob("0*.md")}
    assert files == set(links(text("docs/adr/README.md")))


def test_every_promise_names_a_test_that_exists() -> None:
    promises = list(rows(text("docs/guarantees.md")))
    assert promises
    missing = [place for row in promises for place in code(row[1]) if not is_a_test(place)]
    assert missing == []
    assert [row[0] for row in promises if not code(row[1])] == []


def is_a_test(place: str) -> bool:
    """Whether `path::name` below tests/ is a test; without a name, a file of tests."""
    path, _, name = place.partition("::")
    file = ROOT / "tests" / path
    return re.search(rf"def {name}\(", file.read_text()) is not None if name else file.exists()


def yes(answer: bool) -> str:
    return "yes" if answer else "no"
