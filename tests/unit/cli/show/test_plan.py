from __future__ import annotations

from dataclasses import replace

from xinf.cli.output import text_of
from xinf.cli.show.plan import plan_json, plan_view, verdict
from xinf.core.changes import Action, Balance, Change, Outlook, Preview
from xinf.core.placement import Obstacle, Unplaced
from xinf.core.units import GIB

GROW = Change(
    Action.RESIZE,
    "coder",
    "coder/0",
    ("GPU-a", "GPU-b"),
    17 * GIB,
    "stays with new settings",
    (("weights", 15 * GIB), ("KV cache", 2 * GIB)),
)
STOP = Change(Action.STOP, "old", "old/0", ("GPU-a",), 4 * GIB, "no longer wanted")
START = Change(Action.START, "rerank", "rerank/0", ("GPU-b",), GIB, "the emptiest")
BIG = Unplaced(
    "big/0", "big", 42 * GIB, 10 * GIB, "needs 42.0 GiB", Obstacle.TOO_LARGE, 'context = "8k"'
)
LATER = Unplaced("vision/0", "vision", GIB, 0, "waits for a request", Obstacle.ON_DEMAND)
A = Balance("cuda:0", "GPU-a", "NVIDIA A", 32 * GIB, 20 * GIB, 16 * GIB, GIB, GIB)
B = Balance("cuda:1", "GPU-b", "NVIDIA B", 32 * GIB, 0, 18 * GIB, is_inferred=True)
OUTLOOK = Outlook(
    Preview((STOP, GROW, START), (BIG, LATER), (A, B), ("same",)), "new.toml", ("big",)
)


def test_json_has_exactly_what_scripts_rely_on_and_more() -> None:
    told = plan_json(OUTLOOK)
    assert (
        told["actions"][1].items()
        >= {
            "action": "resize",
            "model": "coder",
            "replica": "coder/0",
            "devices": ["cuda:0", "cuda:1"],
            "bytes": 17 * GIB,
            "reason": "stays with new settings",
        }.items()
    )
    assert (
        told["unplaced"][0].items()
        >= {
            "model": "big",
            "needs_bytes": 42 * GIB,
            "reason": "needs 42.0 GiB",
            "nearest_fit": 'context = "8k"',
        }.items()
    )
    assert (
        told["devices"][0].items()
        >= {
            "id": "cuda:0",
            "total": 32 * GIB,
            "before": 20 * GIB,
            "after": 16 * GIB,
        }.items()
    )
    assert (told["untouched"], told["misfits"]) == (["same"], ["big"])
    assert told["unplaced"][1]["may_fit_later"] is True


def test_a_person_sees_signs_sums_reasons_and_balances() -> None:
    assert text_of(plan_view(OUTLOOK)).splitlines() == [
        "new.toml: 3 changes, 1 model does not fit, 1 model goes on as before",
        "  - old/0  stop  4.0 GiB on cuda:0",
        "      no longer wanted",
        "  ~ coder/0  resize and restart  17.0 GiB on each of cuda:0, cuda:1",
        "      weights 15.0 GiB + KV cache 2.0 GiB = 17.0 GiB",
        "      stays with new settings",
        "  + rerank/0  start  1.0 GiB on cuda:1",
        "      the emptiest",
        "  ! big/0  has no place",
        "      needs 42.0 GiB",
        '      nearest that fits: context = "8k"',
        "  . vision/0  waits",
        "      waits for a request",
        "",
        "cuda:0  NVIDIA A  32.0 GiB, 1.0 GiB reserve, 1.0 GiB others",
        "  now    ░━━━━━━━━━━━━━━━━━━━━━━━━───────────────  20.0 GiB",
        "  then   ░━━━━━━━━━━━━━━━━━━━────────────────────  16.0 GiB",
        "cuda:1  NVIDIA B  32.0 GiB",
        "  now    ────────────────────────────────────────  0 B",
        "  then   ━━━━━━━━━━━━━━━━━━━━━━──────────────────  18.0 GiB",
    ]


def test_what_loses_its_place_tells_its_sums_once() -> None:
    sums = "no room; needs 42.0 GiB; cuda:0: 32.0 GiB - 1.0 GiB = 31.0 GiB free; short by 11.0 GiB"
    lost = replace(STOP, replica="big/0", reason=sums)
    found = Outlook(Preview((lost,), (replace(BIG, reason=sums),), ()))
    lines = text_of(plan_view(found)).splitlines()
    assert lines.count(f"      {sums}") == 1
    assert "      no room; short by 11.0 GiB" in lines


def test_a_guess_is_called_one() -> None:
    guess = replace(OUTLOOK, unseen=(("rerank", "nothing is there"),))
    lines = text_of(plan_view(guess)).splitlines()
    at = lines.index("  ? rerank  is of unknown size")
    assert lines[at + 1] == "      nobody could look at its files: nothing is there"
    assert plan_json(guess)["unseen"] == {"rerank": "nothing is there"}
    assert plan_json(OUTLOOK)["unseen"] == {}


def test_a_device_that_stays_as_it_is_has_one_bar() -> None:
    same = replace(A, after=A.before)
    lines = text_of(plan_view(Outlook(Preview((), (), (same,))))).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["cuda:0", "stays"]


def test_bars_are_whole_on_a_narrow_terminal() -> None:
    lines = text_of(plan_view(OUTLOOK), 80).splitlines()
    bars = [line for line in lines if "━" in line]
    assert len(bars) == 3
    assert all(line.endswith("GiB") and "…" not in line for line in bars)


def test_the_verdict_is_one_line() -> None:
    assert verdict(Outlook(Preview())) == "nothing to do"
    assert verdict(replace(OUTLOOK, misfits=())) == "3 changes"
    assert verdict(Outlook(Preview(), misfits=("a", "b"))) == "2 models do not fit"
