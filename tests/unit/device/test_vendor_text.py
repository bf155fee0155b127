import pytest

from xinf.core.units import MIB
from xinf.device.vendor_text import amount, blocks, bus_address, cells, facts, first, share, size


@pytest.mark.parametrize("text", ["98304 MiB", "98304MiB", " 98304 MB "])
def test_a_size_is_told_in_units_of_a_mebibyte(text: str) -> None:
    assert size(text) == 98304 * MIB


@pytest.mark.parametrize(
    "text", [None, "", "98304", "98304 Mi", "-1 MiB", "N/A", "9 GiB", "1 MiB/s"]
)
def test_what_may_be_the_beginning_of_a_size_is_none(text: str | None) -> None:
    assert size(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("96.66W", 96.66), ("35 ℃", 35), ("35'C", 35), ("42C", 42), ("12 %", 12), ("-3 C", -3)],
)
def test_an_amount_has_a_unit(text: str, number: float) -> None:
    assert amount(text) == number


@pytest.mark.parametrize("text", [None, "", "N/A", "96.6", "96.W", "P0"])
def test_what_has_no_unit_is_no_amount(text: str | None) -> None:
    assert amount(text) is None


@pytest.mark.parametrize(
    ("text", "told"), [("75%", 0.75), ("0.0 %", 0.0), ("130 %", 1.0), ("75 C", None), (None, None)]
)
def test_a_percentage_is_a_share(text: str | None, told: float | None) -> None:
    assert share(text) == told


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("00000000:2A:00.0", "0000:2a:00.0"),
        ("0000:81:00.0", "0000:81:00.0"),
        ("17:1.3", "0000:17:01.3"),
        ("1:17:00.0", "0001:17:00.0"),
        ("0000:81:00", None),
        ("?:?:?.?", None),
        (None, None),
    ],
)
def test_addresses_are_as_the_kernel_writes_them(text: str | None, address: str | None) -> None:
    assert bus_address(text) == address


def test_facts_stand_below_the_headings_that_they_are_indented_under() -> None:
    text = "Driver : 5\nMemory\n    Total   : 1 MiB\n    L3\n      Total : 2:3\nTime : now\n"
    assert facts(text) == [
        ("Driver", "5"),
        ("Memory/Total", "1 MiB"),
        ("Memory/L3/Total", "2:3"),
        ("Time", "now"),
    ]


def test_a_text_is_split_at_its_headings() -> None:
    text = "before\nCard 0\n  a : 1\nCard 12\n  Card 3\n  b : 2\n"
    assert blocks(text, r"Card (\d+)") == (
        "before\n",
        [("0", "\n  a : 1\n"), ("12", "\n  Card 3\n  b : 2\n")],
    )


def test_only_a_whole_row_has_cells() -> None:
    assert cells("| 0  910B3 | OK |  ") == ("0  910B3", "OK")
    assert cells("| 0  910B3 | O") == ()
    assert cells("+----+") == ()
    assert cells("|") == ()


def test_the_first_of_several_names_counts() -> None:
    assert first({"new": "1", "old": "2"}, "new", "old") == "1"
    assert first({"old": "2"}, "new", "old") == "2"
    assert first({}, "new") is None
