"""The engine itself: AsyncLLM here, and behind it EngineCore and its workers in processes.

Importing this imports vLLM.
"""

from __future__ import annotations

import asyncio
import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from xinf.shim.backends.base import EngineOptions, Report
from xinf.shim.backends.vllm import names
from xinf.shim.backends.vllm.causes import Log
from xinf.shim.backends.vllm.environment import prepare_eager_cpu
from xinf.shim.backends.vllm.facts import Facts
from xinf.shim.backends.vllm.forking import forked_workers, may_fork
from xinf.shim.backends.vllm.relay import App
from xinf.shim.backends.vllm.residency import News
from xinf.shim.backends.vllm.settings import AUTO_CONTEXT, Machine, parse, tidy
from xinf.shim.backends.vllm.stats import Step
from xinf.shim.death import forks_die_with_us
from xinf.shim.log import say
from xinf.shim.options import BadOptions

# EngineCore ends its requests and its workers within this, or is killed.
STOP_SECONDS = 2.0


class LoadFailed(Exception):
    """VLLM could not load the model; the message is what its processes said of the cause."""


class Engine:
    """Owner of vLLM's processes, from the end of `start` to the end of `close`."""

    def __init__(self, engine: Any, args: Namespace, log: Log) -> None:
        self._engine = engine
        self._args = args
        self._log = log
        self._lost = ""
        self.tasks: tuple[str, ...] = ()

    @classmethod
    def start(
        cls,
        options: EngineOptions,
        kv_endpoint: str,
        on_step: Callable[[Step], None],
        report: Report,
    ) -> Engine:
        """Blocks until the model is loaded. Raises BadOptions before anything is, or LoadFailed."""
        report("loading", 0.2, "checking settings")
        # Asked now, for vLLM is about to write there what it would do itself.
        forks = names.is_cpu() and may_fork(os.environ)
        args, config = settings_of(options, kv_endpoint)
        if names.is_cpu() and args.enforce_eager:
            prepare_eager_cpu(os.environ)
        report("loading", 0.3, "vLLM starts its processes and loads the weights")
        log = Log()
        how = forked_workers(os.environ, names.set_threads) if forks else nullcontext()
        try:
            with forks_die_with_us(), how:
                return cls(names.start(config, on_step), args, log)
        except Exception as problem:
            raise LoadFailed(log.cause() or f"{type(problem).__name__}: {problem}") from problem

    async def serve(self) -> App:
        """The OpenAI app of vLLM itself, before this engine."""
        app, self.tasks = await names.serve(self._engine, self._args)
        return app

    @property
    def facts(self) -> Facts:
        return names.facts(self._engine)

    @property
    def is_on_cpu(self) -> bool:
        return names.is_cpu()

    @property
    def has_tool_parser(self) -> bool:
        return bool(self._args.enable_auto_tool_choice and self._args.tool_call_parser)

    @property
    def unfinished(self) -> int:
        """Requests that are neither answered nor aborted."""
        return names.unfinished(self._engine)

    def lost(self) -> str:
        """Why nothing can be answered any more; empty while it can."""
        if not self._lost and names.is_dead(self._engine):
            self._lost = f"vLLM's EngineCore is gone: {self._log.cause() or 'it was killed'}"
        return self._lost

    async def follow_kv(self, take: Callable[[int, Sequence[News]], None]) -> None:
        """Hand on what vLLM tells of its KV cache, each message with its number, for ever."""
        socket = names.kv_socket(self._engine)
        if socket is None:
            return
        try:
            while True:
                _, number, payload = await socket.recv_multipart()
                try:
                    news = names.read_kv(payload)
                except Exception as problem:
                    # Then it counts as missed, and what was known before is forgotten.
                    say(f"a KV event of vLLM's is not understood: {type(problem).__name__}")
                else:
                    take(int.from_bytes(number, "big"), news)
        finally:
            socket.close()

    async def exposition(self) -> bytes:
        return await asyncio.to_thread(names.exposition)

    async def close(self) -> None:
        """End EngineCore and its workers."""
        await asyncio.to_thread(names.stop, self._engine, STOP_SECONDS)


def settings_of(options: EngineOptions, kv_endpoint: str) -> tuple[Namespace, Any]:
    """The settings and the configuration that they make. Raises BadOptions."""
    parser = names.argument_parser()
    is_cpu = names.is_cpu()
    machine = Machine(is_cpu, 0 if is_cpu else names.device_bytes(), kv_endpoint)
    args = parse(options, parser, names.actions(parser), machine)
    try:
        names.check(args)
        return args, _configured(args)
    except (ValueError, TypeError, NotImplementedError) as problem:
        raise BadOptions(f"vLLM refuses this model or its engine arguments: {tidy(problem)}") from (
            problem
        )


def _configured(args: Namespace) -> Any:
    """The configuration; a context beyond what the model can is cut to that."""
    try:
        return names.configure(args)
    except ValueError as problem:
        asked, args.max_model_len = args.max_model_len, AUTO_CONTEXT
        try:
            config = names.configure(args)
        except ValueError:
            raise problem from None
        if asked <= names.context_of(config):
            raise
        return config
