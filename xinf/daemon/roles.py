"""The two halves of xinf, which run as one process (`up`) or as two on the same state.

control  plans and serves: store to plan, gateway, router. Holds the sessions to engines.
worker   the agent: starts, watches and stops engines as the plan says.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    CONTROL = "control"
    WORKER = "worker"


BOTH = frozenset(Role)
