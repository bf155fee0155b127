"""`[models.NAME]` and what every model starts from. A key that is left out takes its default."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from xinf.config import types as t
from xinf.core.models import Activation, ModelSpec, SimSpec

STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)
_SIM = SimSpec()


class SimTable(BaseModel):
    """`[models.NAME.sim]`: how the simulated engine behaves. A fault of 0 never happens."""

    model_config = STRICT

    tokens_per_second: t.Rate = _SIM.tokens_per_second
    prefill_tokens_per_second: t.Rate = _SIM.prefill_tokens_per_second
    load_seconds: t.SecondsOrZero = _SIM.load_seconds
    memory: t.Size = _SIM.memory_bytes
    kv_blocks: t.Count = _SIM.kv_blocks
    block_size: t.Count = _SIM.block_size
    crash_after_tokens: t.CountOrZero = _SIM.crash_after_tokens
    hang_after_tokens: t.CountOrZero = _SIM.hang_after_tokens
    wrong_after_tokens: t.CountOrZero = _SIM.wrong_after_tokens
    fail_load_times: t.CountOrZero = _SIM.fail_load_times

    def to_spec(self) -> SimSpec:
        fields = self.model_dump()
        return SimSpec(memory_bytes=fields.pop("memory"), **fields)


class Defaults(BaseModel):
    """`[defaults]`: what every model starts from."""

    model_config = STRICT

    engine: t.EngineOrAuto
    activation: t.ActivationName
    replicas: t.Replicas
    context: t.TokensOrAuto
    queue: t.CountOrZero
    priority: t.Rank
    dtype: t.Dtype
    kv_dtype: t.CacheDtype
    devices: t.Devices
    pinned: t.YesNo


class ModelTable(BaseModel):
    """`[models.NAME]`. What is not written here comes from `[defaults]`."""

    model_config = STRICT

    source: t.Text | None = None
    engine: t.EngineOrAuto = None
    activation: t.ActivationName | None = None
    replicas: t.Replicas | None = None
    context: t.TokensOrAuto = None
    queue: t.CountOrZero | None = None
    priority: t.Rank | None = None
    dtype: t.Dtype | None = None
    kv_dtype: t.CacheDtype | None = None
    devices: t.Devices | None = None
    pinned: t.YesNo | None = None
    aliases: t.Aliases = ()
    engine_args: t.JsonTable = Field(default_factory=dict)
    env: t.EnvTable = Field(default_factory=dict)
    sim: SimTable | None = None

    def to_spec(self, name: str, defaults: Defaults) -> ModelSpec:
        """This model as the rest of xinf knows it, with the defaults filled in."""
        written = {
            key: getattr(self, key) for key in Defaults.model_fields if key in self.model_fields_set
        }
        chosen = defaults.model_copy(update=written)
        pins = chosen.devices if isinstance(chosen.devices, tuple) else ()
        count = len(chosen.devices) if isinstance(chosen.devices, tuple) else chosen.devices
        return ModelSpec(
            name=name,
            source=self.source or "",
            engine=chosen.engine,
            activation=Activation(chosen.activation),
            replicas=chosen.replicas,
            context=chosen.context,
            dtype=chosen.dtype,
            kv_dtype=chosen.kv_dtype,
            device_count=count,
            pins=pins,
            is_pinned=chosen.pinned,
            priority=chosen.priority,
            aliases=self.aliases,
            queue=chosen.queue,
            engine_args=self.engine_args,
            env=self.env,
            sim=self._sim(chosen.engine),
        )

    def _sim(self, engine: str | None) -> SimSpec | None:
        if engine != "sim":
            return None
        return (self.sim or SimTable()).to_spec()
