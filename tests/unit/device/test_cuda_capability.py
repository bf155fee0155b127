from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinf.device.cuda_capability import architecture, dtypes


@pytest.mark.parametrize(
    ("capability", "formats"),
    [
        ("7.0", {"float32", "float16"}),
        ("7.5", {"float32", "float16", "int8"}),
        ("8.0", {"float32", "float16", "int8", "bfloat16"}),
        ("8.6", {"float32", "float16", "int8", "bfloat16"}),
        ("8.9", {"float32", "float16", "int8", "bfloat16", "fp8"}),
        ("9.0", {"float32", "float16", "int8", "bfloat16", "fp8"}),
        ("10.0", {"float32", "float16", "int8", "bfloat16", "fp8", "fp4"}),
        ("10.3", {"float32", "float16", "int8", "bfloat16", "fp8", "fp4"}),
        ("12.0", {"float32", "float16", "int8", "bfloat16", "fp8", "fp4"}),
        ("12.1", {"float32", "float16", "int8", "bfloat16", "fp8", "fp4"}),
    ],
)
def test_each_generation_has_its_formats(capability: str, formats: set[str]) -> None:
    assert set(dtypes(capability)) == formats


def test_both_blackwells_are_known_and_not_each_other() -> None:
    assert architecture("12.0") == "sm_120"
    assert architecture("10.0") == "sm_100"


@pytest.mark.parametrize("told", [None, "", "12", "twelve.0", "12.x", "-1.0"])
def test_what_is_not_told_is_not_guessed(told: str | None) -> None:
    assert (dtypes(told), architecture(told)) == ((), None)


@given(
    st.tuples(st.integers(0, 20), st.integers(0, 9)),
    st.tuples(st.integers(0, 20), st.integers(0, 9)),
)
def test_a_newer_card_loses_no_format(one: tuple[int, int], two: tuple[int, int]) -> None:
    older, newer = sorted((one, two))
    assert set(dtypes(f"{older[0]}.{older[1]}")) <= set(dtypes(f"{newer[0]}.{newer[1]}"))
