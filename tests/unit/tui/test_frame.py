"""Whole frames, as a person sees them. The files in `frames/` are worth a look."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from tests.support import pictures
from tests.support.admin import device, model, replica
from tests.support.snapshots import check
from xinf.core.states import EngineState, ModelState
from xinf.tui import palette
from xinf.tui.canvas import Canvas
from xinf.tui.frame import frame
from xinf.tui.picture import Picture

FRAMES = Path(__file__).parent / "frames"
WIDTHS = (40, 60, 100, 160)


def plain(lines: list[Text]) -> str:
    return "".join(f"{line.plain.rstrip()}\n" for line in lines)


def styles(lines: list[Text], text: str) -> set[str]:
    """The styles of `text`, where it stands."""
    parts = {
        str(span.style)
        for line in lines
        for span in line.spans
        if line.plain[span.start : span.end].strip() == text
    }
    return parts | {str(line.style) for line in lines if line.plain.strip() == text}


PICTURES = {
    "busy": pictures.busy(),
    "failing": pictures.failing(),
    "empty": pictures.picture(),
    "ended": pictures.picture([model()], [replica()], notice="xinf has ended"),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("has_color", [True, False], ids=["color", "plain"])
def test_a_frame_looks_as_it_should(name: str, width: int, has_color: bool) -> None:
    kind = "color" if has_color else "plain"
    lines = frame(PICTURES[name], Canvas(width, has_color))
    check(FRAMES / f"{name}-{width}-{kind}.txt", plain(lines))


def test_seen_once_there_is_no_pace() -> None:
    text = plain(frame(pictures.picture([model()], [replica()]), Canvas(100)))
    assert "TOK/S" not in text
    assert "tok/s" not in text
    assert "TOKENS" in text


def test_states_numbers_and_reasons_have_their_colors() -> None:
    lines = frame(pictures.failing(), Canvas(100))
    assert styles(lines, "failed") == {"red"}
    assert styles(lines, "queued") == {"yellow"}
    assert styles(lines, "ValueError: no such tensor") == {"red"}


def test_a_model_has_one_color_everywhere() -> None:
    lines = frame(pictures.busy(), Canvas(100))
    echo = [line for line in lines if "echo" in line.plain]
    assert len(echo) == 4  # legend, model, two replicas
    (color,) = {str(line.spans[0].style) for line in echo}
    assert str(lines[3].spans[0].style) == color  # the bar


def test_what_is_wrong_with_devices_stands_below_them_and_is_told_whole() -> None:
    told = "cuda:0 (NVIDIA GeForce RTX 5090, GPU-5090): GPU is lost: it has fallen off the bus"
    shown = replace(pictures.picture([model()]), status=pictures.status([model()], problems=[told]))
    lines = frame(shown, Canvas(60))
    (first, *_) = (number for number, line in enumerate(lines) if "cuda:0" in line.plain)
    assert " ".join(line.plain for line in lines[first : first + 2]) == told
    assert {str(line.style) for line in lines[first : first + 2]} == {palette.WARNING}
    assert "MODEL" in lines[first + 3].plain


def test_requests_are_seen_waiting_for_a_model_that_has_no_replica_yet() -> None:
    queued = model("big", ModelState.QUEUED, replicas=0, waiting=2)
    assert " 0/2 " in plain(frame(pictures.picture([queued]), Canvas(100)))


@pytest.mark.parametrize(("count", "blanks"), [(4, 4), (5, 1)])
def test_many_devices_stand_close_together(count: int, blanks: int) -> None:
    devices = [device(f"cuda:{number}") for number in range(count)]
    lines = frame(pictures.picture([model()], devices=devices), Canvas(100))
    (table,) = (number for number, line in enumerate(lines) if line.plain.startswith("MODEL"))
    assert sum(not line.plain for line in lines[: table - 1]) == blanks


def test_a_reason_is_told_once() -> None:
    shared = "the file is damaged"
    models = [model("a", ModelState.FAILED, reason=shared)]
    replicas = [
        replica("a/0", EngineState.FAILED, reason=shared),
        replica("a/1", EngineState.BACKOFF, reason="exit code 1"),
    ]
    text = plain(frame(pictures.picture(models, replicas), Canvas(100)))
    assert text.count(shared) == 1
    assert text.count("exit code 1") == 1


def test_a_reason_of_a_ready_engine_is_history() -> None:
    text = plain(frame(pictures.picture([model()], [replica(reason="serving")]), Canvas(100)))
    assert "serving" not in text


def test_reasons_are_whole_where_there_is_room() -> None:
    short = plain(frame(pictures.failing(), Canvas(100)))
    whole = plain(frame(pictures.failing(), Canvas(100, reason_lines=50)))
    assert "two.py" in short
    assert "one.py" not in short
    assert "one.py" in whole


def test_numbers_that_grow_do_not_move_anything() -> None:
    small = pictures.picture([model()], [replica(pid=9, generated_tokens=1)], rates={"echo/0": 1.0})
    big = pictures.picture(
        [model()],
        [replica(pid=4194303, generated_tokens=10**8, running=64, waiting=64, kv_usage=1.0)],
        rates={"echo/0": 99_999.0},
    )
    before, after = ([line.plain for line in frame(each, Canvas(120))] for each in (small, big))
    heads = [line for line in before if line.startswith(("MODEL", "REPLICA"))]
    assert len(heads) == 2
    assert set(heads) < set(after)


words = st.text(max_size=60)
models = st.builds(
    model,
    words,
    st.sampled_from(ModelState),
    reason=st.text(max_size=400),
    replicas=st.integers(0, 10**6),
    engine=words,
)
replicas = st.builds(
    replica,
    words.map(lambda name: f"{name}/0"),
    st.sampled_from(EngineState),
    reason=st.text(max_size=400),
    memory_bytes=st.integers(0, 2**60),
    generated_tokens=st.integers(0, 10**15),
    since=st.floats(-1e9, 1e12),
    context=st.none() | st.integers(0, 10**9),
    kv_usage=st.floats(0, 1),
)
devices = st.builds(
    device,
    name=words,
    memory_total=st.integers(0, 2**50),
    memory_used=st.integers(0, 2**50),
    memory_claimed=st.integers(0, 2**50),
)
anything = st.builds(
    pictures.picture,
    st.lists(models, max_size=12),
    st.lists(replicas, max_size=12),
    st.lists(devices, max_size=3),
    rates=st.none() | st.just({}),
    notice=st.just("") | st.just("gone"),
)


@given(anything, st.integers(1, 200), st.booleans())
def test_whatever_there_is_to_show_fits(shown: Picture, width: int, has_color: bool) -> None:
    lines = frame(shown, Canvas(width, has_color))
    assert max(line.cell_len for line in lines) <= width
    assert not any(
        character < " " or character == "\x7f" for character in plain(lines) if character != "\n"
    )
