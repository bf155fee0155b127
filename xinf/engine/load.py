"""What an engine says it is doing."""

from __future__ import annotations

from dataclasses import dataclass

from xinf.protocol.messages import pb


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """`kv_usage` is a share from 0 to 1, `stalled_seconds` how long no step came while busy."""

    running: int = 0
    waiting: int = 0
    kv_usage: float = 0.0
    memory_bytes: int = 0
    generated_tokens: int = 0
    stalled_seconds: float = 0.0


def load_of(message: pb.Load) -> EngineLoad:
    return EngineLoad(
        running=message.running,
        waiting=message.waiting,
        kv_usage=message.kv_usage,
        memory_bytes=message.memory_bytes,
        generated_tokens=message.generated_tokens,
        stalled_seconds=message.stalled_seconds,
    )
