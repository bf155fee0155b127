"""Run inside a vLLM runtime, with the shim's tree as PYTHONPATH: what of vLLM is not as we need it.

Prints a JSON object of problems by name; `{}` is what everybody hopes for.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from xinf.shim.backends.base import EngineOptions
from xinf.shim.backends.vllm.environment import PLUGIN, prepare
from xinf.shim.options import BadOptions

PRIVATE = tempfile.mkdtemp(dir="/tmp")


def options(**args: object) -> EngineOptions:
    return EngineOptions("vllm", "i", "/no/such/model", ("small", "other"), PRIVATE, args=args)


prepare(options(), os.environ)

from xinf.shim.backends import optional  # noqa: E402
from xinf.shim.backends.vllm import errors, forking, names, relay, residency, settings, stats  # noqa: E402


def lacks(known: Iterable[str], wanted: Iterable[str]) -> str:
    return ", ".join(sorted(set(wanted) - set(known)))


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def parse(**args: object) -> Any:
    parser = names.argument_parser()
    machine = settings.Machine(names.is_cpu(), kv_endpoint="ipc:///x")
    return settings.parse(options(**args), parser, names.actions(parser), machine)


def release() -> str:
    return "" if sys.argv[1] == names.VERSION else f"it is {names.VERSION}"


def serving() -> str:
    wanted = ["args", "supported_tasks", "model_config"]
    app = parameters(names.build_app)
    state = parameters(names.init_app_state)
    is_same = app == wanted and state == ["engine_client", "state", "args", "supported_tasks"]
    return "" if is_same else f"build_app{app}, init_app_state{state}"


def engine() -> str:
    start = lacks(
        parameters(names.AsyncLLM.from_vllm_config),
        ["vllm_config", "usage_context", "stat_loggers"],
    )
    methods = lacks(
        dir(names.AsyncLLM),
        [
            "reset_mm_cache",
            "get_supported_tasks",
            "get_num_unfinished_requests",
            "get_kv_event_sources",
            "errored",
        ],
    )
    stop = lacks(parameters(names.AsyncLLM.shutdown), ["timeout"])
    return ", ".join(filter(None, (start, methods, stop)))


def logger() -> str:
    made = names._step_logger(lambda step: None)
    if made.__abstractmethods__:
        return f"abstract: {sorted(made.__abstractmethods__)}"
    theirs = parameters(names.StatLoggerBase.record)
    return "" if parameters(made.record) == theirs else f"record{theirs}"


def steps() -> str:
    from vllm.v1.metrics.stats import IterationStats, PrefixCacheStats, SchedulerStats

    cache = PrefixCacheStats(requests=1, queries=7, hits=5)
    scheduler = SchedulerStats(num_running_reqs=2, kv_cache_usage=0.5, prefix_cache_stats=cache)
    iteration = IterationStats()
    iteration.num_generation_tokens = 3
    iteration.prompt_token_stats.total = 11
    wanted = stats.Step(
        is_scheduled=True,
        running=2,
        kv_usage=0.5,
        prompt_tokens=11,
        generated_tokens=3,
        prefix_queries=7,
        prefix_hits=5,
    )
    found = names._step(scheduler, iteration)
    empty = names._step(None, None) == stats.Step()
    return "" if found == wanted and empty else str(dataclasses.asdict(found))


def kv_events() -> str:
    import msgspec
    from vllm.distributed.kv_events import (
        AllBlocksCleared,
        BlockRemoved,
        BlockStored,
        KVEventBatch,
    )

    block = BlockStored([1, 2], None, [5] * 8, 4, None, "GPU", None)
    salted = BlockStored([b"x"], 2, [5] * 4, 4, None, None, None, extra_keys=[("salt",)])
    other = BlockRemoved([9], "GPU", group_idx=1)
    events = [block, salted, BlockRemoved([1], None), other, AllBlocksCleared()]
    found = names.read_kv(msgspec.msgpack.encode(KVEventBatch(0.0, events)))
    one, two = (number.to_bytes(8, "big") for number in (1, 2))
    wanted = [
        residency.Stored((one, two), b"", [5] * 8, 4, "GPU"),
        residency.Stored((b"x",), two, [5] * 4, 4, is_plain=False),
        optional.BlocksRemoved((one,)),
        optional.BlocksCleared(),
    ]
    return "" if found == wanted else str(found)


def configuration() -> str:
    from vllm.config import CacheConfig, ModelConfig, SchedulerConfig

    wanted = {
        ModelConfig: ["max_model_len", "dtype", "quantization"],
        SchedulerConfig: ["max_num_seqs"],
        CacheConfig: ["block_size", "num_gpu_blocks", "kv_cache_memory_bytes"],
    }
    found = [lacks(vars(each)["__dataclass_fields__"], fields) for each, fields in wanted.items()]
    return ", ".join(filter(None, found))


def arguments() -> str:
    known = names.actions(names.argument_parser())
    chosen = settings.choices(options(), settings.Machine(is_cpu=True, kv_endpoint="ipc:///x"), {})
    own = ["enable_auto_tool_choice", "tool_call_parser", "gpu_memory_utilization"]
    return lacks(known, [*settings.TAKEN, *chosen, *own])


def parsed() -> str:
    args = parse(max_num_seqs=4, hf_overrides={"a": 1}, enable_prefix_caching=False)
    names.check(args)
    found = (args.model, args.served_model_name, args.max_num_seqs, args.enable_prefix_caching)
    wanted = ("/no/such/model", ["small", "other"], 4, False)
    return "" if found == wanted and args.max_model_len == -1 else str(found)


def planned() -> str:
    """A plan's numbers for two GPUs, as vLLM's parser takes them."""
    parser = names.argument_parser()
    plan = dataclasses.replace(
        options(kv_cache_dtype="fp8"), memory_bytes=9 << 30, cache_bytes=4 << 30, devices=2
    )
    machine = settings.Machine(is_cpu=False, device_bytes=32 << 30)
    args = settings.parse(plan, parser, names.actions(parser), machine)
    found = (args.kv_cache_memory_bytes, args.gpu_memory_utilization, args.tensor_parallel_size)
    is_same = found == (4 << 30, 0.25, 2) and args.kv_cache_dtype == "fp8"
    return "" if is_same else f"{found}, {args.kv_cache_dtype}"


def refused() -> str:
    for args, said in (({"max_num_seq": 4}, "max_num_seqs"), ({"max_num_seqs": "x"}, "refuses")):
        try:
            parse(**args)
        except BadOptions as problem:
            if said not in str(problem):
                return str(problem)
        else:
            return f"{args} was taken"
    return ""


def headers() -> str:
    from vllm.entrypoints.generate.base.serving import PRIORITY_HEADER

    ours = relay.PRIORITY_HEADER.decode()
    return "" if PRIORITY_HEADER.lower() == ours else PRIORITY_HEADER


def words() -> str:
    """Sentences that we look for in vLLM's refusals."""
    from vllm.renderers import online_renderer, params

    sources = "".join(map(inspect.getsource, (online_renderer, params)))
    plain = re.sub(r"""["']\s*f?["']""", "", sources)  # as the compiler joins them
    wanted = (errors.NO_PARSER, "maximum context length is")
    return lacks([each for each in wanted if each in plain], wanted)


def variables() -> str:
    from vllm import envs

    wanted = ["VLLM_API_KEY", "VLLM_CPU_KVCACHE_SPACE", "VLLM_NO_USAGE_STATS", "VLLM_PLUGINS"]
    wanted += ["VLLM_DO_NOT_TRACK", "VLLM_RPC_BASE_PATH", forking.METHOD]
    return lacks(envs.environment_variables, wanted)


def threads() -> str:
    """What a worker on the CPU is told of its threads, by which of its kinds of OpenMP."""
    from vllm.utils.ompmultiprocessing import OMPProcessManager

    for library, place in zip((True, False), forking.PLACES, strict=True):
        manager = OMPProcessManager.__new__(OMPProcessManager)
        manager.skip_setup, manager.use_iomp, manager.use_gomp = False, False, library
        manager.cpu_lists = [[3, 5]]
        with manager.configure_omp_envs(0, 0):
            told = os.environ.get(forking.THREADS), re.findall(r"\d+", os.environ.get(place, ""))
        if told != ("2", ["3", "5"]):
            return f"{place}: {told}"
    return ""


def counting() -> str:
    from vllm.usage.usage_lib import is_usage_stats_enabled

    return "usage statistics are on" if is_usage_stats_enabled() else ""


def plugin() -> str:
    from vllm.plugins import (
        DEFAULT_PLUGINS_GROUP,
        PLATFORM_PLUGINS_GROUP,
        load_plugins_by_group,
    )

    groups = (DEFAULT_PLUGINS_GROUP, PLATFORM_PLUGINS_GROUP)
    return " ".join(lacks(load_plugins_by_group(group), [PLUGIN]) for group in groups).strip()


CHECKS = (
    release, serving, engine, logger, steps, kv_events, configuration, arguments, parsed, planned,
    refused, headers, words, variables, threads, counting, plugin,
)  # fmt: skip


def main() -> None:
    problems: dict[str, str] = {}
    for check in CHECKS:
        try:
            problem = check()
        except Exception:
            problem = traceback.format_exc()
        if problem:
            problems[check.__name__] = problem
    print(json.dumps(problems))


if __name__ == "__main__":
    main()
