"""What the loaded engine is and can do."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xinf.shim.backends.base import Capability

# A safetensors file begins with the length of its JSON header, eight bytes, little endian.
LENGTH_BYTES = 8
# Headers of the largest models hold some megabytes; more is no header.
HEADER_BYTES_MAX = 100 * 1024 * 1024

YES = Capability(True)


@dataclass(frozen=True, slots=True)
class Facts:
    """`context` is tokens of one request; `blocks` of `block_size` tokens are the KV cache."""

    version: str
    context: int
    parallel: int
    dtype: str
    quantization: str
    block_size: int
    blocks: int
    kv_bytes: int


def capabilities(tasks: Collection[str], has_tool_parser: bool) -> Mapping[str, Capability]:
    """By vLLM's names for what a model is for."""
    embeds = "embed" in tasks
    no_text = "this model makes embeddings, not text" if embeds else "this model makes no text"
    talk = YES if "generate" in tasks else Capability(False, no_text)
    no_parser = "the model's engine_args set no `enable_auto_tool_choice` and `tool_call_parser`"
    tools = talk if has_tool_parser or not talk.supported else Capability(False, no_parser)
    return {
        "chat": talk,
        "completions": talk,
        "logprobs": talk,
        "structured_output": talk,
        "tools": tools,
        "embeddings": YES if embeds else Capability(False, "this model makes text, not embeddings"),
        "cancel_in_prefill": YES,
        "metrics": YES,
        "kv_events": YES if "generate" in tasks else Capability(False, "it keeps no KV cache"),
        "sleep": Capability(False, "idle models are stopped, not put to sleep"),
    }


def count_parameters(folder: Path) -> int:
    """Numbers in the weights of `folder`, by their headers alone; 0 where they do not tell.

    Quantized weights are packed, so that theirs would be a wrong number: do not ask.
    """
    try:
        return sum(_parameters(path) for path in folder.glob("*.safetensors"))
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _parameters(path: Path) -> int:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if length > HEADER_BYTES_MAX:
            raise ValueError(f"{path} has no header")
        header: dict[str, Any] = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return sum(math.prod(tensor["shape"]) for tensor in header.values())
