"""Where xinf keeps things: the config file, the state, the cache, and the sockets.

Directories follow XDG; `XINF_CONFIG`, `XINF_STATE_DIR` and `XINF_CACHE_DIR` come first. Sockets lie
in a directory of their own whose name is short, because a Unix socket's path may not be longer than
107 bytes, and is derived from the state directory, so that two instances never meet.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from xinf.core.errors import ErrorCode, XinfError

CONFIG_NAME = "xinf.toml"
# 107 bytes for a socket's path, less "/xinf-<uid>-<8 hex>/<8 hex>.sock" with a ten-digit uid.
SOCKET_BASE_BYTES_MAX = 107 - 40


@dataclass(frozen=True, slots=True)
class Paths:
    """All places of one instance. `config_file` is None when there is no file to read."""

    config_file: Path | None
    state_dir: Path
    cache_dir: Path
    runtime_dir: Path

    @property
    def store_file(self) -> Path:
        return self.state_dir / "xinf.db"

    @property
    def log_dir(self) -> Path:
        return self.state_dir / "logs"

    @property
    def admin_socket(self) -> Path:
        return self.runtime_dir / "admin.sock"

    @property
    def engine_socket_dir(self) -> Path:
        return self.runtime_dir


def find_paths(environ: Mapping[str, str], cwd: Path, config: Path | None = None) -> Paths:
    """The places for this environment. Creates nothing.

    Raises CONFIG_INVALID when a file that was asked for (`config`, `XINF_CONFIG`) does not exist.
    """
    return replace(client_paths(environ, cwd), config_file=_config_file(environ, cwd, config))


def client_paths(environ: Mapping[str, str], cwd: Path) -> Paths:
    """The places without a config file: enough to speak to an xinf that runs already."""
    state_dir = _directory(environ, cwd, "XINF_STATE_DIR", "XDG_STATE_HOME", ".local/state")
    return Paths(
        config_file=None,
        state_dir=state_dir,
        cache_dir=_directory(environ, cwd, "XINF_CACHE_DIR", "XDG_CACHE_HOME", ".cache"),
        runtime_dir=_runtime_dir(environ, state_dir),
    )


def config_places(environ: Mapping[str, str], cwd: Path) -> tuple[Path, ...]:
    """Where a config file is looked for when none is named, in order."""
    return (cwd / CONFIG_NAME, _xdg(environ, "XDG_CONFIG_HOME", ".config") / "xinf" / CONFIG_NAME)


def ensure_private(directory: Path) -> None:
    """Create `directory` (0700) if need be, and refuse one that others own or can enter.

    Raises CONFIG_INVALID: sockets in a directory of somebody else's making are not ours to trust.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise XinfError(
            ErrorCode.CONFIG_INVALID,
            thing=f"directory {directory}",
            cause="it belongs to another user, so sockets in it would not be private",
            next_step="Remove it, or set XDG_RUNTIME_DIR to a directory of your own",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        directory.chmod(0o700)


def _config_file(environ: Mapping[str, str], cwd: Path, config: Path | None) -> Path | None:
    if config is not None:
        return _existing(cwd / config.expanduser(), "--config")
    if named := environ.get("XINF_CONFIG"):
        return _existing(cwd / Path(named).expanduser(), "XINF_CONFIG")
    return next((place for place in config_places(environ, cwd) if place.is_file()), None)


def _existing(file: Path, named_by: str) -> Path:
    if file.is_file():
        return file
    raise XinfError(
        ErrorCode.CONFIG_INVALID,
        thing=f"{named_by} {file}",
        cause="there is no such file",
        next_step="Create it, or leave the setting out to run with the defaults",
    )


def _directory(environ: Mapping[str, str], cwd: Path, own: str, xdg: str, below_home: str) -> Path:
    if chosen := environ.get(own):
        # Normal, because the sockets' directory is derived from how this is written.
        return Path(os.path.normpath(cwd / Path(chosen).expanduser()))
    return _xdg(environ, xdg, below_home) / "xinf"


def _xdg(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    # The XDG specification: a relative path in these variables is to be ignored.
    chosen = Path(environ.get(variable, ""))
    if chosen.is_absolute():
        return chosen
    return Path(environ.get("HOME") or Path.home()) / below_home


def _runtime_dir(environ: Mapping[str, str], state_dir: Path) -> Path:
    short = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:8]
    base = environ.get("XDG_RUNTIME_DIR", "")
    if Path(base).is_absolute() and os.access(base, os.W_OK | os.X_OK) and _is_short(base):
        return Path(base) / f"xinf-{short}"
    temporary = tempfile.gettempdir()
    return Path(temporary if _is_short(temporary) else "/tmp") / f"xinf-{os.getuid()}-{short}"


def _is_short(base: str) -> bool:
    return len(os.fsencode(base)) <= SOCKET_BASE_BYTES_MAX
