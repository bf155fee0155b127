"""`xinf why`."""

from __future__ import annotations

from typing import Annotated

import typer

from xinf.cli.asking import ask
from xinf.cli.options import Json
from xinf.cli.output import show, show_json


def why(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model, one of its aliases, or a replica.")
    ],
    as_json: Json = False,
) -> None:
    """Tell why a model is here, not running, or waiting.

    Who asked for it, where each replica is and why there, what it needs and how sure that is, who
    holds the devices that it could run on, what would make room, how many requests wait, which
    rules of the compatibility file were applied, and what happened to it last.

    \b
      xinf why coder
      xinf why coder/0
      xinf why coder --json | jq -r '.seating.unplaced[].nearest_fit'

    \b
    Exit codes: 0 fine, 3 xinf is not running, 4 no such model.
    """
    found = ask(lambda client: client.why(name))
    if as_json:
        show_json(found)
        return
    from xinf.cli.show.why import why_view

    show(why_view(found))
