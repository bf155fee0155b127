"""Commands as a user gives them, against a fake daemon in this environment's own place."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.admin import FakeDaemon, fake_daemon
from xinf.cli.main import app
from xinf.config.paths import client_paths


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def xinf(*arguments: str, stdin: str | None = None) -> Result:
    """`xinf ARGUMENTS`, in this process."""
    result = CliRunner().invoke(app, list(arguments), input=stdin, prog_name="xinf")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Result(result.exit_code, result.stdout, result.stderr)


@contextmanager
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own: no config, no state, nobody running."""
    root = Path(tempfile.mkdtemp(prefix="xc", dir="/tmp"))
    for name in [name for name in os.environ if name.startswith("XINF_")]:
        monkeypatch.delenv(name)
    (root / "run").mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(root / "run"))
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(root)
    try:
        yield root
    finally:
        shutil.rmtree(root)


@contextmanager
def running() -> Iterator[FakeDaemon]:
    """A daemon where the commands of this environment look for one."""
    with fake_daemon(client_paths(os.environ, Path.cwd()).admin_socket) as daemon:
        yield daemon
