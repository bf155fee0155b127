"""The estimate beside what real vLLM makes of a model: how many blocks its cache has.

The model is made up: Gemma 2's architecture, with its layers that see everything and those that see
a window, tiny, and with weights that vLLM makes up as well.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.published import HOME, safetensors
from tests.support.shim import EngineKind, ShimProcess, channel_to, new_home
from tests.support.vllm import KV_BYTES, START_S, vllm_kind
from xinf.core.memory import Sizing, cache_size
from xinf.registry.examine import examine
from xinf.registry.footprint import Run, estimate
from xinf.registry.local import describe
from xinf.runtime.shim_tree import ensure_shim_tree

BLOCK = 32
CONTEXT = 2048
CHANGES = {
    "hidden_size": 64,
    "head_dim": 32,
    "intermediate_size": 128,
    "max_position_embeddings": 4096,
    "num_attention_heads": 4,
    "num_hidden_layers": 6,
    "num_key_value_heads": 2,
    "query_pre_attn_scalar": 32,
    "sliding_window": 256,
    "vocab_size": 49152,
}


def made_up(folder: Path, tokenizer: Path) -> Path:
    """A tiny model with the tokenizer of another."""
    folder.mkdir()
    config = {**json.loads((HOME / "gemma-2-9b.json").read_text()), **CHANGES}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(safetensors({"model.norm.weight": ("BF16", [64])}))
    for path in tokenizer.iterdir():
        if path.name.startswith(("tokenizer", "special", "vocab", "merges", "chat")):
            shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShimProcess]:
    kind = vllm_kind(ensure_shim_tree(tmp_path_factory.mktemp("tree")))
    source = made_up(tmp_path_factory.mktemp("models") / "tiny", Path(kind.source))
    args = {"kv_cache_memory_bytes": KV_BYTES, "block_size": BLOCK, "load_format": "dummy"}
    tiny = EngineKind("vllm", kind.python, kind.tree, str(source), CONTEXT, start_s=START_S)
    shim = ShimProcess(tiny, new_home(), args=args)
    yield shim
    shim.end()


async def test_blocks_hold_what_all_layers_keep_also_where_some_see_only_a_window(
    started: ShimProcess,
) -> None:
    await started.wait_ready()
    async with channel_to(started) as channel:
        status = await channel.kv_cache(5)
    facts = examine(describe(Path(started.kind.source), "path:tiny"), "path:tiny")
    shape = estimate(facts, Run("vllm", "cpu"))
    full, sliding = shape.cache
    assert (full.layers, sliding.layers) == (3, 3)
    # A block is of one group of layers: those that see everything, or those that see a window.
    of_one_group = cache_size(shape, Sizing(context=status.block_size)) // 2
    assert status.block_size == BLOCK
    assert status.blocks_total == KV_BYTES // of_one_group
