"""`python -P -m xinf.shim --socket S --config C.json`: one engine behind xinf's protocol.

gRPC is imported only after the engine was built: an engine may fork while it loads, and a fork
after gRPC has begun its threads is unsafe.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from types import FrameType

from xinf.shim.backends.base import EngineBackend
from xinf.shim.closing import close
from xinf.shim.engines import backend_for
from xinf.shim.exits import BAD_OPTIONS, LOAD_FAILED, STOPPED, Exit, StopAsked
from xinf.shim.files import StatusFile, write_exit
from xinf.shim.log import adopt_libraries, say
from xinf.shim.options import Arguments, BadOptions, ShimOptions, read_arguments, read_options

# An engine's own threads can keep an interpreter from ending; then the process is simply left.
LEAVE_SECONDS = 1.0

# What this process creates is for its owner alone.
PRIVATE = 0o077


def main(arguments: Sequence[str]) -> int:
    """The shim's whole life; the exit code."""
    os.umask(PRIVATE)
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop_asked)
    adopt_libraries()
    try:
        where = read_arguments(arguments)
    except BadOptions as problem:
        say(f"bad options: {problem}")
        return BAD_OPTIONS
    end = _live(where)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # The end is decided; only its record is missing.
    say(f"exit {end.code}: {end.reason}")
    write_exit(where.socket, end)
    return end.code


def _live(where: Arguments) -> Exit:
    try:
        options = read_options(where)
        status = StatusFile(options.socket, options.engine.instance)
        status.report("starting")
        say(f"starting {options.engine.engine} for {', '.join(options.engine.served_names)}")
        end = _run(backend_for(options.engine.engine), options, status)
    except BadOptions as problem:
        return Exit(BAD_OPTIONS, str(problem))
    except StopAsked:
        return Exit(STOPPED, "stopped while loading")
    except Exception as problem:
        return Exit(LOAD_FAILED, f"{type(problem).__name__}: {problem}")
    if end.code == LOAD_FAILED:
        status.report("failed", message=end.reason)
    return end


def _run(backend: EngineBackend, options: ShimOptions, status: StatusFile) -> Exit:
    status.report("loading")
    try:
        backend.build(options.engine, status.report)
    except BaseException as problem:
        asyncio.run(close(backend))
        if not isinstance(problem, Exception) or isinstance(problem, BadOptions):
            raise
        return Exit(LOAD_FAILED, f"{type(problem).__name__}: {problem}")
    status.report("warming")
    from xinf.shim.run import run

    return run(backend, options, partial(_ready, options, status))


def _ready(options: ShimOptions, status: StatusFile) -> None:
    status.report("ready", 1.0)
    say(f"ready on {options.socket}")


def _stop_asked(number: int, frame: FrameType | None) -> None:
    raise StopAsked


def _leave(code: int) -> None:
    timer = threading.Timer(LEAVE_SECONDS, os._exit, (code,))
    timer.daemon = True
    timer.start()
    sys.exit(code)


if __name__ == "__main__":
    _leave(main(sys.argv[1:]))
