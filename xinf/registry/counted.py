"""Weights as they are counted in headers: exact, whatever config.json says of quantization."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from xinf.core.facts import Weights
from xinf.registry.safetensors import Stored

# Engines turn these into the format that they compute in; of everything else they keep the bytes.
PLAIN = frozenset({"F64", "F32", "F16", "BF16"})
# What belongs to packed weights, in whatever format it is stored.
_PACKING = re.compile(r"(scale|zero|g_idx|absmax|quant_|scb)", re.IGNORECASE)
# Made anew by every engine.
_BUFFERS = re.compile(r"(position_ids|inv_freq|masked_bias|attn\.bias|num_batches_tracked)$")
_VISION = re.compile(
    r"(^|\.)(visual|vision\w*|image_newline|multi_modal_projector|mm_projector|audio_tower)(\.|$)"
)
# Each device holds these whole: routers, and what compresses in latent attention.
_WHOLE = re.compile(r"(\.(router|gate|q_a_proj|kv_a_proj_with_mqa|shared_expert_gate))\.\w+$")
_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")
# Some files hold the head although the embeddings serve as it; engines then leave it out.
_HEAD = re.compile(r"(^|\.)lm_head\.weight$")


@dataclass(frozen=True, slots=True)
class Counted:
    """`parameters` is 0 where weights are packed: a packed number cannot be told from a byte."""

    parameters: int
    weights: Weights
    vision: int
    drafts: Weights


def count_weights(tensors: Mapping[str, Stored], layers: int, *, is_tied: bool) -> Counted:
    """What an engine holds of `tensors`. Layers from number `layers` on are for guessing ahead."""
    sums: dict[str, Counter[str]] = {"language": Counter(), "drafts": Counter()}
    vision = parameters = 0
    for name, stored in tensors.items():
        if _BUFFERS.search(name) or (is_tied and _HEAD.search(name)):
            continue
        is_plain = stored.dtype in PLAIN and not _PACKING.search(name)
        parameters += stored.numbers
        if _VISION.search(name):
            vision += stored.numbers if is_plain else stored.size_bytes // 2
            continue
        part = "drafts" if _is_draft(name, layers) else "language"
        where = "_whole" if len(stored.shape) < 2 or _WHOLE.search(name) else ""
        key = ("numbers" if is_plain else "packed") + where
        sums[part][key] += stored.numbers if is_plain else stored.size_bytes
    language, drafts = (Weights(**sums[part]) for part in ("language", "drafts"))
    is_packed = bool(language.packed or language.packed_whole)
    return Counted(0 if is_packed else parameters, language, vision, drafts)


def _is_draft(name: str, layers: int) -> bool:
    found = _LAYER.search(name)
    return name.startswith("mtp.") or bool(found and layers and int(found[1]) >= layers)
