"""The `xinf` command. Nothing heavy is imported before a command needs it: help must be instant."""

from __future__ import annotations

import os

import typer

from xinf.cli import (
    apply,
    config,
    doctor,
    down,
    events,
    launch,
    logs,
    ls,
    plan,
    ps,
    restart,
    runtime,
    serve,
    status,
    terminate,
    up,
    version,
    why,
    worker,
)
from xinf.cli.failures import Commands

_HELP = """One GPU workstation as a private inference service you can trust.

\b
  xinf up                          start, and serve an OpenAI-compatible endpoint
  xinf ls                          the models and what may be expected of them
  xinf ps                          the engines that run
  xinf status                      all of it, live
  xinf logs NAME -f                what its engine says
  xinf events -f                   what happens
  xinf why NAME                    why it is where it is, or waits
  xinf launch NAME --source S      one more model
  xinf plan FILE                   what a config file would change; `xinf apply FILE` does it
  xinf doctor                      what is amiss on this machine, and what to do about it
  xinf down                        finish what runs, then stop everything
  xinf restart                     the same xinf anew, e.g. for settings that need it
"""
_EPILOG = """\b
Exit codes: 0 fine, 1 failed, 2 usage or config, 3 not running, 4 not found, 5 timed out.
Environment: XINF_CONFIG, XINF_STATE_DIR, XINF_CACHE_DIR; XINF_SECTION__KEY for any setting,
e.g. XINF_SERVER__PORT=5091; XINF_DEBUG=1 shows tracebacks; NO_COLOR turns colors off.
"""

app = typer.Typer(
    name="xinf",
    cls=Commands,
    help=_HELP,
    epilog=_EPILOG,
    no_args_is_help=True,
    # Plain help: twice as fast, and examples keep their lines.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(up.up)
app.command()(down.down)
app.command()(restart.restart)
app.command()(serve.serve)
app.command()(worker.worker)
app.command()(launch.launch)
app.command("list")(ls.ls)
app.command("ls", help="The same as `xinf list`.")(ls.ls)
app.command()(ps.ps)
app.command()(logs.logs)
app.command()(status.status)
app.command()(events.events)
app.command()(why.why)
app.command()(plan.plan)
app.command()(apply.apply)
app.command()(terminate.terminate)
app.command()(doctor.doctor)
app.command()(version.version)
app.add_typer(runtime.app, name="runtime")
app.add_typer(config.app, name="config")


def main() -> None:
    # uvloop starts processes by a plain fork, in which gRPC's fork handlers crash whenever gRPC is
    # busy: the child dies before it has said a word. gRPC reads this when it is first imported, and
    # never again.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    app(prog_name="xinf")
