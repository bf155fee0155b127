"""The probe of peer-to-peer with real PyTorch, on a CPU: what it does on GPUs but for the cards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.vllm import vllm_python
from xinf.clock import SystemClock
from xinf.daemon.doctor.facts import Reach
from xinf.daemon.doctor.probe import Probe, try_peers
from xinf.runtime.shim_tree import ensure_shim_tree


@pytest.fixture(scope="module")
def python() -> Path:
    """Outside of any test's event loop: it may have to be built."""
    return vllm_python()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return ensure_shim_tree(tmp_path)


def probe(python: Path, tree: Path, backend: str = "gloo", meet_s: float = 60) -> Probe:
    return Probe(python, tree, backend, SystemClock(), import_s=120, meet_s=meet_s)


async def test_two_real_processes_meet_and_add_up(python: Path, tree: Path) -> None:
    assert await try_peers(probe(python, tree), {}) == (Reach.WORKS, "")


async def test_one_that_waits_for_another_who_never_comes_is_ended(
    tmp_path: Path, python: Path, tree: Path
) -> None:
    half = tmp_path / "python"
    absent = "echo imported; exec sleep 600"
    half.write_text(f'#!/bin/sh\n[ "$5" = 0 ] && exec {python} "$@"\n{absent}\n')
    half.chmod(0o755)
    assert await try_peers(probe(half, tree, meet_s=1), {}) == (Reach.HANGS, "")


async def test_a_backend_that_this_torch_does_not_have_is_told_in_one_line(
    python: Path, tree: Path
) -> None:
    reach, words = await try_peers(probe(python, tree, "nccl"), {})
    assert reach is Reach.CRASHED
    assert "Error" in words
    assert "\n" not in words
