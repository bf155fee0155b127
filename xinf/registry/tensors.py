"""A model's tensors, worked out from its anatomy: for models whose headers nobody can read.

Names and shapes are those of the published checkpoints; the totals of sixteen of them are held by
a test. An architecture that is not known is taken for a decoder as Llama's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from xinf.core.facts import Weights
from xinf.registry.anatomy import Anatomy, Experts, Latent
from xinf.registry.layers import Layer
from xinf.registry.parts import encoder_tensors, state_tensors, vision_tensors
from xinf.registry.quantization import Scheme
from xinf.registry.quirks import Quirks, quirks_of
from xinf.registry.tensor import Tensor, biased


@dataclass(frozen=True, slots=True)
class Computed:
    """`parameters` are all numbers of the model, `vision` those of its vision encoder."""

    parameters: int
    weights: Weights
    vision: int


def compute_weights(anatomy: Anatomy, scheme: Scheme | None) -> Computed:
    """What the files of `anatomy` hold, stored by `scheme`."""
    language = tuple(language_tensors(anatomy))
    vision = sum(each.numbers for each in vision_tensors(anatomy.vision)) if anatomy.vision else 0
    parameters = sum(each.numbers for each in language) + vision
    return Computed(parameters, weigh(language, scheme), vision)


def weigh(tensors: tuple[Tensor, ...], scheme: Scheme | None) -> Weights:
    """By how an engine holds them."""
    sums: Counter[str] = Counter()
    for each in tensors:
        is_packed = scheme is not None and each.is_linear and not scheme.spares(each.name)
        where = "_whole" if each.is_whole else ""
        if scheme is not None and is_packed:
            size = scheme.packed_bytes(each.rows, each.columns)
            sums[f"packed{where}"] += size * each.times
        else:
            sums[f"numbers{where}"] += each.numbers
    return Weights(**sums)


def language_tensors(anatomy: Anatomy) -> Iterator[Tensor]:
    """Everything but a vision encoder."""
    if anatomy.is_encoder:
        yield from encoder_tensors(anatomy)
        return
    quirks = quirks_of(anatomy.kind)
    yield Tensor("model.embed_tokens", anatomy.vocab, anatomy.hidden, is_linear=False)
    if not anatomy.is_tied:
        yield Tensor("lm_head", anatomy.vocab, anatomy.hidden, is_linear=False)
    yield Tensor.vector("model.norm", anatomy.hidden * quirks.norm_numbers)
    experts = anatomy.experts
    kinds = Counter(
        (layer, experts is not None and experts.are_in(number))
        for number, layer in enumerate(anatomy.layers)
    )
    for (layer, is_sparse), times in kinds.items():
        for each in _layer(anatomy, quirks, layer, experts if is_sparse else None):
            yield each.repeated(times)


def _layer(
    anatomy: Anatomy, quirks: Quirks, layer: Layer, experts: Experts | None
) -> Iterator[Tensor]:
    norms = quirks.norms * quirks.norm_numbers * anatomy.hidden
    yield Tensor.vector("model.layers.0.norms", norms)
    if layer in (Layer.STATE, Layer.BOTH) and anatomy.state is not None:
        yield from state_tensors(anatomy, anatomy.state)
    if layer in (Layer.FULL, Layer.SLIDING, Layer.BOTH):
        if anatomy.latent is not None:
            yield from _latent_attention(anatomy, anatomy.latent)
        else:
            yield from _attention(anatomy, quirks)
    if experts is not None:
        yield from _experts(anatomy, quirks, experts)
    else:
        yield from _mlp("model.layers.0.mlp", anatomy.hidden, anatomy.intermediate, quirks)


def _attention(anatomy: Anatomy, quirks: Quirks) -> Iterator[Tensor]:
    name, hidden = "model.layers.0.self_attn", anatomy.hidden
    query = anatomy.heads * anatomy.head_dim
    key_value = anatomy.kv_heads * anatomy.head_dim
    has_bias = anatomy.has_attention_bias or quirks.has_qkv_bias
    yield from biased(f"{name}.q_proj", query * (2 if quirks.gates_query else 1), hidden, has_bias)
    yield from biased(f"{name}.k_proj", key_value, hidden, has_bias)
    yield from biased(f"{name}.v_proj", key_value, hidden, has_bias)
    yield from biased(f"{name}.o_proj", hidden, query, anatomy.has_attention_bias)
    if quirks.norms_heads:
        yield Tensor.vector(f"{name}.norms", 2 * anatomy.head_dim)
    if quirks.has_sinks:
        yield Tensor.vector(f"{name}.sinks", anatomy.heads)


def _latent_attention(anatomy: Anatomy, latent: Latent) -> Iterator[Tensor]:
    """What compresses is small, and each device holds it whole (vLLM's ReplicatedLinear)."""
    name, hidden, heads = "model.layers.0.self_attn", anatomy.hidden, anatomy.heads
    query = heads * (latent.nope + latent.rope)
    if latent.query_rank:
        yield Tensor(f"{name}.q_a_proj", latent.query_rank, hidden, is_whole=True)
        yield Tensor.vector(f"{name}.q_a_layernorm", latent.query_rank)
        yield Tensor(f"{name}.q_b_proj", query, latent.query_rank)
    else:
        yield Tensor(f"{name}.q_proj", query, hidden)
    rows = latent.rank + latent.rope
    yield Tensor(f"{name}.kv_a_proj_with_mqa", rows, hidden, is_whole=True)
    yield Tensor.vector(f"{name}.kv_a_layernorm", latent.rank)
    yield Tensor(f"{name}.kv_b_proj", heads * (latent.nope + latent.value), latent.rank)
    yield Tensor(f"{name}.o_proj", hidden, heads * latent.value)


def _mlp(name: str, hidden: int, width: int, quirks: Quirks, times: int = 1) -> Iterator[Tensor]:
    has_bias = quirks.has_mlp_bias
    if quirks.is_gated:
        yield from biased(f"{name}.gate_proj", width, hidden, has_bias, times)
    yield from biased(f"{name}.up_proj", width, hidden, has_bias, times)
    yield from biased(f"{name}.down_proj", hidden, width, has_bias, times)


def _experts(anatomy: Anatomy, quirks: Quirks, experts: Experts) -> Iterator[Tensor]:
    name, hidden = "model.layers.0.mlp", anatomy.hidden
    router = Tensor(f"{name}.router", experts.count, hidden, is_whole=True, is_linear=False)
    yield router
    if quirks.has_router_bias:
        yield Tensor.vector(f"{name}.router.bias", experts.count)
    yield from _mlp(f"{name}.experts.0", hidden, experts.intermediate, quirks, experts.count)
    if experts.shared:
        yield from _mlp(f"{name}.shared_expert", hidden, experts.shared, quirks)
    if quirks.gates_shared_expert:
        yield Tensor(f"{name}.shared_expert_gate", 1, hidden, is_whole=True, is_linear=False)
