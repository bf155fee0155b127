"""`xinf up`."""

from __future__ import annotations

from xinf.cli.options import ConfigFile, Engine, Port, Set, config_source


def up(
    engine: Engine = None,
    port: Port = None,
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
    from xinf.cli.foreground import run
    from xinf.daemon.roles import BOTH

    run(config_source(config, set_, engine=engine, port=port), BOTH)
