from __future__ import annotations

from tests.support.routing import FakeMirror, declared
from xinf.core.models import ModelIntent
from xinf.router.directory import ModelDirectory


def named(found: object) -> str | None:
    return found[0] if isinstance(found, tuple) else None


async def test_a_model_is_found_by_its_name_and_by_its_aliases() -> None:
    models = FakeMirror({"coder": declared("coder", aliases=("gpt-local", "org/coder:fast"))})
    directory = ModelDirectory(models)
    for name in ("coder", "gpt-local", "org/coder:fast"):
        assert named(directory.resolve(name)) == "coder"
    assert directory.resolve("Coder") is None


async def test_a_name_outranks_another_models_alias() -> None:
    models = FakeMirror({"a": declared("a", aliases=("b",)), "b": declared("b")})
    assert named(ModelDirectory(models).resolve("b")) == "b"


async def test_an_alias_of_two_models_belongs_to_the_first_by_name() -> None:
    models = FakeMirror({"b": declared("b", aliases=("x",)), "a": declared("a", aliases=("x",))})
    assert named(ModelDirectory(models).resolve("x")) == "a"


async def test_a_changed_record_changes_the_aliases_at_once() -> None:
    models = FakeMirror({"a": declared("a", aliases=("old",))})
    directory = ModelDirectory(models)
    models.set("a", declared("a", aliases=("new",)))
    assert named(directory.resolve("new")) == "a"
    assert directory.resolve("old") is None


async def test_a_record_that_nobody_speaks_for_is_no_model() -> None:
    models = FakeMirror({"gone": ModelIntent()})
    directory = ModelDirectory(models)
    assert directory.resolve("gone") is None
    assert directory.names() == ()
