"""Keys and signals of the terminal that a live view is shown on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

from xinf.tui.keys import keys
from xinf.tui.live import Live
from xinf.tui.screen import Screen
from xinf.tui.state import Key

_READ_BYTES = 1024
_LEAVE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def inputs(live: Live, screen: Screen, stdin: TextIO) -> Generator[None]:
    """Within the block keys reach `live`, Ctrl-C leaves it, Ctrl-Z gives the terminal back while
    it lasts, and a new size is drawn at once.
    """
    loop = asyncio.get_running_loop()
    has_keys = stdin.isatty()

    def read() -> None:
        sent = os.read(stdin.fileno(), _READ_BYTES)
        if not sent:
            loop.remove_reader(stdin)
        for key in keys(sent):
            live.press(key)

    def pause() -> None:
        screen.give_back()
        # Not SIGTSTP, which is what we handle; the shell sees a stopped job all the same.
        os.kill(os.getpid(), signal.SIGSTOP)
        screen.take()
        live.redraw()

    if has_keys:
        loop.add_reader(stdin, read)
    for sign in _LEAVE:
        loop.add_signal_handler(sign, live.press, Key.QUIT)
    loop.add_signal_handler(signal.SIGTSTP, pause)
    loop.add_signal_handler(signal.SIGWINCH, live.redraw)
    try:
        yield
    finally:
        for sign in (*_LEAVE, signal.SIGTSTP, signal.SIGWINCH):
            loop.remove_signal_handler(sign)
        if has_keys:
            loop.remove_reader(stdin)
