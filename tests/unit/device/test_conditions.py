import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinf.device.conditions import Facts, holds, numbers, read_term


def asked(name: str, /, *texts: str, **facts: str | tuple[str, ...]) -> bool | None:
    told: Facts = facts
    return holds({name: tuple(read_term(text) for text in texts)}, told)


@pytest.mark.parametrize(
    ("text", "version", "is_in"),
    [
        (">=12.0,<13", "12.0", True),
        (">=12.0,<13", "12.1", True),
        (">=12.0,<13", "13.0", False),
        (">=12.0,<13", "9.0", False),
        ("<12.9", "12.8.1", True),
        ("<12.9", "12.10", False),
        ("==8.0", "8", True),
        ("!=8.0", "8.6", True),
        (">2.7", "2.7.0", False),
        (">=2.7", "2.13.0+cu130", True),
        (">= 570 , < 580", "575.57.08", True),
        ("<=0.32", "0.32.0rc1", True),
    ],
)
def test_versions_compare_part_by_part(text: str, version: str, is_in: bool) -> None:
    assert asked("driver", text, driver=version) is is_in


@pytest.mark.parametrize("text", [">=", ">=twelve", ">=12,", "=12", ">=12 <13", "<"])
def test_what_begins_as_a_range_and_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        read_term(text)


def test_a_pattern_matches_as_in_file_names() -> None:
    assert asked("arch", "gfx942", "gfx120*", arch="gfx1201") is True
    assert asked("arch", "gfx942", "gfx120*", arch="gfx1100") is False
    assert asked("name", "*GeForce*", name="NVIDIA GeForce RTX 5090") is True


def test_one_of_several_values_is_enough_and_not_asks_for_none_of_them() -> None:
    features = ("avx2", "avx512f")
    assert asked("feature", "avx512f", feature=features) is True
    assert asked("feature", "!avx2", feature=features) is False
    assert asked("feature", "!amx_tile", feature=features) is True


def test_any_of_several_ranges_is_enough() -> None:
    ranges = (">=10.0,<11", ">=12.0,<13")
    assert asked("compute_capability", *ranges, compute_capability="12.0") is True
    assert asked("compute_capability", *ranges, compute_capability="9.0") is False


def test_what_nobody_has_told_is_neither_yes_nor_no() -> None:
    assert asked("driver", ">=570") is None
    assert asked("driver", ">=570", driver="unknown") is None
    assert asked("feature", "!avx2") is None


def test_all_must_hold_and_one_no_outweighs_what_is_unknown() -> None:
    condition = {"kind": (read_term("cuda"),), "driver": (read_term(">=570"),)}
    assert holds(condition, {"kind": "cuda", "driver": "580"}) is True
    assert holds(condition, {"kind": "cuda"}) is None
    assert holds(condition, {"kind": "cpu"}) is False
    assert holds({}, {}) is True


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=4), st.text(max_size=5))
def test_numbers_are_what_a_version_begins_with(parts: list[int], rest: str) -> None:
    tail = rest if not rest[:1].isdigit() and not rest.startswith(".") else ""
    assert numbers(".".join(map(str, parts)) + tail) == tuple(parts)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_is_too_odd(text: str, fact: str) -> None:
    try:
        term = read_term(text)
    except ValueError:
        return
    assert term.holds([fact]) in {True, False, None}
