"""A model that is described by a launch request instead of the file, under the same rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from pydantic import ValidationError

from xinf.config.check import alias_problems, table_problems
from xinf.config.explain import explain
from xinf.config.models import ModelTable
from xinf.config.problems import Problem, key_text
from xinf.config.settings import Settings
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.json import JsonObject
from xinf.core.models import MODEL_NAME, ModelSpec

# What a request calls differently from the file.
_RENAMED = {"args": "engine_args"}


def spec_from_launch(settings: Settings, name: str, body: JsonObject) -> ModelSpec:
    """The model that a launch of `name` asks for; what `body` leaves out takes the defaults.

    `body` has the keys of a model's table, with `args` for `engine_args`. Raises INVALID_VALUE
    naming the key, the bad value and what is allowed.
    """
    if not re.fullmatch(MODEL_NAME, name):
        allowed = 'A name may have lower-case letters, digits, ".", "_" and "-"'
        raise _refusal(name, Problem("", "name", f'"{name}" is not a model name', allowed))
    try:
        values = {_RENAMED.get(key, key): value for key, value in body.items() if key != "name"}
        table = ModelTable.model_validate({k: v for k, v in values.items() if v is not None})
    except ValidationError as error:
        raise _refusal(name, *explain(error, ModelTable, _nowhere)) from None
    spec = table.to_spec(name, settings.defaults)
    problems = (
        *_name_problems(name, table, settings),
        *table_problems(table, spec.engine, _nowhere, ()),
    )
    if problems:
        raise _refusal(name, *problems)
    return spec


def _name_problems(name: str, table: ModelTable, settings: Settings) -> Iterator[Problem]:
    """What this model would be called by, and what another one is called by already."""
    others = {other: found.aliases for other, found in settings.models.items() if other != name}
    for other, aliases in others.items():
        if name in aliases:
            taken = f'"{name}" is already an alias of model {other}'
            yield Problem("", "name", taken, "Choose another name")
    # Told as the newcomer's, since those that were declared are right among themselves.
    everyone = {**others, name: table.aliases}
    for problem in alias_problems(everyone, _nowhere, ()):
        if problem.key.startswith(key_text([name])):
            yield replace(problem, key="aliases")


def _nowhere(_: tuple[str, ...]) -> str:
    """A request has no lines."""
    return ""


def _refusal(name: str, *problems: Problem) -> XinfError:
    first = problems[0]
    key = "args" if first.key == "engine_args" else first.key
    return XinfError(
        ErrorCode.INVALID_VALUE,
        thing=": ".join(part for part in (f"launch {name}", key) if part),
        cause=first.cause,
        next_step=first.next_step,
        param=key or None,
    )
