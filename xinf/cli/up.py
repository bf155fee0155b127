"""`xinf up`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from xinf.cli.options import ConfigFile, Set, overrides


def up(
    engine: Annotated[
        str | None,
        typer.Option(metavar="ENGINE", help="llamacpp or sim, for models that do not name one."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, max=65535, help="Listen here; 0 takes any free port."),
    ] = None,
    config: ConfigFile = None,
    set_: Set = None,
) -> None:
    """Start xinf here and serve, until Ctrl-C.

    Prepares what the engines need, loads the models of the config file (a small default model
    when there are none), and prints the URL and a request to paste. Ctrl-C finishes what runs
    and stops everything; a second one hurries.

    \b
      xinf up
      xinf up --port 8000 --config ./xinf.toml
      xinf up --engine sim --set agent.stop_grace=2s

    \b
    Exit codes: 0 stopped, 1 failed, 2 usage or config.
    """
    from xinf.config.load import load_settings
    from xinf.config.paths import find_paths

    flags = overrides(set_)
    if engine is not None:
        flags["defaults.engine"] = engine
    if port is not None:
        flags["server.port"] = str(port)
    paths = find_paths(os.environ, Path.cwd(), config)
    settings = load_settings(paths, os.environ, flags)

    # The control plane forks nothing but processes that exec at once, which needs none of gRPC's
    # fork handlers; with them it prints a line about each.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    import uvloop

    from xinf.cli.serving import serve
    from xinf.clock import SystemClock
    from xinf.daemon.root import run_daemon

    uvloop.run(serve(run_daemon, settings, paths, SystemClock()))
