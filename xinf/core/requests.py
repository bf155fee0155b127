"""One request on its way through xinf."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Priority(IntEnum):
    """Who goes first when requests must wait; lower is earlier, as in vLLM."""

    SYSTEM = 0
    INTERACTIVE = 10
    DEFAULT = 20
    BULK = 30


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """What every layer may know of a request besides its body.

    `model` is the declared name, never an alias. `endpoint` is the API path. `deadline` is
    monotonic seconds of the gateway's clock. `session_key` ties the turns of one conversation.
    """

    request_id: str
    model: str
    endpoint: str
    deadline: float
    priority: Priority = Priority.DEFAULT
    session_key: str = ""
