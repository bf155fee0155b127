"""Options that several commands share, so that they are spelled and explained alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from xinf.config.source import ConfigSource

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Use this config file, not XINF_CONFIG, ./xinf.toml or ~/.config/xinf/xinf.toml.",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(metavar="ENGINE", help="llamacpp, vllm or sim, for models that name none."),
]
Port = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, max=65535, help="Listen here; 0 takes any free port."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Any setting, e.g. --set server.port=0. Repeatable."
    ),
]
Hurry = Annotated[bool, typer.Option("--hurry", help="Do not wait for requests.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return at once, do not follow.")]


def config_source(
    config: Path | None,
    set_: list[str] | None,
    *,
    engine: str | None = None,
    port: int | None = None,
) -> ConfigSource:
    """Where the settings of a process with these options come from."""
    from xinf.config.source import ConfigSource

    flags = overrides(set_)
    if engine is not None:
        flags["defaults.engine"] = engine
    if port is not None:
        flags["server.port"] = str(port)
    return ConfigSource(os.environ, Path.cwd(), config, flags)


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


def count(text: str, option: str) -> int | None:
    """How many lines; None = all of them."""
    if text == "all":
        return None
    if not text.isdecimal():
        raise typer.BadParameter(f'{text!r} is neither a number nor "all"', param_hint=option)
    return int(text)
