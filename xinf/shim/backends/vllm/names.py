# pyright: basic, reportMissingImports=false, reportPrivateUsage=false
"""Everything of vLLM that xinf leans on, in one place. None of it is a promise of vLLM's.

Importing this imports vLLM. tests/contract/test_vllm_names.py holds these names and signatures
against the installed release, so that an upgrade fails there, loudly, and nowhere else. What comes
in and goes out here are values of ours, or objects that nobody else looks into.
"""

from __future__ import annotations

import multiprocessing.process
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import msgspec
import torch
import zmq
import zmq.asyncio
from prometheus_client import generate_latest
from vllm.distributed.kv_events import AllBlocksCleared, BlockRemoved, BlockStored, KVEventBatch
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.api_server.app_state import init_app_state
from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.entrypoints.serve.utils.api_utils import cli_env_setup
from vllm.platforms import current_platform
from vllm.usage.usage_lib import UsageContext
from vllm.utils.argparse_utils import FlexibleArgumentParser
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.metrics.loggers import StatLoggerBase
from vllm.v1.metrics.prometheus import get_prometheus_registry
from vllm.version import __version__ as VERSION  # noqa: N812

from xinf.shim.backends.optional import BlocksCleared, BlocksRemoved
from xinf.shim.backends.vllm.facts import Facts
from xinf.shim.backends.vllm.residency import News, Stored
from xinf.shim.backends.vllm.stats import Step

CONTEXT = UsageContext.OPENAI_API_SERVER


def is_cpu() -> bool:
    return bool(current_platform.is_cpu())


def device_bytes() -> int:
    """All memory of one device. Does not initialise it."""
    return int(current_platform.get_device_total_memory())


# Settings


def argument_parser() -> ArgumentParser:
    """The parser of `vllm serve`; sets the start method of processes as that does."""
    cli_env_setup()
    return make_arg_parser(FlexibleArgumentParser(prog="vllm", add_help=False))


def actions(parser: ArgumentParser) -> Mapping[str, Action]:
    """What the parser knows, by the name of the setting."""
    return {action.dest: action for action in parser._actions}


def check(args: Namespace) -> None:
    """What vLLM's own entry checks after parsing. Raises TypeError or ValueError."""
    validate_parsed_serve_args(args)


def configure(args: Namespace) -> Any:
    """The whole configuration; reads the model's config.json. Raises ValueError or OSError."""
    return AsyncEngineArgs.from_cli_args(args).create_engine_config(CONTEXT)


def set_threads(number: int) -> None:
    """How many of them one operation on the CPU takes, in this process."""
    torch.set_num_threads(number)


def context_of(config: Any) -> int:
    return int(config.model_config.max_model_len)


# The engine


def start(config: Any, on_step: Callable[[Step], None]) -> Any:
    """Start EngineCore and its workers, children of this thread; blocks until all is loaded."""
    return AsyncLLM.from_vllm_config(
        config, usage_context=CONTEXT, stat_loggers=[_step_logger(on_step)]
    )


async def serve(engine: Any, args: Namespace) -> tuple[Any, tuple[str, ...]]:
    """The ASGI app of vLLM itself before `engine`, and the tasks that the model is for."""
    await engine.reset_mm_cache()
    tasks = await engine.get_supported_tasks()
    app = build_app(args, tasks, engine.model_config)
    await init_app_state(engine, app.state, args, tasks)
    # vLLM tells its server to leave when the engine died; ours looks at `is_dead`.
    app.state.server = SimpleNamespace(should_exit=False)
    return app, tuple(tasks)


def facts(engine: Any) -> Facts:
    """What the configuration became once the engine had loaded."""
    config = engine.vllm_config
    return Facts(
        version=VERSION,
        context=context_of(config),
        parallel=config.scheduler_config.max_num_seqs,
        dtype=str(config.model_config.dtype).removeprefix("torch."),
        quantization=config.model_config.quantization or "",
        block_size=config.cache_config.block_size,
        blocks=config.cache_config.num_gpu_blocks or 0,
        kv_bytes=config.cache_config.kv_cache_memory_bytes or 0,
    )


def unfinished(engine: Any) -> int:
    """Requests that the engine has and that were neither answered nor aborted."""
    return engine.get_num_unfinished_requests()


def is_dead(engine: Any) -> bool:
    """Whether EngineCore is gone. It never comes back."""
    return bool(engine.errored)


def stop(engine: Any, seconds: float) -> None:
    """End EngineCore and its workers. Blocks for a little more than `seconds` at most."""
    engine.shutdown(timeout=seconds)


def core_processes(engine: Any) -> list[multiprocessing.process.BaseProcess]:
    manager = engine.engine_core.resources.engine_manager
    return list(manager.processes) if manager is not None else []


def exposition() -> bytes:
    """Metrics of vLLM itself, as Prometheus' text."""
    return generate_latest(get_prometheus_registry())


# The KV cache


def kv_socket(engine: Any) -> Any | None:
    """Where vLLM's events arrive, each as [topic, number, payload]; None if it has none."""
    source = engine.get_kv_event_sources().get(0)
    if source is None:
        return None
    socket = zmq.asyncio.Context.instance().socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.setsockopt(zmq.LINGER, 0)
    socket.subscribe(b"")
    socket.connect(source.endpoint)
    return socket


def read_kv(payload: bytes) -> list[News]:
    """What one message of the socket tells."""
    events = _KV_READER.decode(payload).events
    return [news for news in map(_kv_news, events) if news is not None]


_KV_READER = msgspec.msgpack.Decoder(KVEventBatch)


def _kv_news(event: Any) -> News | None:
    # Other groups are other kinds of layers over the same tokens.
    if getattr(event, "group_idx", 0):
        return None
    match event:
        case BlockStored():
            return Stored(
                hashes=tuple(map(_kv_name, event.block_hashes)),
                parent=_kv_name(event.parent_block_hash),
                token_ids=event.token_ids,
                block_size=event.block_size,
                medium=event.medium or "",
                is_plain=event.lora_name is None and not any(event.extra_keys or ()),
            )
        case BlockRemoved():
            return BlocksRemoved(tuple(map(_kv_name, event.block_hashes)), event.medium or "")
        case AllBlocksCleared():
            return BlocksCleared()
    return None


def _kv_name(name: int | bytes | None) -> bytes:
    """By default vLLM publishes the lower 64 bits of a hash."""
    if name is None:
        return b""
    return name if isinstance(name, bytes) else name.to_bytes(8, "big")


# Figures


def _step_logger(on_step: Callable[[Step], None]) -> type[Any]:
    """A logger class: vLLM wants to build the object itself."""

    class StepLogger(StatLoggerBase):
        def __init__(self, vllm_config: Any, engine_index: int = 0) -> None:
            pass

        def log_engine_initialized(self) -> None:
            pass

        def record(
            self,
            scheduler_stats: Any,
            iteration_stats: Any,
            mm_cache_stats: Any = None,
            engine_idx: int = 0,
        ) -> None:
            on_step(_step(scheduler_stats, iteration_stats))

    return StepLogger


def _step(scheduler: Any, iteration: Any) -> Step:
    scheduled = {}
    if scheduler is not None:
        scheduled = {
            "is_scheduled": True,
            "running": scheduler.num_running_reqs,
            "kv_usage": scheduler.kv_cache_usage,
            "prefix_queries": scheduler.prefix_cache_stats.queries,
            "prefix_hits": scheduler.prefix_cache_stats.hits,
        }
    counted = {}
    if iteration is not None:
        counted = {
            "prompt_tokens": iteration.num_prompt_tokens,
            "generated_tokens": iteration.num_generation_tokens,
        }
    return Step(**scheduled, **counted)
