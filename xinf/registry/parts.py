"""The tensors of what is not a decoder: layers with a state, text encoders, image encoders."""

from __future__ import annotations

from collections.abc import Iterator

from xinf.registry.anatomy import Anatomy, Form, State, Vision
from xinf.registry.tensor import Tensor, biased

# Kinds of segments that an encoder of BERT's family tells apart.
SEGMENTS = 2


def state_tensors(anatomy: Anatomy, state: State) -> Iterator[Tensor]:
    """One layer that keeps a state."""
    match state.form:
        case Form.MAMBA:
            yield from _mamba(anatomy.hidden, state)
        case Form.MAMBA2:
            yield from _mamba2(anatomy.hidden, state)
        case Form.DELTA:
            yield from _delta(anatomy.hidden, state)


def _mamba(hidden: int, state: State) -> Iterator[Tensor]:
    """As Jamba has it: the step's rank is a sixteenth of the hidden size, and norms of its own."""
    name, inner, size = "model.layers.0.mamba", state.inner, state.size
    rank = -(-hidden // 16)
    yield Tensor(f"{name}.in_proj", 2 * inner, hidden)
    yield Tensor(f"{name}.conv1d", inner, state.kernel + 1, is_linear=False)
    yield Tensor(f"{name}.x_proj", rank + 2 * size, inner)
    yield from biased(f"{name}.dt_proj", inner, rank, has_bias=True)
    yield Tensor(f"{name}.A_log", inner, size + 1, is_linear=False)
    yield Tensor.vector(f"{name}.norms", rank + 2 * size)
    yield Tensor(f"{name}.out_proj", hidden, inner)


def _mamba2(hidden: int, state: State) -> Iterator[Tensor]:
    name, inner = "model.layers.0.mamba", state.inner
    yield Tensor(f"{name}.in_proj", 2 * inner + state.mixed + state.value_heads, hidden)
    yield Tensor(f"{name}.conv1d", inner + state.mixed, state.kernel + 1, is_linear=False)
    yield Tensor.vector(f"{name}.vectors", 3 * state.value_heads + inner)
    yield Tensor(f"{name}.out_proj", hidden, inner)


def _delta(hidden: int, state: State) -> Iterator[Tensor]:
    name, inner, heads = "model.layers.0.linear_attn", state.inner, state.value_heads
    yield Tensor(f"{name}.in_proj_qkvz", 2 * inner + state.mixed, hidden)
    yield Tensor(f"{name}.in_proj_ba", 2 * heads, hidden)
    yield Tensor(f"{name}.conv1d", inner + state.mixed, state.kernel, is_linear=False)
    yield Tensor.vector(f"{name}.vectors", 2 * heads + (inner // heads if heads else 0))
    yield Tensor(f"{name}.out_proj", hidden, inner)


def encoder_tensors(anatomy: Anatomy) -> Iterator[Tensor]:
    """An encoder of BERT's family."""
    hidden, width = anatomy.hidden, anatomy.intermediate
    rows = anatomy.vocab + (anatomy.context_max or 0) + SEGMENTS
    yield Tensor("embeddings", rows, hidden, is_linear=False)
    yield Tensor.vector("embeddings.LayerNorm", 2 * hidden)
    for each in (
        *biased("encoder.layer.0.attention.query", hidden, hidden, has_bias=True, times=4),
        *biased("encoder.layer.0.intermediate", width, hidden, has_bias=True),
        *biased("encoder.layer.0.output", hidden, width, has_bias=True),
        Tensor.vector("encoder.layer.0.norms", 4 * hidden),
    ):
        yield each.repeated(len(anatomy.layers))
    yield from biased("pooler.dense", hidden, hidden, has_bias=True)


def vision_tensors(vision: Vision) -> Iterator[Tensor]:
    """An image encoder, and what hands its tokens to the language model."""
    hidden, width = vision.hidden, vision.intermediate
    merged = hidden * vision.merge
    yield Tensor("visual.patch_embed", hidden, vision.patch_numbers)
    for each in (
        *biased("visual.blocks.0.attn", hidden, hidden, has_bias=True, times=4),
        *biased("visual.blocks.0.mlp.fc1", width, hidden, has_bias=True),
        *biased("visual.blocks.0.mlp.fc2", hidden, width, has_bias=True),
        Tensor.vector("visual.blocks.0.norms", 4 * hidden),
    ):
        yield each.repeated(vision.layers)
    yield Tensor.vector("visual.norm", 2 * hidden)
    if vision.merge > 1:
        yield from biased("visual.merger.mlp.0", merged, merged, has_bias=True)
        yield from biased("visual.merger.mlp.2", vision.out, merged, has_bias=True)
    else:
        yield Tensor("visual.positions", vision.positions + 1, hidden)
        yield Tensor("projector", vision.out, hidden)
        yield Tensor.vector("projector.norm", hidden)
