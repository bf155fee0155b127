"""`xinf list`, `xinf ls`."""

from __future__ import annotations

from xinf.cli.asking import ask
from xinf.cli.options import Json
from xinf.cli.output import show, show_json


def ls(as_json: Json = False) -> None:
    """List the models and what to expect of them.

    \b
    REPLICAS is ready/wanted. States: off, queued (waits for a place), loading, ready,
    asleep, draining, failed (waits for a change).

    \b
      xinf ls
      xinf ls --json | jq -r '.[] | select(.state == "ready") | .name'

    \b
    Exit codes: 0 fine, 3 xinf is not running.
    """
    from xinf.cli.show.notices import warn

    status = ask(lambda client: client.status())
    warn(status)
    if as_json:
        show_json(status.models)
        return
    from xinf.cli.show.tables import model_table

    show(model_table(status.models))
