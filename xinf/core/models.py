"""What a user wants served: the model, and who asked for it.

`models/<name>` in the store holds a ModelIntent, because three parties may speak about one model:
the TOML file declares it, `launch` adds one without a file, and an override (`load`, `terminate`)
changes a declared one until its opposite or an edit of its table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from xinf.core.json import JsonValue

MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


class Activation(StrEnum):
    """When a model is loaded: at start if it fits beside the others and else when it is asked for;
    before the others; only when a request asks for it; or only when a command does.
    """

    AUTO = "auto"
    PRELOAD = "preload"
    ON_DEMAND = "on_demand"
    MANUAL = "manual"


# Not loaded until a request or a command says so.
_LAZY = frozenset({Activation.ON_DEMAND, Activation.MANUAL})


class Override(StrEnum):
    """A spoken word that outlives the command: serve this model, or stop serving it."""

    LOAD = "load"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class SimSpec:
    """How the simulated engine behaves. Rates are tokens a second; 0 = as fast as possible."""

    tokens_per_second: float = 0.0
    prefill_tokens_per_second: float = 0.0
    load_seconds: float = 0.0
    memory_bytes: int = 0
    kv_blocks: int = 4096
    block_size: int = 16
    # Fault injection; 0 = never. `crash` is a sudden death, `hang` keeps the process and no step
    # is ever made again, `wrong` answers with text that the prompt does not lead to.
    crash_after_tokens: int = 0
    hang_after_tokens: int = 0
    wrong_after_tokens: int = 0
    fail_load_times: int = 0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model as wanted. `context` is tokens, None = the most that the model allows and memory
    holds. Each replica takes `device_count` devices, or exactly those of `pins` (UUIDs).
    `is_pinned` = never stopped to make room for another.
    """

    name: str
    source: str = ""
    engine: str | None = None
    activation: Activation = Activation.AUTO
    replicas: int = 1
    context: int | None = None
    dtype: str = "auto"
    kv_dtype: str = "auto"
    device_count: int = 1
    pins: tuple[str, ...] = ()
    is_pinned: bool = False
    priority: int = 0
    aliases: tuple[str, ...] = ()
    queue: int = 64
    engine_args: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    sim: SimSpec | None = None


@dataclass(frozen=True, slots=True)
class ModelIntent:
    """Everything that was said about one model, each part by its owner."""

    declared: ModelSpec | None = None
    launched: ModelSpec | None = None
    override: Override | None = None

    @property
    def spec(self) -> ModelSpec | None:
        """The model as it was last described; a launch speaks over the file."""
        return self.launched or self.declared

    @property
    def activation(self) -> Activation:
        """When it is loaded; what a command asked for is loaded now, if it fits."""
        if self.spec is None:
            return Activation.MANUAL
        is_asked = self.launched is not None or self.override is Override.LOAD
        return (
            Activation.AUTO
            if is_asked and self.spec.activation in _LAZY
            else (self.spec.activation)
        )

    @property
    def is_wanted(self) -> bool:
        """Whether replicas of it should run."""
        if self.spec is None or self.override is Override.TERMINATE:
            return False
        return (
            self.launched is not None
            or self.override is Override.LOAD
            or self.spec.activation is not Activation.MANUAL
        )

    @property
    def is_empty(self) -> bool:
        """Nobody speaks about it any more: the record can go."""
        return self.spec is None

    @property
    def owner(self) -> str:
        """Whose word is in force, for `why`."""
        if self.override is not None:
            return f"{self.override} command"
        return "launch command" if self.launched is not None else "config file"


def declare(before: ModelIntent, spec: ModelSpec | None) -> ModelIntent:
    """The file now says `spec` (None: no longer mentioned); an edited table clears the override."""
    if spec == before.declared:
        return before
    return replace(before, declared=spec, override=None)


def launch(before: ModelIntent, spec: ModelSpec) -> ModelIntent:
    """A launch of a model that is described on the command line."""
    return replace(before, launched=spec, override=None)


def load(before: ModelIntent) -> ModelIntent:
    """A launch of a model that is already described: undo a terminate, or start a manual one."""
    spec = before.declared
    is_lazy = spec is not None and spec.activation in _LAZY
    return replace(before, override=Override.LOAD if is_lazy else None)


def terminate(before: ModelIntent) -> ModelIntent:
    """Stop serving it: a launched model is forgotten, a declared one is overridden."""
    if before.declared is None:
        return ModelIntent()
    return replace(before, launched=None, override=Override.TERMINATE)
