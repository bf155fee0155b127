"""Being xinf: what `up`, `serve` and `worker` have in common."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Set as AbstractSet
from functools import partial
from typing import NoReturn

import uvloop

from xinf.cli.output import note, say
from xinf.cli.serving import serve
from xinf.clock import SystemClock
from xinf.config.source import ConfigSource
from xinf.daemon.lock import holder
from xinf.daemon.roles import Role
from xinf.daemon.root import run_daemon


def run(source: ConfigSource, roles: AbstractSet[Role]) -> None:
    """Run these halves of xinf until they are told to end. Raises XinfError."""
    start = source.read()
    announces = Role.CONTROL in roles
    if not announces:
        _show_log()
    elif Role.WORKER not in roles and holder(start.paths.state_dir, Role.WORKER) is None:
        note("no worker is running yet; models load when `xinf worker` does")
    daemon = partial(run_daemon, roles=roles, say=say)
    if uvloop.run(serve(daemon, start, SystemClock(), announces=announces)):
        _start_again()


def _start_again() -> NoReturn:
    """Become a new xinf: the same process with the same arguments, and nothing else of the old."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def _show_log() -> None:
    """Who has no door, and so nobody who asks how it goes, says by itself what it does."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger("xinf").addHandler(handler)
