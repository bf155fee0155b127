"""Accidents on order: a load that fails, a sudden death, a hang, answers that are wrong."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from xinf.shim.backends.sim.options import SimOptions


class LoadFailed(Exception):
    """A load that was told to fail."""


def count_load(private_dir: Path, fail_times: int) -> None:
    """Raises LoadFailed for the first `fail_times` loads of this replica, over all processes."""
    if not fail_times:
        return
    counter = private_dir / "loads"
    loads = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(loads))
    if loads <= fail_times:
        raise LoadFailed(f"simulated failure of load {loads} (the first {fail_times} fail)")


class Faults:
    """What goes wrong after how many generated tokens."""

    def __init__(self, options: SimOptions) -> None:
        self._crash_after = options.crash_after_tokens
        self._hang_after = options.hang_after_tokens
        self._wrong_after = options.wrong_after_tokens

    def is_wrong(self, generated: int) -> bool:
        return 0 < self._wrong_after <= generated

    def strike(self, generated: int) -> bool:
        """To be told of every token; whether the engine hangs now. Where a crash is due it dies."""
        if 0 < self._crash_after <= generated:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0 < self._hang_after <= generated
