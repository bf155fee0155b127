"""What pydantic found wrong, in our words: the place, the key, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, TypeAlias, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from xinf.config.layers import KeyPath
from xinf.config.problems import Problem, key_text, unknown_key, value_text
from xinf.config.types import NOT_JSON, Allowed

# Tells the place (file and line, variable, flag) of a key.
Where: TypeAlias = Callable[[KeyPath], str]
_NOT_A_TABLE = frozenset({"model_type", "model_attributes_type", "mapping_type", "dict_type"})
# Problems that a sentence "VALUE is not ..." would not fit; empty = the message is ours already.
_IN_OUR_WORDS = {"missing": "it is missing", NOT_JSON: ""}


def explain(
    error: ValidationError, model: type[BaseModel], where: Where, above: KeyPath = ()
) -> Iterator[Problem]:
    """Every problem of `error`, which checking a `model` that stands at `above` has raised."""
    for detail in error.errors(include_url=False, include_context=False):
        yield _problem(detail, model, where, above)


def _problem(detail: ErrorDetails, model: type[BaseModel], where: Where, above: KeyPath) -> Problem:
    location = tuple(part for part in detail["loc"] if part != "[key]")
    names = tuple(part for part in location if isinstance(part, str))
    place, shown = where((*above, *names)), key_text((*above, *location))
    owner, words = _look_up(model, detail["loc"])
    if detail["type"] == "extra_forbidden":
        return unknown_key(place, (*above, *names), owner.model_fields)
    if detail["type"] in _NOT_A_TABLE:
        return Problem(place, shown, f"{value_text(detail['input'])} is not a table")
    if detail["type"] in _IN_OUR_WORDS:
        return Problem(place, shown, _IN_OUR_WORDS[detail["type"]] or detail["msg"])
    return Problem(place, shown, f"{value_text(detail['input'])} is not {words}")


def annotation_at(model: type[BaseModel], location: Sequence[str | int]) -> object:
    """The annotated type of `location` within `model`; None where there is no such setting."""
    *_, (_, annotation) = _walk(model, location)
    return annotation


def _look_up(model: type[BaseModel], location: Sequence[str | int]) -> tuple[type[BaseModel], str]:
    """The innermost table on the way to `location`, and what is allowed there, in words."""
    owner, words = model, ""
    for table, annotation in _walk(model, location):
        owner = table or owner
        words = _words_in(annotation) or words
    return owner, words


def _walk(
    model: type[BaseModel], location: Sequence[str | int]
) -> Iterator[tuple[type[BaseModel] | None, object]]:
    """Each step of `location`: the table that it is a key of, if it is one, and its type."""
    annotation: object = model
    mapping: object = None
    for part in location:
        bare, table = _bare(annotation), None
        if part == "[key]":
            annotation = get_args(mapping)[0]
        elif isinstance(bare, type) and issubclass(bare, BaseModel):
            table = bare
            annotation = get_type_hints(bare, include_extras=True).get(str(part))
        elif get_origin(bare) is Mapping:
            mapping = cast("object", bare)
            annotation = get_args(bare)[1]
        else:
            annotation = next(iter(get_args(bare)), None)
        yield table, annotation


def _bare(annotation: object) -> object:
    """`annotation` without what pydantic reads from it and without "or None"."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) is UnionType:
        return _bare(next(part for part in get_args(annotation) if part is not NoneType))
    return annotation


def _words_in(annotation: object) -> str:
    parts = cast("tuple[object, ...]", get_args(annotation))
    own = [part.words for part in parts if isinstance(part, Allowed)]
    inner = [words for part in parts if (words := _words_in(part))]
    return next(iter(own + inner), "")
