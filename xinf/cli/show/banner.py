"""What `up` says when it is ready: where, what, and something to paste."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from xinf.cli.show.tables import headline
from xinf.core.states import ModelState
from xinf.core.views import ModelView

# SmolLM2's chat template brings a system prompt of its own that spoils greedy answers, and warm
# answers of a small model miss: so the example says both.
_SYSTEM = "You are a helpful assistant."
_QUESTION = "What is the capital of France?"


def banner(url: str, models: Sequence[ModelView]) -> str:
    """`url` is where the server listens, with or without `/v1`."""
    base = f"{url.rstrip('/').removesuffix('/v1')}/v1"
    ready = [model for model in models if model.state is ModelState.READY]
    parts = [_head(base, models)]
    if ready:
        parts.append(f"Try it:\n\n{example_curl(base, ready[0].name)}")
    parts.append(
        "For the OpenAI SDKs and everything built on them:\n\n"
        f"export OPENAI_BASE_URL={shlex.quote(base)}\n"
        "export OPENAI_API_KEY=xinf"
    )
    return "\n\n".join(parts) + "\n"


def example_curl(base: str, model: str) -> str:
    """A chat completion that can be pasted into any POSIX shell."""
    body = {
        "model": model,
        "temperature": 0,
        "messages": [
            {"role": "system", "content": _SYSTEM},
            {"role": "user", "content": _QUESTION},
        ],
    }
    return (
        f"curl {shlex.quote(f'{base}/chat/completions')} \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(json.dumps(body))}"
    )


def _head(base: str, models: Sequence[ModelView]) -> str:
    lines = [f"xinf serves {base}"]
    width = max((len(model.name) for model in models), default=0)
    for model in models:
        is_up = model.state is not ModelState.FAILED and model.state is not ModelState.OFF
        about = f"{model.state} on {model.engine}" if is_up else str(model.state)
        why = f" ({headline(model.reason)})" if model.reason else ""
        lines.append(f"  {model.name:<{width}}  {about}{why}")
    if not models:
        lines.append("  no model yet: xinf launch NAME --source SOURCE")
    return "\n".join(lines)
