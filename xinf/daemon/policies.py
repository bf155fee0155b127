"""Settings as the values that each room was written for. pydantic goes no further than this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from xinf.agent.backoff import BackoffPolicy
from xinf.agent.ports import AgentPolicy
from xinf.config.settings import Settings
from xinf.core.json import JsonValue
from xinf.core.models import ModelSpec
from xinf.gateway.completions import Patience
from xinf.gateway.limits import Limits
from xinf.gateway.security import Doorkeeper
from xinf.registry.families import default_model
from xinf.registry.resolve import RUNTIMES
from xinf.scheduler.snapshot import PlanPolicy


def declared_models(settings: Settings) -> tuple[ModelSpec, ...]:
    """What the file declares; the default model exists only when that is nothing."""
    if settings.models:
        return settings.model_specs()
    return (replace(default_model(), engine=settings.defaults.engine),)


def plan_policy(settings: Settings) -> PlanPolicy:
    scheduler = settings.scheduler
    return PlanPolicy(scheduler.strategy, settings.memory.reserve, scheduler.residence)


def engine_defaults(settings: Settings) -> Mapping[str, Mapping[str, JsonValue]]:
    """What a model's own settings override, by engine."""
    llamacpp, vllm = settings.engines.llamacpp, settings.engines.vllm
    told: Mapping[str, Mapping[str, JsonValue]] = {
        "llamacpp": {
            "parallel": llamacpp.parallel,
            "context": llamacpp.context,
            "threads": llamacpp.threads,
        },
        # By vLLM's own names, which a model's `engine_args` use too.
        "vllm": {
            "parallel": vllm.parallel,
            "kv_cache_memory_bytes": vllm.kv_cache,
            "max_num_seqs": vllm.max_num_seqs,
        },
    }
    return {
        engine: {name: value for name, value in args.items() if value is not None}
        for engine, args in told.items()
    }


def own_pythons(settings: Settings) -> Mapping[str, Path]:
    """The interpreters that users brought themselves, by runtime variant."""
    engines = settings.engines
    own = {"llamacpp": engines.llamacpp.python, "vllm": engines.vllm.python}
    return {
        variant: Path(python)
        for engine, python in own.items()
        if python is not None
        for variant in RUNTIMES[engine].values()
    }


def agent_policy(settings: Settings) -> AgentPolicy:
    agent = settings.agent
    return AgentPolicy(
        backoff=BackoffPolicy(
            min_s=agent.backoff_min,
            max_s=agent.backoff_max,
            reset_s=agent.backoff_reset,
            failures_max=agent.failures,
            window_s=agent.failure_window,
        ),
        resync_s=agent.resync,
        start_deadline_s=agent.start_deadline,
        health_interval_s=agent.health_interval,
        health_timeout_s=agent.health_timeout,
        health_misses=agent.health_misses,
        hang_after_s=agent.hang_after,
        drain_timeout_s=settings.server.drain_timeout,
        stop_grace_s=agent.stop_grace,
        memory_wait_s=agent.memory_wait,
    )


def limits(settings: Settings) -> Limits:
    server = settings.server
    return Limits(
        body_bytes=server.body_limit,
        header_s=server.header_timeout,
        body_s=server.body_timeout,
        write_s=server.write_timeout,
    )


def patience(settings: Settings) -> Patience:
    return Patience(settings.server.load_timeout, settings.server.heartbeat_after)


def doorkeeper(settings: Settings) -> Doorkeeper:
    server = settings.server
    return Doorkeeper(server.host, server.allowed_hosts, server.allowed_origins)
