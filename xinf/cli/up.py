"""`xinf up`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.options import ConfigFile, Engine, Port, Set, config_source, seconds

if TYPE_CHECKING:
    from xinf.config.source import ConfigSource


def up(
    engine: Engine = None,
    port: Port = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Run in the background; return when it is ready.")
    ] = False,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long --detach waits for it.")
    ] = "30m",
    config: ConfigFile = None,
    set_: Set = None,
) -> None:
    """Start xinf here and serve, until Ctrl-C.

    Prepares what the engines need, loads the models of the config file (a small default model
    when there are none), and prints the URL and a request to paste. Ctrl-C finishes what runs
    and stops everything; a second one hurries. Models follow the config file: a save applies.

    \b
      xinf up
      xinf up --detach
      xinf up --port 8000 --config ./xinf.toml
      xinf up --engine sim --set agent.stop_grace=2s

    \b
    Exit codes: 0 stopped, 1 failed, 2 usage or config. With --detach: 0 everything is ready,
    1 it failed or a model did, 5 not ready in time (it goes on).
    """
    source = config_source(config, set_, engine=engine, port=port)
    if detach:
        from xinf.cli.detach import detach as run_detached

        run_detached(source, arguments(source), seconds(timeout, "--timeout"))
        return
    from xinf.cli.foreground import run
    from xinf.daemon.roles import BOTH

    run(source, BOTH)


def arguments(source: ConfigSource) -> list[str]:
    """The options of an `up` that reads `source`."""
    named = [] if source.named is None else ["--config", str(source.named)]
    return [*named, *(f"--set={key}={value}" for key, value in source.flags.items())]
