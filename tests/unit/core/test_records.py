"""What all records of the vocabulary have in common, and the small ones."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, is_dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

import xinf.core
from xinf.core.json import JsonValue
from xinf.core.models import MODEL_NAME
from xinf.core.nodes import Device
from xinf.core.placement import model_of, replica_name
from xinf.core.requests import ExecutionContext, Priority

MODULES = [
    importlib.import_module(f"xinf.core.{module.name}")
    for module in pkgutil.iter_modules(xinf.core.__path__)
]
RECORDS = sorted(
    {
        kind
        for module in MODULES
        for kind in vars(module).values()
        if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
    },
    key=lambda kind: kind.__qualname__,
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_record_is_a_value_that_nobody_can_change(record: type) -> None:
    assert record.__dataclass_params__.frozen
    assert "__slots__" in vars(record)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_record_says_what_it_is(record: type) -> None:
    assert record.__doc__
    assert not record.__doc__.startswith(f"{record.__name__}(")


def test_nothing_in_the_vocabulary_changes_while_the_program_runs() -> None:
    public = {
        f"{module.__name__}.{name}": value
        for module in MODULES
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_")
    }
    changeable = {name for name, value in public.items() if isinstance(value, dict | list | set)}
    assert changeable == set()


@given(st.from_regex(MODEL_NAME, fullmatch=True), st.integers(0, 999))
def test_a_replica_remembers_its_model(model: str, index: int) -> None:
    assert model_of(replica_name(model, index)) == model


def test_a_device_is_named_by_its_kind_and_place() -> None:
    device = Device("GPU-1", "cuda", 1, "a card", memory_total=1, memory_used=0)
    assert device.id == "cuda:1"


def test_the_smaller_priority_goes_first() -> None:
    order = [Priority.SYSTEM, Priority.INTERACTIVE, Priority.DEFAULT, Priority.BULK]
    assert sorted(Priority) == order


def test_a_request_is_of_default_priority_unless_somebody_says_otherwise() -> None:
    context = ExecutionContext("r1", "coder", "/v1/chat/completions", deadline=30.0)
    assert context.priority is Priority.DEFAULT
    with pytest.raises(FrozenInstanceError):
        context.deadline = 60.0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_plain_json_comes_back_from_the_stores_edge_as_it_went_in(
    value: Mapping[str, object],
) -> None:
    adapter: TypeAdapter[Mapping[str, object]] = TypeAdapter(Mapping[str, JsonValue])
    assert adapter.validate_json(adapter.dump_json(value)) == value
