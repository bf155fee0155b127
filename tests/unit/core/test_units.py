from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinf.core.units import (
    GIB,
    KIB,
    MIB,
    format_bytes,
    format_seconds,
    parse_bytes,
    parse_seconds,
    parse_tokens,
)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("1048576", MIB),
        ("2GiB", 2 * GIB),
        ("2 gib", 2 * GIB),
        ("1.5k", 1536),
        ("500MB", 500_000_000),
        (" 1T ", 1024 * GIB),
        ("7b", 7),
    ],
)
def test_a_size_is_read_as_people_write_it(text: str, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10", 10), ("10s", 10), ("5m", 300), ("250ms", 0.25), ("1.5h", 5400), ("2d", 172_800)],
)
def test_a_duration_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(("text", "tokens"), [("4096", 4096), ("128k", 131_072), ("1M", MIB)])
def test_a_context_length_counts_in_1024s(text: str, tokens: int) -> None:
    assert parse_tokens(text) == tokens


@pytest.mark.parametrize("text", ["", "GiB", "-1", "1 2", "5 minutes", "1e9", "٣x", "9" * 400])
def test_what_is_no_quantity_is_refused_with_an_example_of_one(text: str) -> None:
    with pytest.raises(ValueError, match='is not a size such as "2GiB"'):
        parse_bytes(text)
    with pytest.raises(ValueError, match='is not a duration such as "30s"'):
        parse_seconds(text)
    with pytest.raises(ValueError, match='is not a token count such as "128k"'):
        parse_tokens(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (KIB, "1.0 KiB"),
        (MIB - 1, "1.0 MiB"),
        (1536 * MIB, "1.5 GiB"),
        (5000 * GIB, "5000.0 GiB"),
        (-3 * MIB, "-3.0 MiB"),
    ],
)
def test_bytes_are_shown_in_the_unit_that_fits(count: int, text: str) -> None:
    assert format_bytes(count) == text


@given(st.integers(0, 2**50))
def test_shown_bytes_read_back_as_nearly_the_same(count: int) -> None:
    back = parse_bytes(format_bytes(count))
    assert abs(back - count) <= max(1, 0.05 * count)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.97, "10 s"),
        (119.4, "119 s"),
        (119.6, "2 m 0 s"),
        (200, "3 m 20 s"),
        (239.7, "4 m 0 s"),
        (7199.7, "2 h 0 m"),
        (7500, "2 h 5 m"),
    ],
)
def test_seconds_are_shown_as_a_person_says_them(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@given(st.floats(0, 1e7))
def test_a_shown_duration_never_has_sixty_of_anything(seconds: float) -> None:
    words = format_seconds(seconds).split()
    parts = dict(zip(words[1::2], map(float, words[::2]), strict=True))
    assert len(parts) == 1 or min(parts.values()) < 60
    assert parts.get("m", 0) < 60 or "h" not in parts
