"""default.toml is the single source of defaults: complete, explained, documented, packaged."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import xinf
from xinf.config.data import config_data
from xinf.config.layers import leaves
from xinf.config.models import ModelTable, SimTable
from xinf.config.problems import key_text
from xinf.config.schema import explanations, json_schema
from xinf.config.settings import Settings

ROOT = Path(xinf.__file__).parents[1]
DEFAULTS = leaves(tomllib.loads(config_data("default.toml").read_text()))
DOCUMENT = (ROOT / "docs" / "config.md").read_text()


def test_default_toml_says_every_setting_and_no_section_has_a_second_default() -> None:
    def expected(model: type[BaseModel], above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
        found: set[tuple[str, ...]] = set()
        for name, field in model.model_fields.items():
            path = (*above, name)
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= expected(kind, path) or {path}
            else:
                found.add(path)
                assert field.is_required(), f"{path} has a default outside default.toml"
        return found

    without_models = type(
        "Sections",
        (BaseModel,),
        {
            "__annotations__": {k: v for k, v in Settings.__annotations__.items() if k != "models"},
            "__module__": Settings.__module__,
        },
    )
    assert DEFAULTS.keys() == expected(without_models)


@pytest.mark.parametrize("path", DEFAULTS, ids=key_text)
def test_every_key_is_explained_in_default_toml(path: tuple[str, ...]) -> None:
    assert len(explanations()[path]) > 20


@pytest.mark.parametrize("path", DEFAULTS, ids=key_text)
def test_every_key_is_documented_with_its_default(path: tuple[str, ...]) -> None:
    value = DEFAULTS[path]
    if value == {}:
        assert f"[{key_text(path)}]" in DOCUMENT
        return
    section = DOCUMENT.partition(f"# `[{key_text(path[:-1])}]`")[2].partition("\n## ")[0]
    (row,) = [line for line in section.splitlines() if line.startswith(f"| `{path[-1]}` |")]
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    assert row.split(" | ")[2 - 1] == f"`{shown}`"


@pytest.mark.parametrize("name", [*ModelTable.model_fields, *SimTable.model_fields])
def test_every_key_of_a_model_is_documented(name: str) -> None:
    assert f"| `{name}` |" in DOCUMENT.partition("## `[models.NAME]`")[2]


def test_every_kind_of_data_file_travels_in_the_wheel() -> None:
    assert config_data().resolve() == (ROOT / "configs").resolve()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packaged = set(project["tool"]["setuptools"]["package-data"]["*"])
    files = [file for file in config_data().rglob("*") if file.is_file()]
    assert {f"*{file.suffix}" for file in files} <= packaged


def test_the_schema_has_every_key_with_its_default_and_requires_none() -> None:
    schema = json_schema()

    def table_at(path: tuple[str, ...]) -> dict[str, Any]:
        node: dict[str, Any] = schema
        for name in path:
            node = schema["$defs"][node["properties"][name]["$ref"].rpartition("/")[2]]
        return node

    for path, value in DEFAULTS.items():
        if value != {}:
            entry = table_at(path[:-1])["properties"][path[-1]]
            assert entry["default"] == value
            assert entry["description"] == explanations()[path]
    assert "required" not in str(schema)
    assert all(table["additionalProperties"] is False for table in schema["$defs"].values())
