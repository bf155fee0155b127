"""The config file that `plan` and `apply` are asked about: found, read, and checked here first."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from xinf.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Generator

    from xinf.config.source import Reading

_STDIN = Path("-")


@dataclass(frozen=True)
class Wish:
    """`text` as it stands in `file`. `reading` is what it means in this command's environment.

    `name` is what people call the file, empty where there is none.
    """

    text: str
    file: Path
    reading: Reading
    name: str = ""


def read_wish(file: Path | None, followed: Path | None = None) -> Wish:
    """`file`, "-" for stdin, or else the one that is `followed` or would be found.

    Raises XinfError(CONFIG_INVALID) with all that is wrong.
    """
    from xinf.config.file import read_text
    from xinf.config.source import ConfigSource

    source = ConfigSource(os.environ, Path.cwd())
    if file == _STDIN:
        text, place = sys.stdin.read(), Path("stdin")
    else:
        found = (file.expanduser().absolute() if file else None) or followed or source.find()
        # Without any file the defaults hold, as `up` would have it.
        text, place = (read_text(found), found) if found else ("", source.default_place())
    is_there = file is not None or place.exists()
    return Wish(text, place, source.read_as(text, place), str(place) if is_there else "")


@contextmanager
def wrong_settings_listed() -> Generator[None]:
    """All that is wrong with a config file on stderr, as `config validate` tells it."""
    from xinf.config.problems import ConfigInvalid

    try:
        yield
    except ConfigInvalid as error:
        for problem in error.problems:
            note(f"error: {problem}")
        raise typer.Exit(error.kind.exit_code) from None
