"""Hooks for forks. Python keeps for ever what it is given; here they end with a block."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager

Hook = Callable[[], None]


@contextmanager
def at_forks(in_child: Hook, before: Hook = lambda: None) -> Generator[None]:
    """In the block, call `before` in whoever forks and `in_child` in who is forked.

    Who is forked in it keeps both for ever, for its own children.
    """
    is_over = False

    def meant(hook: Hook) -> Hook:
        return lambda: None if is_over else hook()

    os.register_at_fork(before=meant(before), after_in_child=meant(in_child))
    try:
        yield
    finally:
        is_over = True
