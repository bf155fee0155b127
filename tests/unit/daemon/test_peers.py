from dataclasses import replace
from pathlib import Path

import pytest

from xinf.core.nodes import Device
from xinf.daemon.peers import BROKEN, UNPROVEN, WORKS, keep, recall

FIRST = Device("GPU-1", "cuda", 0, "Card", 1, 0, driver="580.1")
SECOND = replace(FIRST, uuid="GPU-2", index=1)
CPU = Device("cpu", "cpu", 0, "CPU", 1, 0)
BOTH = (FIRST, SECOND, CPU)


def test_nothing_is_known_before_anything_was_tried(tmp_path: Path) -> None:
    assert recall(tmp_path / "none", BOTH) == UNPROVEN


@pytest.mark.parametrize("found", [WORKS, BROKEN])
def test_what_was_found_is_known_in_whatever_order_the_cards_are(
    tmp_path: Path, found: str
) -> None:
    state = tmp_path / "state"
    keep(state, BOTH, found)
    assert recall(state, BOTH) == found
    assert recall(state, (SECOND, FIRST)) == found
    assert [path.name for path in state.iterdir()] == ["peers.json"]


def test_it_holds_for_these_cards_and_this_driver_only(tmp_path: Path) -> None:
    keep(tmp_path, BOTH, WORKS)
    third = replace(FIRST, uuid="GPU-3", index=2)
    assert recall(tmp_path, (*BOTH, third)) == UNPROVEN
    assert recall(tmp_path, (FIRST, third)) == UNPROVEN
    assert recall(tmp_path, (FIRST, replace(SECOND, driver="590.1"))) == UNPROVEN


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"driver": 1, "uuids": 2, "found": 3}'])
def test_a_file_that_makes_no_sense_proves_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "peers.json").write_text(text)
    assert recall(tmp_path, BOTH) == UNPROVEN
