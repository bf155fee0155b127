"""All settings of one xinf, checked and typed. Durations are seconds, sizes bytes, contexts tokens.

No section has a default here: configs/default.toml is the single source of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel

from xinf.config import types as t
from xinf.config.models import STRICT, Defaults, ModelTable
from xinf.core.models import ModelSpec


class Server(BaseModel):
    """`[server]`: the HTTP face."""

    model_config = STRICT

    host: t.Text
    port: t.Port
    load_timeout: t.Seconds
    heartbeat_after: t.Seconds
    body_limit: t.Size
    header_timeout: t.Seconds
    body_timeout: t.Seconds
    write_timeout: t.Seconds
    drain_timeout: t.SecondsOrZero
    allowed_hosts: t.Texts
    allowed_origins: t.Texts


class Memory(BaseModel):
    """`[memory]`: what is left free."""

    model_config = STRICT

    reserve: t.Size


class Scheduler(BaseModel):
    """`[scheduler]`: where replicas go. An empty `compatibility` looks beside the config file."""

    model_config = STRICT

    strategy: t.StrategyName
    residence: t.SecondsOrZero
    compatibility: str


class Agent(BaseModel):
    """`[agent]`: how engines are watched, restarted and stopped."""

    model_config = STRICT

    resync: t.Seconds
    orphan_lease: t.Seconds
    backoff_min: t.Seconds
    backoff_max: t.Seconds
    backoff_reset: t.Seconds
    failures: t.Count
    failure_window: t.Seconds
    start_deadline: t.Seconds
    health_interval: t.Seconds
    health_timeout: t.Seconds
    health_misses: t.Count
    hang_after: t.Seconds
    stop_grace: t.SecondsOrZero
    memory_wait: t.Seconds


class Storage(BaseModel):
    """`[storage]`: the database."""

    model_config = STRICT

    busy_timeout: t.Seconds


class Router(BaseModel):
    """`[router]`: which replica answers."""

    model_config = STRICT

    policy: Annotated[Literal["least_connections"], t.one_of("least_connections")]
    retries: t.CountOrZero


class LlamaCpp(BaseModel):
    """`[engines.llamacpp]`. None is "auto": xinf's own interpreter; a thread for each core."""

    model_config = STRICT

    python: t.PythonOrAuto
    threads: t.CountOrAuto
    parallel: t.Count
    context: t.Tokens


class Vllm(BaseModel):
    """`[engines.vllm]`. None is "auto": xinf's own interpreter; what vLLM itself chooses."""

    model_config = STRICT

    python: t.PythonOrAuto
    parallel: t.Count
    kv_cache: t.CacheSize
    max_num_seqs: t.CountOrAuto


class Sim(BaseModel):
    """`[engines.sim]`: nothing yet; its models say everything."""

    model_config = STRICT


class Engines(BaseModel):
    """`[engines]`: settings that all models of one engine share."""

    model_config = STRICT

    llamacpp: LlamaCpp
    vllm: Vllm
    sim: Sim


class Settings(BaseModel):
    """The whole of it."""

    model_config = STRICT

    server: Server
    memory: Memory
    scheduler: Scheduler
    agent: Agent
    storage: Storage
    router: Router
    engines: Engines
    defaults: Defaults
    models: Mapping[t.ModelName, ModelTable] = {}

    def model_specs(self) -> tuple[ModelSpec, ...]:
        """Every declared model, in the order in which they were written."""
        return tuple(table.to_spec(name, self.defaults) for name, table in self.models.items())
