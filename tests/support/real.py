"""The real llama.cpp runtime, the real model, and shims that run them. Fetched once, then kept.

`XINF_TEST_CACHE` says where; without it they are shared with the user's own xinf.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xinf.config.paths import find_paths
from xinf.registry.families import default_model
from xinf.registry.fetch import ModelFiles
from xinf.registry.local import LocalModel
from xinf.runtime.provision import Runtime, Runtimes
from xinf.runtime.shim_tree import ensure_shim_tree

PATIENCE_S = 90.0


@functools.cache
def cache_dir() -> Path:
    named = os.environ.get("XINF_TEST_CACHE")
    return Path(named) if named else find_paths(os.environ, Path.cwd()).cache_dir


@functools.cache
def llamacpp_runtime() -> Runtime:
    return asyncio.run(Runtimes(cache_dir()).ensure("llamacpp-cpu", lambda step: None))


@functools.cache
def smollm2() -> LocalModel:
    return asyncio.run(ModelFiles(cache_dir()).fetch(default_model().source, lambda step: None))


@dataclass
class RealShim:
    """`folder` holds its socket, files, private directory and log."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"unix:{self.folder}/s.sock"

    @property
    def private_dir(self) -> Path:
        return self.folder / "p"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def status(self) -> dict[str, object]:
        try:
            return json.loads((self.folder / "s.sock.status").read_text())
        except FileNotFoundError:
            return {}

    def exit_file(self) -> dict[str, object]:
        return json.loads((self.folder / "s.sock.exit").read_text())

    def wait_ready(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while self.status().get("phase") != "ready":
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.02)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def llamacpp_shim(source: Path | None = None, **options: object) -> Iterator[RealShim]:
    """A shim process with real llama.cpp in it, not yet ready. It is gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="xs", dir="/tmp"))
    shim = RealShim(folder, None)  # type: ignore[arg-type]
    shim.private_dir.mkdir(mode=0o700)
    config = {
        "engine": "llamacpp",
        "instance": "i1",
        "source": str(source or smollm2().path),
        "served_names": ["smol"],
        "context": 2048,
        "args": {"parallel": 2},
        "orphan_lease_seconds": 0,
        "private_dir": str(shim.private_dir),
        **options,
    }
    (folder / "c.json").write_text(json.dumps(config))
    argv = ["-P", "-m", "xinf.shim", "--socket", str(folder / "s.sock")]
    with (folder / "log").open("wb") as log:
        shim.process = subprocess.Popen(
            [llamacpp_runtime().python, *argv, "--config", str(folder / "c.json")],
            env={**os.environ, "PYTHONPATH": str(ensure_shim_tree(cache_dir()))},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield shim
    finally:
        if shim.process.poll() is None:
            shim.process.kill()
        shim.process.wait(PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)
