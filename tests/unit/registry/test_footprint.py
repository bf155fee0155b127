"""The estimate on published models. What is expected is worked out here by hand, from the shapes in
their config.json; where a model's page tells a total, it is that total.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.docs import rows, text
from tests.support.published import facts, names
from xinf.core.facts import ModelFacts, Sizes, Weights
from xinf.core.memory import CacheGroup, MemoryShape, Sizing, cache_size, need
from xinf.core.units import GIB, MIB, format_bytes
from xinf.registry.footprint import (
    BATCHED_TOKENS,
    LLAMACPP_OVERHEAD_BYTES,
    SAMPLED_BYTES,
    STEPS_IN_FLIGHT,
    TENSOR_PARALLEL_BYTES,
    VLLM_CPU_OVERHEAD_BYTES,
    VLLM_CUDA_OVERHEAD_BYTES,
    Run,
    activations,
    estimate,
    lora_bytes,
    overhead,
    vision_bytes,
)

CUDA = Run("vllm", "cuda")
IN_FLIGHT = STEPS_IN_FLIGHT * BATCHED_TOKENS

# Numbers of the whole model, as the hub counts them on its page; Qwen3-Next's without the layer
# that guesses ahead.
PARAMETERS = {
    "all-minilm-l6-v2": 22_713_216,
    "deepseek-v2-lite": 15_706_484_224,
    "falcon-7b": 6_921_720_704,
    "gemma-2-9b": 9_241_705_984,
    "gemma-3-4b": 4_300_079_472,
    "gpt-oss-20b": 20_914_757_184,
    "jamba-v0.1": 51_570_323_328,
    "llama-3.1-8b": 8_030_261_248,
    "mistral-7b-v0.1": 7_241_732_096,
    "mixtral-8x7b-v0.1": 46_702_792_704,
    "phi-4-mini": 3_836_021_760,
    "qwen2-7b": 7_615_616_512,
    "qwen2-7b-awq": 7_615_616_512,
    "qwen2-vl-7b": 8_291_375_616,
    "qwen3-30b-a3b-fp8": 30_532_122_624,
    # 48 x (2 norms, 512 + 1 experts of 3 x 512 x 2048, router and gate), 12 layers with attention,
    # 36 without, embeddings and head.
    "qwen3-next-80b-a3b": 48 * (2 * 2048 + 513 * 3 * 512 * 2048 + 513 * 2048)
    + 12 * (2048 * (2 * 4096 + 2 * 512) + 4096 * 2048 + 2 * 256)
    + 36 * (2048 * (2 * 2048 + 2 * 4096 + 64) + 8192 * 4 + 2 * 32 + 128 + 4096 * 2048)
    + 2 * 151936 * 2048
    + 2048,
    "smollm2-135m": 134_515_008,
}


def test_every_published_model_is_counted() -> None:
    assert names() == sorted(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_that_the_model_s_page_tells(name: str) -> None:
    assert facts(name).parameters == PARAMETERS[name]


def held(shape: MemoryShape) -> int:
    """Weights on one device, a vision encoder's aside."""
    return need(shape, Sizing(context=1)).weights


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("llama-3.1-8b", 2 * 8_030_261_248),
        ("mixtral-8x7b-v0.1", 2 * 46_702_792_704),
        ("smollm2-135m", 2 * 134_515_008),
        # Without the vision encoder, which is counted beside the weights.
        ("qwen2-vl-7b", 2 * 7_615_616_512),
        # Experts in 4 bits with a byte for every 32; attention, routers, biases and embeddings in
        # 16: what the index of its files calls total_size.
        ("gpt-oss-20b", 13_761_264_768),
        # 28 layers of q, o 3584 x 3584; k, v 512 x 3584; gate, up, down 18944 x 3584: half a byte
        # each, and for every 128 inputs 2 bytes of scale and half a byte of zero point.
        (
            "qwen2-7b-awq",
            28 * 3584 * (2 * 3584 + 2 * 512 + 3 * 18944) * (128 // 2 + 2) // 128
            + 28 * (3584 * (2 * 3584 + 2 * 512 + 3 * 18944) // 128) // 2
            + 2 * (2 * 152064 * 3584 + 3584 + 28 * (2 * 3584 + 3584 + 2 * 512)),
        ),
        # 48 layers; q, o 4096 x 2048; k, v 512 x 2048; 128 experts of 3 x 768 x 2048: a byte each,
        # and 4 bytes for each block of 128 x 128. Embeddings, head, routers and norms in 16 bits.
        (
            "qwen3-30b-a3b-fp8",
            48 * 2048 * (2 * 4096 + 2 * 512 + 128 * 3 * 768) * (128 * 128 + 4) // (128 * 128)
            + 2 * (2 * 151936 * 2048 + 2048 + 48 * (128 * 2048 + 2 * 2048 + 2 * 128)),
        ),
    ],
)
def test_weights_take_what_their_format_takes(name: str, expected: int) -> None:
    assert held(estimate(facts(name), CUDA)) == expected


def test_a_model_that_computes_in_32_bits_takes_twice_as_much_and_so_does_its_cache() -> None:
    known = facts("smollm2-135m")
    exact = replace(CUDA, dtype="float32")
    assert held(estimate(known, exact)) == 4 * 134_515_008
    sizing = Sizing(context=100)
    cache = 30 * 2 * 3 * 64 * 100
    assert cache_size(estimate(known, CUDA), sizing) == cache * 2
    assert cache_size(estimate(known, exact), sizing) == cache * 4


# Bytes for each token in 16 bits: layers x 2 x KV heads x width x 2.
PER_TOKEN = {
    "llama-3.1-8b": 32 * 2 * 8 * 128 * 2,  # grouped
    "qwen2-7b": 28 * 2 * 4 * 128 * 2,
    "qwen2-7b-awq": 28 * 2 * 4 * 128 * 2,
    "qwen2-vl-7b": 28 * 2 * 4 * 128 * 2,
    "qwen3-30b-a3b-fp8": 48 * 2 * 4 * 128 * 2,
    "mixtral-8x7b-v0.1": 32 * 2 * 8 * 128 * 2,
    "phi-4-mini": 32 * 2 * 8 * 128 * 2,  # its window is longer than its context
    "smollm2-135m": 30 * 2 * 3 * 64 * 2,
    "falcon-7b": 32 * 2 * 1 * 64 * 2,  # one head for all
    "deepseek-v2-lite": 27 * (512 + 64) * 2,  # one latent vector and its rotated part
    "all-minilm-l6-v2": 0,  # an encoder keeps nothing
}


@pytest.mark.parametrize("name", PER_TOKEN)
def test_a_cache_grows_with_each_token_by_what_all_layers_keep(name: str) -> None:
    shape = estimate(facts(name), CUDA)
    for context in (1, 1000):
        assert cache_size(shape, Sizing(context)) == PER_TOKEN[name] * context
    assert cache_size(shape, Sizing(1000, sequences=3)) == 3 * PER_TOKEN[name] * 1000
    eight_bits = Sizing(1000, cache_number_bytes=1)
    assert cache_size(shape, eight_bits) == PER_TOKEN[name] * 1000 // 2


@pytest.mark.parametrize(
    ("name", "full", "sliding", "window", "numbers"),
    [
        ("mistral-7b-v0.1", 0, 32, 4096, 2 * 8 * 128),
        ("gemma-2-9b", 21, 21, 4096, 2 * 8 * 256),
        ("gemma-3-4b", 5, 29, 1024, 2 * 4 * 256),
        ("gpt-oss-20b", 12, 12, 128, 2 * 8 * 64),
    ],
)
def test_layers_with_a_window_keep_no_more_than_it_and_what_is_in_flight(
    name: str, full: int, sliding: int, window: int, numbers: int
) -> None:
    shape = estimate(facts(name), CUDA)
    inside = Sizing(context=window)
    assert cache_size(shape, inside) == (full + sliding) * numbers * window * 2
    kept, far = window - 1 + IN_FLIGHT, 100_000
    assert cache_size(shape, Sizing(far)) == (full * far + sliding * kept) * numbers * 2


def test_a_state_is_kept_whatever_the_length() -> None:
    """Jamba: 4 layers with attention, 28 of Mamba 8192 wide: 3 steps of convolution, 16 of state;
    Qwen3-Next: 12 and 36: 3 x (2 x 2048 + 4096) of convolution, 32 heads of 128 x 128. Two copies.
    """
    jamba, qwen = (estimate(facts(name), CUDA) for name in ("jamba-v0.1", "qwen3-next-80b-a3b"))
    jamba_state = 28 * (8192 * 3 + 8192 * 16) * 2 * 2
    qwen_state = 36 * (3 * (2 * 2048 + 4096) + 32 * 128 * 128) * 2 * 2
    for context in (10, 10_000):
        assert cache_size(jamba, Sizing(context)) == jamba_state + 4 * 2 * 8 * 128 * 2 * context
        assert cache_size(qwen, Sizing(context)) == qwen_state + 12 * 2 * 2 * 256 * 2 * context


def test_tensor_parallel_divides_weights_and_heads_but_not_what_each_device_needs() -> None:
    two = replace(CUDA, devices=2)
    llama, latent, single = (
        estimate(facts(name), two) for name in ("llama-3.1-8b", "deepseek-v2-lite", "falcon-7b")
    )
    norms = 65 * 4096
    assert need(llama, Sizing(1, devices=2)).weights == (8_030_261_248 - norms) + norms * 2
    half = PER_TOKEN["llama-3.1-8b"] * 1000 // 2
    assert cache_size(llama, Sizing(1000, devices=2)) == half
    # Eight KV heads on sixteen devices: each head is there twice.
    assert cache_size(llama, Sizing(1000, devices=16)) == half // 4
    # What cannot be divided is on each device whole.
    assert cache_size(latent, Sizing(1000, devices=2)) == PER_TOKEN["deepseek-v2-lite"] * 1000
    assert cache_size(single, Sizing(1000, devices=2)) == PER_TOKEN["falcon-7b"] * 1000
    assert overhead(two) == VLLM_CUDA_OVERHEAD_BYTES + TENSOR_PARALLEL_BYTES


def test_the_whole_of_llama_on_one_gpu() -> None:
    claim = need(estimate(facts("llama-3.1-8b"), CUDA), Sizing(context=131_072))
    assert claim.weights == 16_060_522_496
    assert claim.cache == 16 * GIB
    # 2048 tokens x 2 x 4096 x 2, and sampling, which is more than the widest layer's 3 x 14336.
    assert claim.activations == 2048 * 2 * 4096 * 2 + 256 * 128_256 * SAMPLED_BYTES
    assert claim.overhead == 2 * GIB
    assert claim.total == 16_060_522_496 + 18 * GIB + claim.activations


def test_the_peak_of_a_step_is_its_widest_layer_or_sampling() -> None:
    wide = Sizes(layers=1, hidden=10, query=20, key_value=10, intermediate=100, vocab=0)
    run = Run("vllm", "cuda", batched_tokens=7, sequences=5)
    assert activations(wide, run) == 7 * (2 * 10 + 3 * 100) * 2
    assert activations(wide, replace(run, devices=2)) == 7 * (2 * 10 + 3 * 50) * 2
    attention = replace(wide, query=200)
    assert activations(attention, run) == 7 * (2 * 10 + 2 * 200 + 10) * 2
    sampling = replace(wide, vocab=1000)
    assert activations(sampling, run) == 7 * 2 * 10 * 2 + 5 * 1000 * SAMPLED_BYTES
    sparse = replace(wide, intermediate=0, experts=8, experts_used=2, expert_intermediate=50)
    assert activations(sparse, run) == 7 * (2 * 10 + 2 * 3 * 50 + 2 * 10) * 2


def test_lora_slots_hold_two_matrices_for_each_projection() -> None:
    """Llama 8B, rank 16: A 7 x ... by inputs, B by outputs: 5 x 4096 and 4096 + 14336 in, 4096 +
    2 x 1024 + 2 x 14336 + 2 x 4096 out. The public figure for such an adapter is 41.9 million.
    """
    sizes = facts("llama-3.1-8b").sizes
    inputs = 5 * 4096 + 4096 + 14336
    outputs = 4096 + 2 * 1024 + 2 * 14336 + 2 * 4096
    numbers = 32 * 16 * (inputs + outputs)
    assert numbers == 41_943_040
    run = replace(CUDA, lora_slots=4, lora_rank=16)
    assert lora_bytes(sizes, run) == 4 * numbers * 2
    shape = estimate(facts("llama-3.1-8b"), run)
    assert dict(shape.extras) == {"LoRA slots": 4 * numbers * 2}


def test_a_vision_encoder_is_counted_beside_the_weights() -> None:
    known = facts("qwen2-vl-7b")
    encoder = 8_291_375_616 - 7_615_616_512
    assert known.vision == encoder
    look = 16384 * 4 * 1280 * 9 * 2
    assert vision_bytes(known, CUDA) == 2 * encoder + look
    assert dict(estimate(known, CUDA).extras) == {"vision encoder": 2 * encoder + look}
    gemma = facts("gemma-3-4b")
    assert vision_bytes(gemma, CUDA) == 2 * gemma.vision + 64 * 64 * 1152 * 9 * 2


def test_a_draft_model_brings_its_weights_and_a_cache_of_its_own() -> None:
    big, small = facts("llama-3.1-8b"), facts("smollm2-135m")
    alone, guided = estimate(big, CUDA), estimate(big, CUDA, small)
    assert dict(guided.extras) == {"draft model": 2 * 134_515_008}
    sizing = Sizing(context=500)
    grown = cache_size(guided, sizing) - cache_size(alone, sizing)
    assert grown == PER_TOKEN["smollm2-135m"] * 500


def test_layers_for_guessing_ahead_count_only_where_they_are_used() -> None:
    known = replace(facts("smollm2-135m"), drafts=Weights(numbers=100))
    assert estimate(known, CUDA).extras == ()
    assert dict(estimate(known, replace(CUDA, uses_drafts=True)).extras) == {"draft layers": 200}


def test_gguf_stays_packed_for_llama_cpp_and_is_unpacked_for_vllm() -> None:
    known = ModelFacts(
        "path:/m.gguf",
        format="gguf",
        parameters=1000,
        weights=Weights(packed=600),
        cache=(CacheGroup(2, 10, window=100),),
        is_exact=True,
    )
    packed = estimate(known, Run("llamacpp", "cpu"))
    assert (packed.weights, packed.overhead) == (600, LLAMACPP_OVERHEAD_BYTES)
    assert cache_size(packed, Sizing(10_000)) == 2 * 10 * (100 + 512) * 2
    unpacked = estimate(known, Run("vllm", "cpu"))
    assert (unpacked.weights, unpacked.overhead) == (2000, VLLM_CPU_OVERHEAD_BYTES)


@pytest.mark.parametrize("name", names())
@given(
    context=st.integers(1, 1_000_000),
    more=st.integers(0, 1_000_000),
    devices=st.sampled_from([1, 2, 4, 8]),
)
def test_longer_contexts_never_take_less_and_more_devices_never_more(
    name: str, context: int, more: int, devices: int
) -> None:
    shape = SHAPES[name]
    short, long = Sizing(context), Sizing(context + more)
    assert need(shape, short).total <= need(shape, long).total
    assert need(shape, replace(short, devices=devices)).total <= need(shape, short).total


SHAPES = {name: estimate(facts(name), CUDA) for name in names()}


def test_an_estimate_is_no_smaller_than_the_weights_and_not_absurd() -> None:
    for name, shape in SHAPES.items():
        total = need(shape, Sizing(context=1)).total
        assert 2 * GIB <= total < 200 * GIB, name
        assert shape.activations < 3 * GIB, name
        assert shape.activations > 10 * MIB, name


def test_the_figures_in_the_documents_are_those_that_are_computed() -> None:
    table = {row[0]: row[1:] for row in rows(text("docs/memory.md")) if len(row) == 6}
    for name, shape in SHAPES.items():
        claim = need(shape, Sizing(context=8192))
        per_token = cache_size(shape, Sizing(11)) - cache_size(shape, Sizing(10))
        figures = (PARAMETERS[name], claim.weights, per_token, claim.cache)
        assert table[name] == [*(f"{each:,}" for each in figures), format_bytes(claim.total)]
