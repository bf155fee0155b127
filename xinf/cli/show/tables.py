"""`ls` and `ps`: a row for each model, a row for each replica."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from rich.table import Table
from rich.text import Text

from xinf.core.units import format_bytes, format_seconds
from xinf.core.views import ModelView, ReplicaView
from xinf.runtime.shelf import RuntimeView
from xinf.tui.text import brief

NOTHING = "-"
_STYLES = {
    "ready": "green",
    "failed": "red",
    "backoff": "yellow",
    "off": "dim",
    "stopped": "dim",
    "asleep": "cyan",
    "installed": "green",
    "user": "green",
    "missing": "dim",
    "broken": "red",
}
_VERSIONS = 2


def model_table(models: Sequence[ModelView]) -> Table:
    """`xinf ls`."""
    columns = ("NAME", "STATE", "REPLICAS", "ENGINE", "SOURCE", "ALIASES")
    rows = [
        (
            model.name,
            state_text(model.state),
            f"{model.replicas}/{model.desired_replicas}",
            model.engine,
            model.source or NOTHING,
            ", ".join(model.aliases) or NOTHING,
        )
        for model in models
    ]
    return _table(columns, rows, [headline(model.reason) for model in models])


def replica_table(replicas: Sequence[ReplicaView], now: float) -> Table:
    """`xinf ps`; `now` is wall seconds."""
    columns = (
        *("MODEL", "REPLICA", "STATE", "ENGINE", "PID"),
        *("MEMORY", "CONTEXT", "RUN/WAIT", "SINCE"),
    )
    rows = [
        (
            replica.model,
            replica.replica,
            _state_with_progress(replica),
            replica.engine,
            NOTHING if replica.pid is None else str(replica.pid),
            format_bytes(replica.memory_bytes) if replica.memory_bytes else NOTHING,
            NOTHING if replica.context is None else str(replica.context),
            f"{replica.running}/{replica.waiting}",
            format_seconds(max(0.0, now - replica.since)),
        )
        for replica in replicas
    ]
    return _table(columns, rows, [_reason(replica) for replica in replicas])


def runtime_table(runtimes: Sequence[RuntimeView]) -> Table:
    """`xinf runtime ls`: of many versions those that say most, which come first."""
    columns = ("RUNTIME", "STATE", "SIZE", "VERSIONS", "PYTHON")
    rows = [
        (
            runtime.variant,
            state_text(runtime.state),
            format_bytes(runtime.size_bytes) if runtime.size_bytes else NOTHING,
            ", ".join(islice((" ".join(pair) for pair in runtime.versions.items()), _VERSIONS))
            or NOTHING,
            runtime.python or NOTHING,
        )
        for runtime in runtimes
    ]
    return _table(columns, rows, [""] * len(rows))


def headline(reason: str) -> str:
    """The first line of a reason, without sums that `why` tells.

    What only leads over to the lines that follow is left out.
    """
    first, _, more = reason.partition("\n")
    return first.rpartition(";")[0] or first if more and first.endswith(":") else brief(first)


def state_text(state: str) -> Text:
    return Text(state, style=_STYLES.get(state, ""))


def _state_with_progress(replica: ReplicaView) -> Text:
    text = state_text(replica.state)
    step = replica.progress.step if replica.progress else None
    if step and step.total > 0:
        text.append(f" {min(1.0, step.done / step.total):.0%}")
    return text


def _reason(replica: ReplicaView) -> str:
    """Why, for those that are not where they should be; how a healthy one got there is history."""
    return headline(replica.reason) if replica.state in {"failed", "backoff"} else ""


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str | Text]], reasons: Sequence[str]
) -> Table:
    """A table without lines; the reasons are a last column if there are any."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    if any(reasons):
        table.add_column("REASON")
    for row, reason in zip(rows, reasons, strict=True):
        table.add_row(*row, *([reason] if any(reasons) else []))
    return table
