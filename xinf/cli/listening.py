"""What signals mean to xinf in the foreground."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

from xinf.cli.output import say
from xinf.core.units import format_seconds
from xinf.daemon.signals import Signals


@contextmanager
def listening(signals: Signals, drain_s: float) -> Generator[None]:
    """Within the block, signals are wishes.

    Ctrl-C and SIGTERM ask to end: the first to drain, the second to hurry. SIGHUP asks to look at
    the config file, and to end when it means that the terminal was closed.
    """

    def ask() -> None:
        # While it drains to start again, the first one means: do not start again.
        is_second = signals.drain.is_set() and not signals.again.is_set()
        bound = format_seconds(drain_s)
        signals.end(hurry=is_second)
        say(
            "hurrying: what still runs is cut off"
            if is_second
            else f"draining: what runs may finish within {bound}; Ctrl-C again hurries"
        )

    had_terminal = _has_terminal()

    def hang_up() -> None:
        if had_terminal and not _has_terminal():
            ask()
        else:
            signals.reread.set()

    wishes: dict[signal.Signals, Callable[[], None]] = {signal.SIGINT: ask, signal.SIGTERM: ask}
    # `nohup` means that a closed terminal is to be ignored.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        wishes[signal.SIGHUP] = hang_up
    with _handling(wishes):
        yield


@contextmanager
def _handling(wishes: Mapping[signal.Signals, Callable[[], None]]) -> Generator[None]:
    loop = asyncio.get_running_loop()
    for sign, wish in wishes.items():
        loop.add_signal_handler(sign, wish)
    try:
        yield
    finally:
        for sign in wishes:
            loop.remove_signal_handler(sign)


def _has_terminal() -> bool:
    """Whether there is a terminal that this process belongs to, whatever its output goes to."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
