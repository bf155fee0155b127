"""`xinf apply`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.asking import ask
from xinf.cli.options import Json, NoWait, seconds
from xinf.cli.output import note, show_json
from xinf.core.changes import Action, Outlook

if TYPE_CHECKING:
    from xinf.cli.wish import Wish
    from xinf.client.admin import AdminClient
    from xinf.core.changes import Applied

_COMING = frozenset({Action.START, Action.MOVE, Action.RESTART, Action.RESIZE})


def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help='A config file, or "-" for stdin.')],
    no_wait: NoWait = False,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long to follow the models.")
    ] = "30m",
    as_json: Json = False,
) -> None:
    """Make a config file the one that xinf follows, and follow what becomes of it.

    Shows first what changes, as `xinf plan` does. The followed file stays the one place that says
    what is declared: FILE's text replaces it whole, and what it said is kept beside it as
    NAME.before. If FILE is the followed file itself, it is read again. If xinf follows none, the
    text goes to $XDG_CONFIG_HOME/xinf/xinf.toml.

    \b
      xinf apply ./new.toml
      xinf apply ~/.config/xinf/xinf.toml.before
      sed 's/context = .*/context = "8k"/' xinf.toml | xinf apply -

    \b
    Exit codes: 0 all that is to be up is ready, 1 something has no place or failed, 2 the file is
    wrong (nothing has changed), 3 xinf is not running, 5 not ready in time (it goes on).
    """
    from xinf.cli.wish import wrong_settings_listed

    wait_s = None if no_wait else seconds(timeout, "--timeout")
    with wrong_settings_listed():
        done = ask(lambda client: _apply(client, file, wait_s, quiet=as_json))
    if as_json:
        show_json(done.json())
    raise typer.Exit(1 if done.outlook.misfits or done.failed else 0)


class _Done:
    """What was applied, and the replicas that failed with their reasons."""

    def __init__(self, outlook: Outlook, applied: Applied, failed: dict[str, str]) -> None:
        self.outlook = outlook
        self.applied = applied
        self.failed = failed

    def json(self) -> dict[str, object]:
        from xinf.cli.show.plan import plan_json

        told = {**plan_json(self.outlook), "file": self.applied.file}
        return {**told, "kept": self.applied.kept or None, "failed": self.failed}


async def _apply(client: AdminClient, file: Path, wait_s: float | None, *, quiet: bool) -> _Done:
    from xinf.cli.plan import show_outlook
    from xinf.cli.wish import read_wish
    from xinf.clock import SystemClock
    from xinf.tui.text import brief

    await client.status()  # who is not there need not be asked for a file from stdin
    wish = read_wish(file)
    outlook = await client.plan(wish.text, wish.file)
    if not quiet:
        show_outlook(outlook)
    asked_at = SystemClock().wall()
    applied = await client.apply(wish.text, wish.file)
    _tell(wish, applied)
    changes = outlook.preview.changes
    due = [change.replica for change in changes if change.action in _COMING]
    failed = await _followed(client, due, asked_at, wait_s) if wait_s and due else {}
    for replica, reason in failed.items():
        note(f"{replica} failed: {brief(reason)}")
    for model in outlook.misfits:
        note(f"model {model} has no place: see `xinf why {model}`")
    return _Done(outlook, applied, failed)


def _tell(wish: Wish, applied: Applied) -> None:
    if applied.kept:
        note(f"{applied.file} says now what {wish.file} does; before: {applied.kept}")
    else:
        note(f"{applied.file} is in force")


async def _followed(
    client: AdminClient, due: Collection[str], asked_at: float, wait_s: float
) -> dict[str, str]:
    """Until each replica that is `due` is ready or has failed; those that failed, and why."""
    from xinf.cli.follow import deadline, follow, going_on
    from xinf.cli.outcome import settled
    from xinf.clock import SystemClock

    clock = SystemClock()
    unready = "not all that it names is ready"
    with going_on():
        async with deadline(clock, wait_s, "config file", unready):
            outcomes = await follow(
                client.watch(),
                lambda moment: settled(moment.models, moment.replicas, due, asked_at),
                is_provisional=lambda found: any(each.is_provisional for each in found.values()),
                clock=clock,
            )
    return {name: each.reason for name, each in outcomes.items() if not each.is_ready}
