"""Options that several commands share, so that they are spelled and explained alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Use this config file, not XINF_CONFIG, ./xinf.toml or ~/.config/xinf/xinf.toml.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Any setting, e.g. --set server.port=0. Repeatable."
    ),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return at once, do not follow.")]


def overrides(pairs: list[str] | None) -> dict[str, str]:
    """`--set` as dotted keys and texts."""
    found: dict[str, str] = {}
    for pair in pairs or []:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--set")
        found[key.strip()] = value
    return found


def seconds(text: str, option: str) -> float:
    """A duration such as "10m"."""
    from xinf.core.units import parse_seconds

    try:
        return parse_seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
