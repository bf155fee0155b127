"""`xinf worker`."""

from __future__ import annotations

from xinf.cli.options import ConfigFile, Set, config_source


def worker(config: ConfigFile = None, set_: Set = None) -> None:
    """Start the half of xinf that runs the engines, until Ctrl-C.

    Which models run is decided by `xinf serve`, another process on the same state directory.
    Prints what becomes of every engine. Ctrl-C lets them finish what they answer, and ends them.

    \b
      xinf worker

    \b
    Exit codes: 0 stopped, 1 failed, 2 usage or config.
    """
    from xinf.cli.foreground import run
    from xinf.daemon.roles import Role

    run(config_source(config, set_), frozenset({Role.WORKER}))
