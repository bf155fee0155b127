"""The children of an engine die with it, however it dies.

Kill vLLM's parent and its EngineCore lives on, with all the device memory: it sets no death signal.
The kernel can send one, and it can be asked for without changing vLLM in two ways: by a hook for
children that are forked, and by a plugin for those that are spawned. vLLM loads that one in each of
its processes, because the dist-info beside this code names it as an entry point: as a general
plugin, and as one for a platform, which no machine has. Those are asked first, at the first import,
while a general one comes only after a process has found the one that started it.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager

from xinf.shim.forks import at_forks

PR_SET_PDEATHSIG = 1
# Exit code of a child whose parent died before it could ask for the signal.
TOO_LATE = 1
# How multiprocessing marks the processes that it spawns.
SPAWNED = "--multiprocessing-fork"


@contextmanager
def forks_die_with_us() -> Generator[None]:
    """Children that are forked in the block are killed when this process ends.

    The kernel ties the signal to the thread that forked: use it, and fork, on the main thread.
    """
    parent = 0

    def before() -> None:
        nonlocal parent
        parent = os.getpid()  # A child of this process may fork as well.

    with at_forks(lambda: _die_with(parent), before):
        yield


def die_with_parent() -> None:
    """The plugin: vLLM calls it in EngineCore and workers, and in the shim, which it leaves alone.

    Returns None, as a platform does that this is not.
    """
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        _die_with(parent.pid)
    elif SPAWNED in sys.orig_argv:
        # So early it does not know yet who started it.
        _ask_for_signal()
        if _is_orphan():
            os._exit(TOO_LATE)


def _die_with(parent: int) -> None:
    _ask_for_signal()
    if os.getppid() != parent:
        os._exit(TOO_LATE)


def _ask_for_signal() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _is_orphan() -> bool:
    """Whether the parent is none of this engine's processes: they all share the shim's session."""
    try:
        return os.getsid(os.getppid()) != os.getsid(0)
    except OSError:
        return True
