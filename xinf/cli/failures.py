"""Every way a command can fail, as one line on stderr and the exit code of the error table."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import typer
from typer.core import TyperGroup

from xinf.core.errors import XinfError

INTERRUPTED = 130
_CRASH_FILE = "cli-crash.log"


class Commands(TyperGroup):
    """All commands; what they raise is told here and nowhere else."""

    def invoke(self, ctx: typer.Context) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        with reported():
            return super().invoke(ctx)


@contextmanager
def reported() -> Generator[None]:
    """Turn what the block raises into a line and an exit code."""
    try:
        yield
        # Here, where a reader that has gone away is no surprise, rather than at the very end.
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # `xinf ls | head -1`: whoever read has enough. Python would complain again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except Exception as error:
        if _is_clicks_own(error):
            raise
        raise typer.Exit(_tell(error)) from error


def first_told(error: BaseException) -> XinfError | None:
    """The error for the user within `error`, which may be a group of what tasks raised."""
    if isinstance(error, XinfError):
        return error
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return next((found for part in group.exceptions if (found := first_told(part))), None)
    return None


def _tell(error: Exception) -> int:
    told = first_told(error)
    if told is not None:
        print(f"error: {told}", file=sys.stderr)
        return told.kind.exit_code
    if os.environ.get("XINF_DEBUG") == "1":
        raise error
    print(f"error: internal error ({_one_line(error)}). {_kept(error)}.", file=sys.stderr)
    return 1


def _kept(error: Exception) -> str:
    """Where the traceback was written."""
    try:
        file = _crash_file()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(traceback.format_exception(error)))
    except OSError:
        return "Run it again with XINF_DEBUG=1 to see where"
    return f"The log is in {file}; XINF_DEBUG=1 shows it"


def _crash_file() -> Path:
    from xinf.config.paths import client_paths

    return client_paths(os.environ, Path.cwd()).log_dir / _CRASH_FILE


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _is_clicks_own(error: Exception) -> bool:
    """Usage errors and exits know how to show themselves."""
    return isinstance(error, (typer.Exit, typer.Abort)) or hasattr(error, "exit_code")
