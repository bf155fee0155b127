"""Models and replicas: a row for each, and below it what is worth a line of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text

from xinf.core.progress import Progress
from xinf.core.states import EngineState, ModelState
from xinf.core.units import format_bytes, format_seconds
from xinf.core.views import ModelView, ReplicaView
from xinf.tui import palette
from xinf.tui.bars import progress
from xinf.tui.canvas import Canvas
from xinf.tui.columns import Column, Row
from xinf.tui.numbers import NOTHING, count, share
from xinf.tui.picture import Picture
from xinf.tui.text import brief, clean, wrapped

_STATE_WIDTH = len(EngineState.PROVISIONING)
_INDENT = "    "
_BAR_WIDTH = 24
# What can only be known from two looks.
RATE = "TOK/S"

MODEL_COLUMNS = (
    Column("MODEL"),
    Column("STATE", _STATE_WIDTH),
    Column("READY", 5, is_number=True),
    Column(RATE, 6, is_number=True, rank=1),
    Column("TOKENS", 6, is_number=True, rank=3),
    Column("RUN/WAIT", 8, is_number=True, rank=2),
    Column("ENGINE", 9, rank=4),
)
REPLICA_COLUMNS = (
    Column("REPLICA"),
    Column("STATE", _STATE_WIDTH),
    Column("PID", 7, is_number=True, rank=6),
    Column(RATE, 6, is_number=True, rank=1),
    Column("TOKENS", 6, is_number=True, rank=7),
    Column("RUN/WAIT", 8, is_number=True, rank=2),
    Column("MEMORY", 10, is_number=True, rank=4),
    Column("CONTEXT", 7, is_number=True, rank=5),
    Column("KV", 4, is_number=True, rank=8),
    Column("SINCE", 9, is_number=True, rank=3),
)
# The reason of these is what a person came to look for.
_TELLING_MODELS = frozenset({ModelState.FAILED, ModelState.QUEUED})
_TELLING_ENGINES = frozenset({EngineState.FAILED, EngineState.BACKOFF})


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one picture. A reason is told once: below its model, else below its replica."""

    picture: Picture
    colors: Mapping[str, str]
    canvas: Canvas

    def model(self, model: ModelView) -> Row:
        own = self.picture.replicas_of(model.name)
        running = sum(each.running for each in own)
        waiting = model.waiting + sum(each.waiting for each in own)
        cells = (
            self._name(model.name, model.name),
            _state(model.state),
            Text(f"{model.replicas}/{model.desired_replicas}"),
            self._rate([each.replica for each in own]),
            _number(count(sum(each.generated_tokens for each in own)), bool(own)),
            _number(f"{running}/{waiting}", bool(own) or waiting > 0),
            Text(clean(model.engine)),
        )
        # One that is off is well: why is worth no line of its own.
        is_off = model.state is ModelState.OFF
        tail = Text(clean(model.reason), palette.QUIET) if is_off and model.reason else None
        return Row(cells, self._reason(model) if model.state in _TELLING_MODELS else (), tail)

    def replica(self, replica: ReplicaView) -> Row:
        has_process = replica.pid is not None
        cells = (
            self._name(replica.replica, replica.model),
            _state(replica.state),
            _number(str(replica.pid), has_process),
            self._rate([replica.replica]),
            _number(count(replica.generated_tokens), has_process),
            _number(f"{replica.running}/{replica.waiting}", has_process),
            _number(format_bytes(replica.memory_bytes), replica.memory_bytes > 0),
            _number(str(replica.context), replica.context is not None),
            _number(share(replica.kv_usage), replica.state is EngineState.READY),
            Text(format_seconds(max(0.0, self.picture.wall - replica.since))),
        )
        return Row(cells, self._details(replica))

    def _details(self, replica: ReplicaView) -> tuple[Text, ...]:
        if replica.progress is not None:
            return (_progress_line(replica.progress, self.colors.get(replica.model, "")),)
        if replica.state not in _TELLING_ENGINES:
            return ()
        told = {
            model.reason for model in self.picture.status.models if model.state in _TELLING_MODELS
        }
        return () if replica.reason in told else self._reason(replica)

    def _reason(self, view: ModelView | ReplicaView) -> tuple[Text, ...]:
        style = palette.ALARM if view.state == "failed" else palette.QUIET
        room = self.canvas.inner - len(_INDENT)
        told = brief(view.reason)
        if told != view.reason:
            told = f"{told} (xinf why {view.name if isinstance(view, ModelView) else view.model})"
        lines = wrapped(told, room, self.canvas.reason_lines)
        return tuple(Text(_INDENT + line, style=style, no_wrap=True) for line in lines)

    def _name(self, name: str, model: str) -> Text:
        mark = "■ " if self.canvas.has_color else "  "
        return Text.assemble((mark, self.colors.get(model, "")), clean(name))

    def _rate(self, replicas: list[str]) -> Text:
        rates = self.picture.rates or {}
        total = sum(rates.get(replica, 0.0) for replica in replicas)
        return _number(count(total), round(total) > 0)


def _state(state: str) -> Text:
    return Text(state, style=palette.state_style(state))


def _number(text: str, is_known: bool) -> Text:
    return Text(text) if is_known else Text(NOTHING, style=palette.QUIET)


def _progress_line(told: Progress, style: str) -> Text:
    step = told.step
    line = Text(_INDENT, no_wrap=True)
    if step.total > 0:
        line.append_text(progress(step.done, step.total, _BAR_WIDTH, style)).append("  ")
        line.append(f"{share(step.done / step.total):>4}  ")
    line.append(clean(step.what))
    if step.unit == "bytes" and step.total > 0:
        amounts = f"  {format_bytes(int(step.done))} of {format_bytes(int(step.total))}"
        line.append(amounts, style=palette.QUIET)
    if told.eta_s is not None:
        line.append(f"  {format_seconds(told.eta_s)} left", style=palette.QUIET)
    return line
