"""The files under configs/, wherever xinf is installed.

`xinf/configs` is a link to the `configs/` directory that people see at the top of the repository:
in a checkout and in an editable install it leads there, and a wheel carries the files themselves.
So one path works everywhere, and nobody has to know which kind of install this is.
"""

from __future__ import annotations

from pathlib import Path

import xinf

CONFIGS = Path(xinf.__file__).parent / "configs"


def config_data(*parts: str) -> Path:
    """The file or directory at `parts` below configs/, e.g. `config_data("models")`."""
    return CONFIGS.joinpath(*parts)
