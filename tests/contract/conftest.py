"""Every kind of engine that the contract suite holds, and how a test gets one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.shim import EngineKind, ShimProcess, new_home


def _cache_dir() -> Path:
    """One cache for all tests of a run, so that an engine is downloaded once."""
    from xinf.config.paths import find_paths

    given = os.environ.get("XINF_TEST_CACHE")
    return Path(given) if given else find_paths(os.environ, Path.cwd()).cache_dir


def _sim(tree: Path) -> EngineKind:
    return EngineKind(
        name="sim",
        python=sys.executable,
        tree=tree,
        args={"tokens_per_second": 100, "parallel": 4},
        slow_prefill={"tokens_per_second": 100, "prefill_tokens_per_second": 100, "parallel": 4},
    )


def _llamacpp(tree: Path) -> EngineKind:
    from xinf.registry.families import default_model
    from xinf.registry.fetch import ModelFiles
    from xinf.runtime.provision import Runtimes

    async def provide() -> tuple[Path, Path]:
        runtime = await Runtimes(_cache_dir()).ensure("llamacpp-cpu", lambda step: None)
        model = await ModelFiles(_cache_dir()).fetch(default_model().source, lambda step: None)
        return runtime.python, model.path

    python, model = asyncio.run(provide())
    return EngineKind(
        name="llamacpp",
        python=str(python),
        tree=tree,
        source=str(model),
        args={"parallel": 4, "threads": 1},
        slow_prefill={"parallel": 4, "threads": 1, "batch_threads": 1},
    )


def _vllm(tree: Path) -> EngineKind:
    from tests.support.vllm import vllm_kind

    return vllm_kind(tree)


KINDS: dict[str, Callable[[Path], EngineKind]] = {
    "sim": _sim,
    "llamacpp": _llamacpp,
    "vllm": _vllm,
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A start of vLLM takes half a minute: by default there is one, which the tests share."""
    for item in items:
        starts_own = "start_shim" in getattr(item, "fixturenames", ())
        if starts_own and "[vllm" in item.name:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session", params=list(KINDS))
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EngineKind:
    from xinf.runtime.shim_tree import ensure_shim_tree

    tree = ensure_shim_tree(tmp_path_factory.mktemp("shim-tree"))
    return KINDS[request.param](tree)


@pytest.fixture(scope="session")
def shared_shim(kind: EngineKind) -> Iterator[ShimProcess]:
    """One engine for all tests that leave it as it was."""
    shim = ShimProcess(kind, new_home())
    yield shim
    shim.end()


@pytest.fixture
async def shim(shared_shim: ShimProcess) -> ShimProcess:
    await shared_shim.wait_ready()
    return shared_shim


@pytest.fixture
def start_shim(kind: EngineKind) -> Iterator[Callable[..., ShimProcess]]:
    """Starts engines that are the test's own; the keywords change what their config file says."""
    started: list[ShimProcess] = []

    def start(**changes: Any) -> ShimProcess:
        home = changes.pop("home", None) or new_home()
        started.append(ShimProcess(kind, home, **changes))
        return started[-1]

    yield start
    for shim in started:
        shim.end()
