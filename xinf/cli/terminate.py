"""`xinf terminate`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.asking import ask
from xinf.cli.options import Json, NoWait, seconds
from xinf.cli.output import note, show_json
from xinf.core.states import ModelState
from xinf.core.views import ModelView

if TYPE_CHECKING:
    from xinf.client.admin import AdminClient


def terminate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model, as `xinf ls` calls it.")],
    no_wait: NoWait = False,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long to wait until it is gone.")
    ] = "2m",
    as_json: Json = False,
) -> None:
    """Stop serving a model.

    What it answers now is finished, then its engines end. A launched model is
    forgotten. One of the config file stays off, across restarts too, until `xinf launch NAME`
    or an edit of its table.

    \b
      xinf terminate coder
      xinf terminate coder --no-wait

    \b
    Exit codes: 0 gone, 3 xinf is not running, 4 no such model, 5 not gone in time.
    """
    wait_s = None if no_wait else seconds(timeout, "--timeout")
    model = ask(lambda client: _terminate(client, name, wait_s))
    if as_json:
        show_json(model)
    else:
        note(f"{model.name}: {'is being terminated' if no_wait else 'terminated'}")


async def _terminate(client: AdminClient, name: str, wait_s: float | None) -> ModelView:
    model = await client.terminate(name)
    if wait_s is None:
        return model
    from xinf.cli.follow import deadline, follow, going_on
    from xinf.cli.outcome import terminated
    from xinf.clock import SystemClock

    clock = SystemClock()
    with going_on():
        async with deadline(clock, wait_s, f"model {model.name}", "its engines have not ended"):
            await follow(
                client.watch(model.name),
                lambda moment: terminated(moment.replicas, model.name) or None,
                clock=clock,
            )
    return replace(model, state=ModelState.OFF, replicas=0, desired_replicas=0)
