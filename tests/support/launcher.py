"""What the tests of the launcher stand on: a pretended clone, and ports that are taken."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

from tests.support.tree import ROOT

STAND_IN = """#!/bin/sh
echo "$*" >> {root}/calls
case "$*" in
  "-m pip "*) . {root}/pip.sh ;;
esac
"""
ENDS_S = 30


@dataclass
class Clone:
    """A folder that looks like a fresh clone, with the launcher in it."""

    root: Path

    def run(self, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(self.root / "xinf.py"), *args],
            cwd=self.root,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ENDS_S,
            check=False,
        )

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(self.root / "xinf.py"), *args],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def pip_does(self, script: str) -> None:
        (self.root / "pip.sh").write_text(script)

    @property
    def calls(self) -> list[str]:
        """What the environment's Python was asked to do, probes left out."""
        path = self.root / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if not line.startswith("-c ")]

    @property
    def stamp(self) -> Path:
        return self.root / ".venv" / "xinf-installed"


def pretended_clone(root: Path) -> Clone:
    """The launcher's files in `root`, beside an environment whose Python is a stand-in."""
    for name in ("xinf.py", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    (root / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "preflight.py", root / "scripts")
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(STAND_IN.format(root=root))
    python.chmod(0o755)
    clone = Clone(root)
    clone.pip_does("")
    return clone


def loaded(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def written(path: Path) -> str:
    """The first line of a file that another process is about to write."""
    deadline = time.monotonic() + ENDS_S
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text().strip()
        time.sleep(0.01)
    raise TimeoutError(path)


@contextmanager
def listening() -> Iterator[int]:
    """A port that some program holds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def answering(body: str) -> Iterator[int]:
    """A port where an HTTP server answers everything with `body`."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
