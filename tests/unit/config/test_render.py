"""What is written is what is read, whatever the settings are."""

import math
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.support.config import problems, settings
from tests.support.toml import tables, texts
from xinf.config.layers import as_table
from xinf.config.render import effective, plain, to_toml
from xinf.core.errors import ErrorCode

seconds = st.floats(0.001, 1e9) | st.integers(1, 10**6) | st.sampled_from(["5m", "1.5h", "250ms"])
sizes = st.integers(0, 2**50) | st.sampled_from(["2GiB", "500 MB", "1k"])
tokens = st.integers(1, 10**7) | st.sampled_from(["4k", "128K", "1m"])
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True)


def partly(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


sections = partly(
    server=partly(
        host=texts.filter(bool),
        port=st.integers(0, 65535),
        load_timeout=seconds,
        body_limit=sizes,
        allowed_hosts=st.lists(texts.filter(bool), max_size=3),
    ),
    memory=partly(reserve=sizes),
    agent=partly(backoff_max=seconds, failures=st.integers(1, 99), stop_grace=st.just(0)),
    engines=partly(
        llamacpp=partly(
            python=st.sampled_from(["auto", "/usr/bin/python3"]),
            threads=st.just("auto") | st.integers(1, 64),
            context=tokens,
        )
    ),
    defaults=partly(
        engine=st.sampled_from(["auto", "sim", "llamacpp", "vllm"]),
        context=st.just("auto") | tokens,
        priority=st.integers(-5, 5),
    ),
)
models = st.dictionaries(
    names,
    partly(
        source=texts.filter(bool),
        activation=st.sampled_from(["auto", "preload", "manual"]),
        replicas=st.integers(0, 9),
        context=st.just("auto") | tokens,
        engine_args=tables(),
        env=st.dictionaries(texts, texts, max_size=3),
        sim=partly(
            tokens_per_second=st.floats(0, 1e6),
            memory=sizes,
            fail_load_times=st.integers(0, 3),
        ),
    ).map(lambda table: {**table, "engine": "sim"}),
    max_size=3,
)


@examples(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(sections, models)
def test_any_settings_written_as_toml_read_back_equal(
    sections: dict[str, Any], models: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as root:
        first = settings(Path(root), to_toml({**sections, "models": models}))
        again = settings(Path(root), to_toml(plain(first)))
    assert again == first
    assert again.model_specs() == first.model_specs()


@examples(max_examples=60)
@given(sections, models, st.data())
def test_an_unknown_key_anywhere_is_an_error_that_names_it(
    sections: dict[str, Any], models: dict[str, Any], data: st.DataObject
) -> None:
    table: dict[str, Any] = {**sections, "models": models}
    node, below_models = table, False
    while choices := [name for name, value in node.items() if as_table(value)]:
        name = data.draw(st.sampled_from([*sorted(choices), None]))
        if name is None or name in {"engine_args", "env"}:
            break
        node, below_models = node[name], name == "models"
    # Below [models] any table would be a model.
    assume(not below_models)
    node["no_such_key"] = 1
    with tempfile.TemporaryDirectory() as root:
        found = problems(Path(root), to_toml(table))
    assert any(problem.key.split(".")[-1] == "no_such_key" for problem in found)
    assert all("xinf.toml:" in problem.place for problem in found)


@given(tables())
def test_any_toml_table_survives(table: dict[str, object]) -> None:
    assert tomllib.loads(to_toml(table)) == table


def test_a_note_stands_beside_its_key() -> None:
    text = to_toml({"a": {"x": 1, "y": {"z": True}}}, lambda path: f"{path[-1]}!")
    assert text == (
        "[a]\nx = 1                                   # x!\n\n"
        "[a.y]\nz = true                                # z!\n"
    )


def test_effective_values_are_plain_numbers_under_the_keys_that_were_written(
    tmp_path: Path,
) -> None:
    from tests.support.config import loaded

    found = loaded(tmp_path, "[models.echo]\nengine = 'sim'\nsim = { memory = '1k' }\n")
    values = effective(found.settings, found.layer)
    assert values["server", "load_timeout"] == 300.0
    assert values["engines", "llamacpp", "threads"] == "auto"
    assert values["models", "echo", "sim", "memory"] == 1024
    assert values.keys() == found.layer.keys()


@pytest.mark.parametrize("number", [1e-7, 1e22, 0.1, -0.0, 5e-324, 1.7976931348623157e308])
def test_numbers_keep_every_digit(number: float) -> None:
    read = tomllib.loads(to_toml({"x": number}))["x"]
    assert (read, math.copysign(1, read)) == (number, math.copysign(1, number))


def test_the_code_is_config_invalid(tmp_path: Path) -> None:
    from tests.support.config import loaded
    from xinf.config.problems import ConfigInvalid

    with pytest.raises(ConfigInvalid) as caught:
        loaded(tmp_path, "nope = 1")
    assert caught.value.code is ErrorCode.CONFIG_INVALID
