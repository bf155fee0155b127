"""Texts as they should be, in files that a person can look at.

A wanted change: run the tests with XINF_WRITE_SNAPSHOTS=1 and look at the difference.
"""

from __future__ import annotations

import os
from pathlib import Path


def check(file: Path, text: str) -> None:
    """`text` is what `file` holds."""
    if os.environ.get("XINF_WRITE_SNAPSHOTS") == "1":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
