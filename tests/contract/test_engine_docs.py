"""docs/engines.md says of each engine exactly what the engine says of itself.

With XINF_WRITE_DOCS=1 it writes what the engines say into the page instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from tests.support.shim import EngineKind, ShimProcess
from tests.support.tree import ROOT
from xinf.engine.channel import EngineChannel

PAGE = ROOT / "docs" / "engines.md"
WORDS = {
    "chat": "chat completions",
    "completions": "text completions",
    "embeddings": "embeddings",
    "tools": "tool calls",
    "structured_output": "structured output (JSON schema)",
    "logprobs": "log probabilities",
    "cancel_in_prefill": "cancelling while it still reads the prompt",
    "kv_events": "events of its KV cache",
    "metrics": "metrics of its own",
    "sleep": "sleep and wake",
}
ROW = re.compile(r"^\| (?P<engine>[a-z]+) \| (?P<words>[^|]+) \| (?P<answer>[^|]+) \|$", re.M)


def told(page: Path) -> dict[tuple[str, str], str]:
    """What the page says, by engine and capability."""
    rows = ROW.finditer(page.read_text())
    return {(row["engine"], row["words"].strip()): row["answer"].strip() for row in rows}


def lines(engine: str, capabilities: Mapping[str, str]) -> list[str]:
    return [f"| {engine} | {WORDS[name]} | {capabilities[name]} |" for name in WORDS]


async def test_the_page_says_what_the_engine_says(kind: EngineKind, shim: ShimProcess) -> None:
    channel = EngineChannel(shim.address)
    facts = await channel.info(10)
    await channel.close()
    real = {
        name: "yes" if each.supported else f"no: {each.reason}"
        for name, each in facts.capabilities.items()
    }
    assert real.keys() <= WORDS.keys(), "a capability that the page has no words for"
    real = {name: real.get(name, "no: it does not say") for name in WORDS}
    if os.environ.get("XINF_WRITE_DOCS"):
        write(kind.name, real)
    page = told(PAGE)
    assert {name: page.get((kind.name, WORDS[name])) for name in WORDS} == real


def write(engine: str, real: Mapping[str, str]) -> None:
    kept = [line for line in PAGE.read_text().splitlines() if not line.startswith(f"| {engine} |")]
    at = max(index for index, line in enumerate(kept) if line.startswith("|")) + 1
    kept[at:at] = lines(engine, real)
    PAGE.write_text("\n".join(kept) + "\n")
