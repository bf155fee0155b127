"""When a replica that failed is started again, and when to stop trying.

A replica that had been healthy for long restarts at once: whatever happened, the model itself
works. Otherwise the wait doubles with each failure in the window, and too many of them mean that
another try would only burn the machine: the model waits for a change.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """Seconds, except `failures_max`: that many within `window_s` are too many."""

    min_s: float
    max_s: float
    reset_s: float
    failures_max: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again at `at`. `failures` are the moments that still count; all wall seconds."""

    at: float
    failures: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GiveUp:
    failures: tuple[float, ...]


def after_hindrance(failures: tuple[float, ...], pause_s: float, now: float) -> Retry:
    """What follows when the machine, and not the engine, was the reason: that counts for nothing.

    However often it happens, the model is tried again, for what hinders it passes.
    """
    return Retry(now + pause_s, failures)


def after_failure(
    policy: BackoffPolicy, failures: tuple[float, ...], healthy_s: float, now: float
) -> Retry | GiveUp:
    """What follows a failure at `now`, after `failures` before it and `healthy_s` in service."""
    if healthy_s >= policy.reset_s:
        return Retry(now, ())
    recent = (*(at for at in failures if now - at < policy.window_s), now)
    if len(recent) >= policy.failures_max:
        return GiveUp(recent)
    return Retry(now + min(policy.min_s * 2 ** (len(recent) - 1), policy.max_s), recent)
