"""`xinf version`."""

from __future__ import annotations

import platform

from xinf import __version__
from xinf.cli.options import Json
from xinf.cli.output import show_json


def version(as_json: Json = False) -> None:
    """Print the versions of xinf and of its Python.

    \b
    Exit codes: 0 fine.
    """
    python = platform.python_version()
    if as_json:
        show_json({"version": __version__, "python": python})
    else:
        print(f"xinf {__version__} (Python {python})")
