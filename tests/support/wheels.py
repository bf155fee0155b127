"""Tiny wheels, and an index that is a folder: real pip, no network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

TAG = "py3-none-any"


def make_wheel(folder: Path, name: str, version: str, files: Mapping[str, bytes]) -> Path:
    """A wheel that pip takes, holding `files` by their path in it."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {TAG}\n".encode(),
    }
    rows = [f"{path},{_digest(data)},{len(data)}\n" for path, data in content.items()]
    record = "".join([*rows, f"{info}/RECORD,,\n"])
    wheel = folder / f"{name}-{version}-{TAG}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in {**content, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(path, data)
    return wheel


def _digest(data: bytes) -> str:
    """As a RECORD spells it."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={digest.decode().rstrip('=')}"


def make_index(folder: Path, *wheels: Path) -> str:
    """The address of an index that holds `wheels`."""
    for wheel in wheels:
        page = folder / wheel.name.partition("-")[0] / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f'<a href="{wheel.as_uri()}">{wheel.name}</a>')
    return folder.as_uri()


def use_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip know `folder` and nothing else; unless a test says so, it holds nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
