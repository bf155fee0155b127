"""What happened, for people: one line each, kept in the store's own table of events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Event:
    """`at` is wall seconds. `kind` is dotted, the room first: `engine.ready`, `plan.yield`,
    `device.lost`, `config.applied`. `subject` is what it is about (`coder/0`, `cuda:1`, a model),
    `model` the model concerned or empty. `message` is a sentence that names cause and consequence.
    """

    at: float
    kind: str
    subject: str
    message: str
    model: str = ""
    severity: Severity = Severity.INFO
