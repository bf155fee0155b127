"""How far everything is: bars for a terminal, a line for each change elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from xinf.cli.show.tables import headline, state_text
from xinf.core.progress import Progress, Step
from xinf.core.states import EngineState, ModelState
from xinf.core.units import format_bytes, format_seconds
from xinf.core.views import UNPLANNED, ModelView, ReplicaView

_BAR_WIDTH = 28
_QUIET = frozenset({EngineState.STOPPED})
_STATES = frozenset(map(str, EngineState))
# What a replica or model is about, and the line that tells it when that changes.
_Said = tuple[tuple[str, str], str]


def progress_bars(models: Sequence[ModelView], replicas: Sequence[ReplicaView]) -> Table:
    """A row for each replica: what it does, a bar where the end is known, how much, how long."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for model in models:
        if model.state is ModelState.QUEUED and model.reason != UNPLANNED:
            why = Text(headline(model.reason))
            table.add_row(Text(model.name, style="bold"), state_text(model.state), why)
    for replica in replicas:
        if replica.state not in _QUIET:
            table.add_row(*_row(replica))
    return table


def step_bar(step: Step, eta_s: float | None) -> Table:
    """A row for what is no replica's: what is done, a bar, how much, how long."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row(Text(step.what), _bar(step), Text(_amounts(step, eta_s), style="dim"))
    return table


def step_line(step: Step) -> str:
    """What is done, and how much of it there is."""
    size = format_bytes(int(step.total)) if step.unit == "bytes" and step.total > 0 else ""
    return ", ".join(part for part in (step.what, size) if part)


def changed_lines(before: Mapping[str, _Said], after: Mapping[str, _Said]) -> tuple[str, ...]:
    """What is new between two `said`: a line for each that is in another state or step."""
    lines = [line for name, (about, line) in after.items() if _is_news(before.get(name), about)]
    gone = [name for name in before if name not in after and "/" in name]
    return (*lines, *(f"{name}: gone" for name in gone))


def _is_news(before: _Said | None, about: tuple[str, str]) -> bool:
    """A step that is over and has no successor yet is none."""
    (state, step), was = about, before[0] if before else ("", "")
    return state != was[0] or (step != was[1] and step != "")


def said(models: Sequence[ModelView], replicas: Sequence[ReplicaView]) -> Mapping[str, _Said]:
    """A line for each replica, and for each model that waits for a place."""
    queued = {
        model.name: ((str(model.state), model.reason), _queued(model))
        for model in models
        # Before the first plan nobody knows whether it will really wait.
        if model.state is ModelState.QUEUED and model.reason != UNPLANNED
    }
    return {**queued, **{replica.replica: _said(replica) for replica in replicas}}


def _queued(model: ModelView) -> str:
    return f"{model.name}: queued ({headline(model.reason)})"


def _said(replica: ReplicaView) -> _Said:
    # How far a step is changes too often for lines: only the step's name makes a new one.
    progress = _current(replica)
    step = progress.step.what if progress and progress.step.what != replica.state else ""
    about = _doing(progress) or _why(replica)
    told = "" if about in {"", str(replica.state)} else f" ({about})"
    line = f"{replica.replica}: {replica.state}{told}"
    return (str(replica.state), step), line


def _current(replica: ReplicaView) -> Progress | None:
    """How far it is; not what an engine told of the state before this one."""
    progress = replica.progress
    is_over = replica.state is EngineState.READY or (
        progress is not None and progress.step.what in _STATES - {str(replica.state)}
    )
    return None if is_over else progress


def _row(replica: ReplicaView) -> tuple[Text | ProgressBar, ...]:
    step, eta_s = (told.step, told.eta_s) if (told := _current(replica)) else (None, None)
    about = step.what if step else _why(replica)
    return (
        Text(replica.replica, style="bold"),
        state_text(replica.state),
        Text("" if about == replica.state else about),
        _bar(step),
        Text(_amounts(step, eta_s) if step else "", style="dim"),
    )


def _doing(progress: Progress | None) -> str:
    return step_line(progress.step) if progress else ""


def _why(replica: ReplicaView) -> str:
    """The reason where it is worth a line: a ready engine needs none."""
    return "" if replica.state is EngineState.READY else headline(replica.reason)


def _bar(step: Step | None) -> ProgressBar | Text:
    if step is None or step.total <= 0:
        return Text("")
    return ProgressBar(total=step.total, completed=min(step.done, step.total), width=_BAR_WIDTH)


def _amounts(step: Step, eta_s: float | None) -> str:
    left = f"{format_seconds(eta_s)} left" if eta_s is not None else ""
    return ", ".join(part for part in (_amount(step), left) if part)


def _amount(step: Step) -> str:
    """How much is done. Only bytes are worth a number of their own; other units are a share."""
    if step.unit != "bytes":
        return f"{min(1.0, step.done / step.total):.0%}" if step.total > 0 else ""
    done = format_bytes(int(step.done))
    if step.total > 0:
        return f"{done} of {format_bytes(int(step.total))}"
    return done if step.done > 0 else ""
