"""What the loaded engine says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xinf.shim.backends.base import Capability

YES = Capability(True)


@dataclass(frozen=True, slots=True)
class Facts:
    """`context` is tokens of one request, after llama.cpp's own limits."""

    context: int
    parameters: int
    quantization: str
    template_has_tools: bool


def read_facts(models: bytes, props: bytes) -> Facts:
    """From the answers of /v1/models and /props."""
    meta: dict[str, Any] = json.loads(models)["data"][0]["meta"]
    told: dict[str, Any] = json.loads(props)
    return Facts(
        context=int(meta["n_ctx"]),
        parameters=int(meta.get("n_params") or 0),
        quantization=str(meta.get("ftype") or ""),
        template_has_tools=bool(told.get("chat_template_caps", {}).get("supports_tools")),
    )


def capabilities(facts: Facts) -> Mapping[str, Capability]:
    no_tools = "the model's chat template has no place for tools"
    return {
        "chat": YES,
        "completions": YES,
        "embeddings": Capability(False, "the engine was started to generate text"),
        "kv_events": Capability(False, "llama.cpp does not tell what its cache holds"),
        "sleep": Capability(False, "llama.cpp keeps its weights in memory; stop the model instead"),
        "logprobs": YES,
        "tools": YES if facts.template_has_tools else Capability(False, no_tools),
        "structured_output": YES,
        "cancel_in_prefill": YES,
        "metrics": YES,
    }
