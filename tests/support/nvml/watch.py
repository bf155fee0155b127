"""A process that looks at its GPUs when it is asked to: the library's folder must be known to the
loader before a process begins.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# One look for each line on standard input; a line of two folders begins with a backend that has
# seen nothing yet.
WATCH = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from xinf.device.cuda import CudaBackend

for line in sys.stdin:
    if line.strip():
        backend = CudaBackend(*map(Path, line.strip().split("|")))
        continue
    try:
        answer = asdict(backend.look()) if backend.detect() else {"absent": True}
    except OSError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
"""


class Watch:
    def __init__(self, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WATCH],
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self, sys_tree: Path, proc_tree: Path = Path("/proc")) -> None:
        """Forget what was seen; from now on these are the kernel's trees."""
        self._say(f"{sys_tree}|{proc_tree}")

    def look(self) -> dict[str, Any]:
        """What the backend sees, as JSON; {"error": …} where it raises."""
        self._say("")
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=30)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
