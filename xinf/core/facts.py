"""What is known of a model's files without loading them: `facts/<name>` in the store.

They are read from its config.json and the headers of its weights, and what a way of running it
takes is computed from them, see `registry.footprint`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from xinf.core.memory import CacheGroup


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights by how an engine holds them.

    `numbers` become numbers of the format that the model computes in, whatever they are stored in;
    `packed` are bytes of quantized weights with their scales, which stay as they are. Tensor
    parallel divides both; of those that end in `_whole` each device holds all.
    """

    numbers: int = 0
    packed: int = 0
    numbers_whole: int = 0
    packed_whole: int = 0

    def divided_bytes(self, number_bytes: float) -> int:
        """What the devices of one replica hold between them."""
        return round(self.numbers * number_bytes) + self.packed

    def whole_bytes(self, number_bytes: float) -> int:
        """What each device holds."""
        return round(self.numbers_whole * number_bytes) + self.packed_whole


@dataclass(frozen=True, slots=True)
class Sizes:
    """Widths, in numbers for each token: what a step's peak and LoRA slots are computed from.

    `query` is for all `heads` of a layer together, `key_value` for its keys and values together.
    `intermediate` is that of a dense layer, `expert_intermediate` that of one expert, and
    `experts_used` of `experts` see a token.
    `vision_width` and `vision_tokens` are those of the vision encoder, tokens before they are
    merged for the language model.
    """

    layers: int = 0
    hidden: int = 0
    heads: int = 0
    query: int = 0
    key_value: int = 0
    intermediate: int = 0
    vocab: int = 0
    experts: int = 0
    experts_used: int = 0
    expert_intermediate: int = 0
    vision_width: int = 0
    vision_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`source` is as a user writes it, `revision` changes with the files' content.

    `format` is "safetensors", "gguf" or "pytorch"; `architecture` the name in config.json, or the
    one in a GGUF file. `quantization` and `traits` are words of `core.workload.Workload`.
    `parameters` are numbers in the whole model. `vision` are numbers of a vision encoder, and
    `drafts` those of layers that only serve to guess ahead; neither is among `weights`. `cache` is
    what a sequence keeps, in the model's own number format. `is_exact` = the weights were counted
    in headers, not computed from config.json. With a `problem` nothing else is known.
    """

    source: str
    revision: str = ""
    format: str = ""
    architecture: str = ""
    dtype: str = ""
    quantization: str = "none"
    parameters: int = 0
    weights: Weights = Weights()
    vision: int = 0
    drafts: Weights = Weights()
    cache: tuple[CacheGroup, ...] = ()
    sizes: Sizes = Sizes()
    context_max: int | None = None
    traits: tuple[str, ...] = ()
    is_exact: bool = False
    problem: str = ""


def facts_name(source: str) -> str:
    """The name of the record about `source`, which itself may be of any length and spelling."""
    return hashlib.sha256(source.encode()).hexdigest()[:24]
