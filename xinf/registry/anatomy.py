"""What a model is made of, as its config.json says it: layers, widths, and their kinds.

Models name the same thing in several ways, and leave out what their own code takes for granted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from xinf.registry.config_json import Table, Unreadable
from xinf.registry.granted import DEFAULTS
from xinf.registry.layers import ENCODERS, LAYERS_MAX, Layer, read_layers


@dataclass(frozen=True, slots=True)
class Experts:
    """A layer has `count` experts of width `intermediate`, of which a token sees `used`, and one
    that all tokens see, of width `shared`. The first `dense_first` layers have none, and of the
    others every one whose number leaves `offset` when divided by `every` has them.
    """

    count: int
    used: int
    intermediate: int
    shared: int = 0
    dense_first: int = 0
    every: int = 1
    offset: int = 0
    dense_layers: tuple[int, ...] = ()

    def are_in(self, layer: int) -> bool:
        return (
            layer >= self.dense_first
            and layer % self.every == self.offset
            and layer not in self.dense_layers
        )


@dataclass(frozen=True, slots=True)
class Latent:
    """Multi-head latent attention: keys and values come out of one vector of `rank` numbers, and
    `rope` numbers beside it. `query_rank` is 0 where queries are not compressed.
    """

    rank: int
    rope: int
    nope: int
    value: int
    query_rank: int = 0


class Form(StrEnum):
    """The kinds of layers that keep a state."""

    MAMBA = "mamba"
    MAMBA2 = "mamba2"
    DELTA = "delta"  # gated delta net


@dataclass(frozen=True, slots=True)
class State:
    """A layer that keeps a state instead of tokens. `inner` numbers wide, of which each keeps
    `size`; `mixed` are further numbers that go through its convolution of `kernel` steps. `heads`
    = in how many parts the state can be divided, `value_heads` how many heads `inner` has.
    """

    form: Form
    inner: int
    size: int
    mixed: int
    kernel: int
    heads: int
    value_heads: int = 0

    @property
    def numbers(self) -> int:
        """What is kept of a sequence: the convolution's last inputs, and the state proper. Shapes
        as in vLLM 0.32, model_executor/layers/mamba/mamba_utils.py.
        """
        return (self.inner + self.mixed) * max(self.kernel - 1, 0) + self.inner * self.size


@dataclass(frozen=True, slots=True)
class Vision:
    """An image encoder. `tokens` is the most that one look takes, before merging `merge` of them
    into one of `out` numbers for the language model.
    """

    layers: int
    hidden: int
    intermediate: int
    patch_numbers: int
    tokens: int
    merge: int
    out: int
    positions: int = 0


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A model's text part, and what else there is. `kind` is its `model_type`."""

    kind: str
    architecture: str
    dtype: str
    layers: tuple[Layer, ...]
    hidden: int
    intermediate: int
    vocab: int
    heads: int
    kv_heads: int
    head_dim: int
    context_max: int | None = None
    window: int | None = None
    is_tied: bool = False
    is_encoder: bool = False
    has_attention_bias: bool = False
    experts: Experts | None = None
    latent: Latent | None = None
    state: State | None = None
    vision: Vision | None = None


def read_anatomy(config: Table) -> Anatomy:
    """What `config` describes. Raises Unreadable where it describes no model that can be sized."""
    text = _text_part(config)
    kind = text.text("model_type") or config.text("model_type")
    hidden = text.number("hidden_size", "n_embd", "d_model", "dim")
    heads = text.number("num_attention_heads", "n_head", "num_heads", "n_heads")
    if not hidden:
        raise Unreadable("config.json names no hidden_size")
    context = text.number(
        "max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "n_ctx"
    )
    experts = _experts(text)
    return Anatomy(
        kind=kind,
        architecture=next(iter(config.texts("architectures")), ""),
        dtype=text.text("dtype", "torch_dtype") or config.text("dtype", "torch_dtype"),
        layers=read_layers(text, kind),
        hidden=hidden,
        intermediate=_intermediate(text, hidden),
        vocab=text.number("vocab_size", "padded_vocab_size"),
        heads=heads,
        kv_heads=_kv_heads(text, heads),
        head_dim=text.number("head_dim", "kv_channels") or (hidden // heads if heads else 0),
        context_max=context or None,
        window=_window(text, context),
        is_tied=text.flag("tie_word_embeddings", default=_is_tied(config)),
        is_encoder=kind in ENCODERS,
        has_attention_bias=text.flag("attention_bias", default=False),
        experts=experts,
        latent=_latent(text),
        state=_state(text, hidden),
        vision=_vision(config, hidden),
    )


def _text_part(config: Table) -> Table:
    """The language model's settings, with what its code would take for granted."""
    nested = config.table("text_config", "llm_config", "language_config")
    told = dict(nested.members) if nested else dict(config.members)
    kind = nested.text("model_type") if nested else config.text("model_type")
    return Table({**DEFAULTS.get(kind, {}), **{k: v for k, v in told.items() if v is not None}})


def _is_tied(config: Table) -> bool:
    return config.flag("tie_word_embeddings", default=False)


def _intermediate(text: Table, hidden: int) -> int:
    told = text.number("intermediate_size", "n_inner", "ffn_hidden_size", "ffn_dim")
    return told or 4 * hidden


def _kv_heads(text: Table, heads: int) -> int:
    if text.flag("new_decoder_architecture", default=False):
        return text.number("num_kv_heads", default=heads)
    if text.flag("multi_query", default=text.text("model_type") == "falcon"):
        return 1
    return text.number(
        "num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num", default=heads
    )


def _window(text: Table, context: int) -> int | None:
    """None where all tokens of the longest context lie in it."""
    window = text.number("sliding_window", "attention_chunk_size", "sliding_window_size")
    return window if window and not (context and window >= context) else None


def _experts(text: Table) -> Experts | None:
    count = text.number("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
    if not count:
        return None
    width = text.number("moe_intermediate_size", "expert_intermediate_size")
    width = width or text.number("intermediate_size")
    shared = text.number("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size")
    every = text.number("expert_layer_period", "decoder_sparse_step", "moe_layer_freq", default=1)
    is_counted_from_one = text.has("decoder_sparse_step")
    return Experts(
        count=count,
        used=text.number("num_experts_per_tok", "num_experts_per_token", "moe_top_k", default=1),
        intermediate=width,
        shared=shared or text.number("n_shared_experts") * width,
        dense_first=text.number("first_k_dense_replace"),
        every=max(every, 1),
        offset=every - 1 if is_counted_from_one and every else text.number("expert_layer_offset"),
        dense_layers=text.numbers("mlp_only_layers"),
    )


def _latent(text: Table) -> Latent | None:
    rank = text.number("kv_lora_rank")
    if not rank:
        return None
    return Latent(
        rank=rank,
        rope=text.number("qk_rope_head_dim"),
        nope=text.number("qk_nope_head_dim"),
        value=text.number("v_head_dim"),
        query_rank=text.number("q_lora_rank"),
    )


def _state(text: Table, hidden: int) -> State | None:
    if text.has("linear_num_value_heads"):
        size = text.number("linear_key_head_dim")
        heads, value_heads = (text.number(f"linear_num_{what}_heads") for what in ("key", "value"))
        return State(
            form=Form.DELTA,
            inner=value_heads * text.number("linear_value_head_dim"),
            size=size,
            mixed=2 * heads * size,
            kernel=text.number("linear_conv_kernel_dim", default=4),
            heads=max(heads, 1),
            value_heads=value_heads,
        )
    size = text.number("mamba_d_state", "ssm_state_size", "state_size")
    return _mamba(text, hidden, size) if size else None


def _mamba(text: Table, hidden: int, size: int) -> State:
    heads = text.number("mamba_n_heads", "mamba_num_heads")
    inner = text.number("mamba_d_ssm", "mamba_intermediate_size")
    inner = inner or heads * text.number("mamba_d_head", "mamba_head_dim")
    inner = inner or text.number("mamba_expand", "expand", default=2) * hidden
    groups = text.number("mamba_n_groups", "n_groups", default=1)
    return State(
        form=Form.MAMBA2 if heads else Form.MAMBA,
        inner=inner,
        size=size,
        mixed=2 * groups * size if heads else 0,
        kernel=text.number("mamba_d_conv", "conv_kernel", default=4),
        heads=heads or max(inner, 1),
        value_heads=heads,
    )


# Qwen2-VL's preprocessor takes images of up to 12,845,056 pixels, 28 x 28 of them for one token.
DYNAMIC_IMAGE_TOKENS = 16384


def _vision(config: Table, hidden: int) -> Vision | None:
    part = config.table("vision_config")
    if part is None:
        return None
    width = part.number("embed_dim") or part.number("hidden_size", "width")
    layers = part.number("depth", "num_hidden_layers", "layers")
    if not width or not 0 < layers <= LAYERS_MAX:
        return None
    patch = part.number("patch_size", "spatial_patch_size", default=14) or 14
    side = part.number("image_size") // patch
    edge = part.number("spatial_merge_size", default=1) or 1
    channels = part.number("in_channels", "in_chans", "num_channels", default=3)
    return Vision(
        layers=layers,
        hidden=width,
        intermediate=part.number("intermediate_size") or part.number("mlp_ratio") * width,
        patch_numbers=patch * patch * channels * part.number("temporal_patch_size", default=1),
        tokens=side * side or DYNAMIC_IMAGE_TOKENS * edge * edge,
        merge=edge * edge,
        out=part.number("out_hidden_size") or hidden,
        positions=side * side,
    )
