"""The files a shim keeps beside its socket, and where they are.

Until its gRPC server runs, a shim can only be heard through its status file; after its end, only
through its exit file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

_File = TypeVar("_File", bound=BaseModel)


class StatusFile(BaseModel, frozen=True):
    """Written while starting. `progress` is 0 to 1."""

    instance: str
    pid: int
    phase: str
    progress: float = 0.0
    message: str = ""


class ExitFile(BaseModel, frozen=True):
    """Written just before an end that the shim knew of. `at` is wall seconds."""

    code: int
    reason: str
    at: float = 0.0


def config_of(socket: Path) -> Path:
    return socket.with_name(f"{socket.name}.json")


def status_of(socket: Path) -> Path:
    return socket.with_name(f"{socket.name}.status")


def exit_of(socket: Path) -> Path:
    return socket.with_name(f"{socket.name}.exit")


def read_status(socket: Path) -> StatusFile | None:
    return _read(status_of(socket), StatusFile)


def read_exit(socket: Path) -> ExitFile | None:
    return _read(exit_of(socket), ExitFile)


def remove_all(socket: Path) -> None:
    """The socket and everything beside it; what is not there is fine."""
    for path in (socket, config_of(socket), status_of(socket), exit_of(socket)):
        path.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """A file that only its owner may read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _read(path: Path, kind: type[_File]) -> _File | None:
    try:
        return kind.model_validate_json(path.read_text())
    except (OSError, ValidationError):
        return None
