"""Every bound that the shim keeps, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes and seconds; tests bring smaller ones."""

    # What may wait in the shim for one slow reader: 64 readers that are far behind hold 64 MiB.
    pending_bytes: int = 1024 * 1024
    # How long an answer waits for its reader to take anything before it is given up. The gateway
    # cuts off a dead client after server.write_timeout (60 s); this is the net below it.
    stall_seconds: float = 60.0
    # Requests that one session may have open; beyond that they are refused, retryably.
    open_requests: int = 4096
    # Whole answers of the unary calls, which have no credit.
    unary_answer_bytes: int = 64 * 1024 * 1024
    # At the end: how long cancelled requests may take, and how long their last frames may.
    requests_end_seconds: float = 2.0
    flush_seconds: float = 2.0
    # A backend's close is bounded by contract; this is for one that breaks it.
    close_seconds: float = 5.0
    # The engine is asked this often whether it broke; a question costs microseconds.
    broken_check_seconds: float = 0.1
    # Load travels with answers at most this often, plus whenever a request begins or ends.
    load_interval_seconds: float = 0.1
