"""What would stop an install, found before anything is downloaded. Standard library only.

Used by xinf.py. Every check answers with a sentence that ends in the next step, or with "".
"""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import sys
import tomllib
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path

MB = 10**6
# Measured: 115 MB, with the test tools 440; pip unpacks its downloads beside that.
NEED_MB = {"": 300, "test": 800}
PORT_DEFAULT = 5090
PROBE_TIMEOUT_S = 1
ANSWER_BYTES_MAX = 4096


def problem(root: Path, extra: str, args: Sequence[str], *, needs_venv: bool) -> str:
    """The first thing in the way of installing below `root` and running `args`; "" if none is."""
    return (
        not_writable(root)
        or (no_ensurepip() if needs_venv else "")
        or no_space(root, NEED_MB[extra])
        or (port_taken(*address(args, os.environ)) if args[:1] == ["up"] else "")
    )


def not_writable(root: Path) -> str:
    for folder in (root, root / ".venv"):
        if folder.exists() and not os.access(folder, os.W_OK):
            return f"{folder} is not writable. Make it yours: `sudo chown -R $USER {folder}`"
    return ""


def no_ensurepip() -> str:
    """Debian and Ubuntu ship Python without what makes environments, as a package of its own."""
    if find_spec("venv") and find_spec("ensurepip"):
        return ""
    return (
        f"{sys.executable} has no ensurepip, so it cannot make a virtual environment. "
        "Debian, Ubuntu: `sudo apt install python3-venv`; elsewhere install Python's venv package"
    )


def no_space(root: Path, need_mb: int) -> str:
    """What an earlier, unfinished install already holds counts as there."""
    have_mb = sum(_size(path) for path in (root / ".venv").rglob("*")) // MB
    disk = os.statvfs(root)
    free_mb = disk.f_bavail * disk.f_frsize // MB
    missing_mb = need_mb - have_mb
    if free_mb >= missing_mb:
        return ""
    return (
        f"{missing_mb} MB of disk space are needed in {root}, {free_mb} MB are free. "
        "Free some, then run it again"
    )


def port_taken(host: str, port: int) -> str:
    """A port that another program holds. If an xinf holds it, the new one will tell better."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        is_taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        if not is_taken or _is_xinf(host, port):
            return ""
        return (
            f"port {port} on {host} is in use by another program. "
            f"Stop that, or take another: `XINF_SERVER__PORT={port + 1} python3 xinf.py up`"
        )
    return ""


def address(args: Sequence[str], environ: Mapping[str, str]) -> tuple[str, int]:
    """Host and port that `up` will use: flags before variables before the config file.

    Port 0, which is always free, where a setting is broken: explaining that is the package's work.
    """
    try:
        server = tomllib.loads(_config_text(args, environ)).get("server", {})
        host = _option(args, "host") or environ.get("XINF_SERVER__HOST") or server.get("host")
        port = _option(args, "port") or environ.get("XINF_SERVER__PORT") or server.get("port")
        return str(host or "127.0.0.1"), PORT_DEFAULT if port is None else int(port)
    except (ValueError, AttributeError, TypeError):
        return "127.0.0.1", 0


def _config_text(args: Sequence[str], environ: Mapping[str, str]) -> str:
    home = environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    places = (_option(args, "config"), environ.get("XINF_CONFIG"), "xinf.toml")
    for place in (*places, os.path.join(home, "xinf", "xinf.toml")):
        if place and os.path.isfile(os.path.expanduser(place)):
            return Path(place).expanduser().read_text(encoding="utf-8")
    return ""


def _option(args: Sequence[str], name: str) -> str:
    """The value of `--name value` or `--name=value`."""
    found = re.search(rf"(?:^|\0)--{name}[\0=]([^\0]*)", "\0".join(args))
    return found[1] if found else ""


def _is_xinf(host: str, port: int) -> bool:
    """Whether whoever answers there says that it is one."""
    name = "127.0.0.1" if host == "0.0.0.0" else host  # as a host it means any, as a target none
    try:
        with urllib.request.urlopen(f"http://{name}:{port}/", timeout=PROBE_TIMEOUT_S) as answer:
            return json.loads(answer.read(ANSWER_BYTES_MAX)).get("name") == "xinf"
    except (OSError, ValueError, AttributeError, HTTPException):
        return False


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # another run may be tidying up meanwhile
        return 0
