"""From a file on disk to a server that listens on its private socket."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from xinf.shim.backends.base import EngineOptions, Report
from xinf.shim.backends.llamacpp.gguf import read_header
from xinf.shim.backends.llamacpp.params import PARALLEL, Plan, count, fill
from xinf.shim.options import BadOptions

SOCKET_NAME = "l.sock"
SOCKET_PATH_BYTES_MAX = 107
OWNER_ONLY = 0o177
READ_BYTES = 16 * 1024 * 1024
# Reading the file is most of a first load; the rest is llama.cpp's own work, untold.
READ_SHARE = 0.9


@dataclass
class Loaded:
    """Owner of the server object."""

    plan: Plan
    version: str
    server: object | None

    def close(self) -> None:
        """Stop the server. Holds the GIL for at most one step, if no connection is open."""
        self.server = None
        Path(self.plan.socket).unlink(missing_ok=True)


class LoadFailed(Exception):
    """llama.cpp could not load the model; the message is its own last word."""


def load(options: EngineOptions, report: Report) -> Loaded:
    """Blocks until the model is in memory. Raises BadOptions, NotGguf, OSError or LoadFailed."""
    library = _library()
    plan = _plan(options)
    params = library.CommonParams()
    fill(params, plan, options.args)
    _read_through(Path(options.source), report)
    report("loading", READ_SHARE, "llama.cpp takes up the weights")
    Path(plan.socket).unlink(missing_ok=True)
    with _owner_only(), _last_words() as said:
        try:
            server = library.Server(params)
        except RuntimeError as error:
            raise LoadFailed(said() or str(error)) from error
    return Loaded(plan, f"xllamacpp {library.__version__}", server)


def _library() -> Any:
    import xllamacpp  # pyright: ignore[reportMissingImports]

    return cast("Any", xllamacpp)


def _plan(options: EngineOptions) -> Plan:
    trained = read_header(Path(options.source)).context
    socket = str(Path(options.private_dir, SOCKET_NAME))
    if len(socket.encode()) > SOCKET_PATH_BYTES_MAX:
        raise BadOptions(f"the private directory's path is too long for a socket: {socket}")
    return Plan(
        model=options.source,
        alias=options.served_names[0],
        socket=socket,
        context=min(options.context or trained, trained),
        parallel=count(options.args, "parallel", PARALLEL),
    )


def _read_through(path: Path, report: Report) -> None:
    """Bring the file into the page cache, telling how far it is; llama.cpp only maps it."""
    size = path.stat().st_size
    buffer = bytearray(READ_BYTES)
    done = 0
    with path.open("rb", buffering=0) as file:
        while count_read := file.readinto(buffer):
            done += count_read
            report("loading", READ_SHARE * min(1.0, done / size), f"reading {path.name}")


@contextmanager
def _owner_only() -> Generator[None]:
    """Whatever is created in the block, a socket too, is for its owner alone."""
    before = os.umask(OWNER_ONLY)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _last_words() -> Generator[Callable[[], str]]:
    """How to learn what was written to standard error in the block, if that is a file.

    llama.cpp says why a load failed on standard error only; the exception has no reason.
    """
    sys.stderr.flush()
    descriptor = sys.stderr.fileno()
    is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    begin = os.fstat(descriptor).st_size if is_file else 0

    def said() -> str:
        if not is_file:
            return ""
        with Path(f"/proc/self/fd/{descriptor}").open("rb") as log:
            log.seek(begin)
            lines = log.read().decode(errors="replace").splitlines()
        errors = [line.partition(" E ")[2].strip() for line in lines if " E " in line]
        return "; ".join(dict.fromkeys(errors[:2]))

    yield said
