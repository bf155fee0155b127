from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinf.core.fingerprint import fingerprint
from xinf.core.placement import EngineConfig

CONFIG = EngineConfig(
    engine="llamacpp",
    runtime="llamacpp-cpu",
    source="path:/models/a.gguf",
    served_names=("coder", "gpt-local"),
    context=4096,
    args={"parallel": 4, "threads": 2},
    env={"A": "1", "B": "2"},
)
OTHER = {
    "engine": "sim",
    "runtime": "sim",
    "source": "path:/models/b.gguf",
    "served_names": ("coder",),
    "context": 8192,
    "dtype": "float16",
    "args": {"parallel": 4},
    "env": {"A": "1"},
}


def of(config: EngineConfig, revision: str = "r1", protocol: int = 1) -> str:
    return fingerprint(config, revision=revision, protocol=protocol)


def test_every_setting_of_an_engine_is_covered_here() -> None:
    assert OTHER.keys() == {field.name for field in fields(EngineConfig)}


@pytest.mark.parametrize("name", OTHER)
def test_any_other_setting_asks_for_another_engine(name: str) -> None:
    assert of(replace(CONFIG, **{name: OTHER[name]})) != of(CONFIG)


def test_another_model_revision_or_protocol_asks_for_another_engine() -> None:
    assert len({of(CONFIG), of(CONFIG, revision="r2"), of(CONFIG, protocol=2)}) == 3


def test_the_order_in_which_settings_were_written_does_not_matter() -> None:
    turned = replace(CONFIG, args={"threads": 2, "parallel": 4}, env={"B": "2", "A": "1"})
    assert of(turned) == of(CONFIG)


def test_a_fingerprint_is_the_same_in_every_process_and_release() -> None:
    assert of(EngineConfig("sim", "sim", "", ("a",))) == "55a0e1082c8041b4"


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans()))
def test_a_fingerprint_is_sixteen_hex_digits(args: dict[str, int | str | bool]) -> None:
    digest = of(replace(CONFIG, args=args))
    assert len(digest) == 16
    assert int(digest, 16) >= 0
