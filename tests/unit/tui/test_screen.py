from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from rich.text import Text

from tests.support.terminal import Terminal, terminal
from xinf.tui.screen import Screen

TAKEN, GIVEN_BACK = b"\x1b[?1049h\x1b[?25l", b"\x1b[?25h\x1b[?1049l"


@pytest.fixture
def term(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with terminal(20, 5) as term:
        yield term


@pytest.fixture
def screen(term: Terminal) -> Iterator[Screen]:
    with (
        os.fdopen(os.dup(term.inside)) as stdin,
        os.fdopen(os.dup(term.inside), "w") as stdout,
        Screen(stdin, stdout) as screen,
    ):
        yield screen


@pytest.mark.parametrize("failure", [None, KeyboardInterrupt, RuntimeError])
def test_the_terminal_is_given_back_whatever_happens(
    term: Terminal, failure: type[BaseException] | None
) -> None:
    try:
        with (
            os.fdopen(os.dup(term.inside)) as stdin,
            os.fdopen(os.dup(term.inside), "w") as stdout,
            Screen(stdin, stdout),
        ):
            assert term.read().startswith(TAKEN)
            assert not term.is_cooked
            if failure:
                raise failure
    except (KeyboardInterrupt, RuntimeError):
        pass
    assert term.read().endswith(GIVEN_BACK)
    assert term.is_cooked


def test_a_frame_is_drawn_over_the_last_one_without_clearing_it(
    term: Terminal, screen: Screen
) -> None:
    screen.draw([Text("one"), Text("two")])
    term.read()
    screen.draw([Text("three"), Text("two")])
    drawn = term.read()
    assert drawn.startswith(b"\x1b[?2026h\x1b[H")
    assert b"three\x1b[K\r\r\ntwo\x1b[K" in drawn
    assert b"\x1b[2J" not in drawn


def test_the_same_frame_is_not_sent_again(term: Terminal, screen: Screen) -> None:
    screen.draw([Text("one")])
    assert term.read()
    screen.draw([Text("one")])
    assert term.read() == b""


def test_another_size_is_drawn_from_scratch(term: Terminal, screen: Screen) -> None:
    screen.draw([Text("one")])
    term.read()
    term.resize(40, 10)
    screen.draw([Text("one")])
    assert b"\x1b[2J\x1b[Hone" in term.read()
    assert screen.size == (40, 10)


def test_a_full_line_keeps_its_last_character(term: Terminal, screen: Screen) -> None:
    term.read()
    screen.draw([Text("x" * 20), Text("y")])
    assert b"x" * 20 + b"\r\r\ny\x1b[K" in term.read()


def test_what_a_pause_needs_it_gives_back_and_takes_again(term: Terminal, screen: Screen) -> None:
    screen.draw([Text("one")])
    screen.give_back()
    assert term.is_cooked
    screen.take()
    term.read()
    screen.draw([Text("one")])
    assert b"one" in term.read()
    assert not term.is_cooked


def test_colors_are_those_of_the_terminal(term: Terminal, screen: Screen) -> None:
    assert screen.has_color
    screen.draw([Text("red", style="red")])
    assert b"\x1b[31mred" in term.read()


def test_no_color_is_respected(term: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with (
        os.fdopen(os.dup(term.inside)) as stdin,
        os.fdopen(os.dup(term.inside), "w") as stdout,
        Screen(stdin, stdout) as screen,
    ):
        assert not screen.has_color
        screen.draw([Text("red", style="red")])
        assert b"\x1b[31m" not in term.read()


def test_a_terminal_that_has_gone_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    with terminal() as term:
        stdin = os.fdopen(os.dup(term.inside))
        stdout = os.fdopen(os.dup(term.inside), "w")
        with Screen(stdin, stdout):
            os.close(term.ours)
            term.ours = os.dup(term.inside)
        stdin.close()
        stdout.close()
