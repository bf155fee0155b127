"""What the command line and the config file tell a shim, checked once."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from xinf.shim.backends.base import EngineOptions

# sun_path of struct sockaddr_un holds 108 bytes, the last of them zero.
SOCKET_PATH_BYTES_MAX = 107


class BadOptions(Exception):
    """The shim was started wrongly; starting it again the same way cannot help."""


@dataclass(frozen=True, slots=True)
class ShimOptions:
    """`orphan_lease_seconds` without a health check end the shim; 0 = never."""

    engine: EngineOptions
    socket: Path
    orphan_lease_seconds: float


@dataclass(frozen=True, slots=True)
class Arguments:
    socket: Path
    config: Path


def read_arguments(arguments: Sequence[str]) -> Arguments:
    """The command line. Raises BadOptions."""
    parser = _Parser(prog="python -m xinf.shim", description="One engine behind xinf's protocol.")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to serve on")
    parser.add_argument("--config", type=Path, required=True, help="JSON file with the options")
    asked = parser.parse_args(arguments)
    if len(bytes(asked.socket)) > SOCKET_PATH_BYTES_MAX:
        raise BadOptions(f"--socket: longer than {SOCKET_PATH_BYTES_MAX} bytes: {asked.socket}")
    return Arguments(asked.socket, asked.config)


def read_options(arguments: Arguments) -> ShimOptions:
    """The config file. Raises BadOptions."""
    config = _read_object(arguments.config)
    try:
        return ShimOptions(
            engine=_engine_options(config),
            socket=arguments.socket,
            orphan_lease_seconds=_take(config, "orphan_lease_seconds", (int, float), 0.0),
        )
    except BadOptions as problem:
        raise BadOptions(f"{arguments.config}: {problem}") from None


def _engine_options(config: Mapping[str, object]) -> EngineOptions:
    return EngineOptions(
        engine=_take(config, "engine", str),
        instance=_take(config, "instance", str),
        source=_take(config, "source", str, ""),
        served_names=tuple(map(str, _take(config, "served_names", list))),
        private_dir=_take(config, "private_dir", str),
        context=_take(config, "context", (int, type(None)), None),
        dtype=_take(config, "dtype", str, "auto"),
        memory_bytes=_take(config, "memory_bytes", int, 0),
        devices=_take(config, "devices", int, 1),
        cache_bytes=_take(config, "cache_bytes", (int, type(None)), None),
        args=_take(config, "args", dict, {}),
    )


_REQUIRED = object()


def _take(
    config: Mapping[str, object],
    key: str,
    kind: type | tuple[type, ...],
    default: object = _REQUIRED,
) -> Any:
    value = config.get(key, default)
    if value is _REQUIRED:
        raise BadOptions(f"{key} is missing")
    if value is not default and (not isinstance(value, kind) or isinstance(value, bool)):
        raise BadOptions(f"{key} has the wrong type: {value!r}")
    return value


def _read_object(path: Path) -> Mapping[str, object]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as problem:
        raise BadOptions(f"{path}: {problem}") from None
    if not isinstance(value, dict):
        raise BadOptions(f"{path}: must hold a JSON object")
    return cast("Mapping[str, object]", value)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadOptions(message)
