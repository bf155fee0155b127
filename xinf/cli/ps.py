"""`xinf ps`."""

from __future__ import annotations

from xinf.cli.asking import ask
from xinf.cli.options import Json
from xinf.cli.output import show, show_json


def ps(as_json: Json = False) -> None:
    """List the engines, one for each replica.

    \b
    RUN/WAIT counts requests, SINCE is the time in this state, CONTEXT the tokens that
    one request may use.

    \b
      xinf ps
      xinf ps --json | jq '.[].pid'

    \b
    Exit codes: 0 fine, 3 xinf is not running.
    """
    replicas = ask(lambda client: client.replicas())
    if as_json:
        show_json(replicas)
        return
    from xinf.cli.show.tables import replica_table
    from xinf.clock import SystemClock

    show(replica_table(replicas, SystemClock().wall()))
