"""Why vLLM's processes failed: they say it in their log, and their exceptions say "see above"."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

# A traceback of each process fits many times.
READ_BYTES_MAX = 1024 * 1024

# "torch.OutOfMemoryError: ...", alone or behind the prefix of vLLM's logger.
_RAISED = re.compile(r"^(?:.*\] )?((?:\w+\.)*[A-Z]\w*(?:Error|Exception): .+)$", re.MULTILINE)
_SECOND_HAND = re.compile(r"root cause|stack trace|Engine core init|Worker failed with error")


class Log:
    """The file that this process and its children write to, from now on."""

    def __init__(self, descriptor: int | None = None) -> None:
        sys.stderr.flush()
        self._descriptor = sys.stderr.fileno() if descriptor is None else descriptor
        state = os.fstat(self._descriptor)
        self._is_file = stat.S_ISREG(state.st_mode)
        self._begin = state.st_size

    def cause(self) -> str:
        """The first exception that does not merely tell of another; empty if none was written."""
        if not self._is_file:
            return ""
        with Path(f"/proc/self/fd/{self._descriptor}").open("rb") as file:
            end = os.fstat(self._descriptor).st_size
            file.seek(max(self._begin, end - READ_BYTES_MAX))
            text = file.read().decode(errors="replace")
        return root_cause(text)


def root_cause(text: str) -> str:
    raised = (match[1].strip() for match in _RAISED.finditer(text))
    return next((each for each in raised if not _SECOND_HAND.search(each)), "")
