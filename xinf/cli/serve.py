"""`xinf serve`."""

from __future__ import annotations

from xinf.cli.options import ConfigFile, Engine, Port, Set, config_source


def serve(
    engine: Engine = None,
    port: Port = None,
    config: ConfigFile = None,
    set_: Set = None,
) -> None:
    """Start the half of xinf that plans and answers, without engines, until Ctrl-C.

    Engines are run by `xinf worker`, another process on the same state directory; the two do
    together what `xinf up` does. Either may start first, and either may end and come back:
    engines go on while this one is away, and requests wait here while the worker is.

    \b
      xinf worker & xinf serve --port 8000

    \b
    Exit codes: 0 stopped, 1 failed, 2 usage or config.
    """
    from xinf.cli.foreground import run
    from xinf.daemon.roles import Role

    run(config_source(config, set_, engine=engine, port=port), frozenset({Role.CONTROL}))
