"""A whole xinf as its user has it: `python -m xinf up` in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import openai

from xinf.agent.process import session_members
from xinf.cli.output import plain
from xinf.client.admin import AdminClient
from xinf.config.paths import client_paths

# Generous: a machine under load is slow, and no test asserts how fast things are.
PATIENCE_S = 90.0

T = TypeVar("T")

ECHO = """
[models.echo]
engine = "sim"
"""


# Below the ports that the system gives away by itself, a stretch for each process of tests: between
# looking and listening nobody else can take one.
PORTS_FROM, PORTS_EACH = 16_000, 2_000
_ports = itertools.count()


def free_port() -> int:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = PORTS_FROM + worker % 8 * PORTS_EACH
    for number in _ports:
        port = first + number % PORTS_EACH
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("counting has no end")


def until(look: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """Look until there is something to see."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {patience_s:.0f} s for {what}")


@dataclass
class Instance:
    """`root` holds its config, state and sockets; `process` is that of `command`."""

    root: Path
    port: int
    env: Mapping[str, str]
    process: subprocess.Popen[str]
    command: str = "up"
    clients: list[openai.OpenAI] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return (self.root / self.command).read_text()

    @property
    def sdk(self) -> openai.OpenAI:
        """A client of its own each time, closed with the instance at the latest."""
        client = openai.OpenAI(base_url=f"{self.url}/v1", api_key="unused", max_retries=0)
        self.clients.append(client)
        return client

    @property
    def async_sdk(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key="unused", max_retries=0)

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "xinf", *arguments],
            env=self.env,
            cwd=self.root,
            text=True,
            capture_output=True,
            timeout=PATIENCE_S,
            check=check,
        )

    def listing(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command prints with --json."""
        return json.loads(self.cli(*arguments, "--json").stdout)

    def ps(self) -> list[dict[str, Any]]:
        """What `xinf ps --json` says, as `asked` gets it."""
        return self.asked(AdminClient.replicas)

    def ls(self) -> list[dict[str, Any]]:
        """What `xinf ls --json` says, as `asked` gets it."""
        return self.asked(AdminClient.models)

    def status(self) -> dict[str, Any]:
        """What `xinf status --json` says, as `asked` gets it."""
        return self.asked(AdminClient.status)

    def asked(self, question: Callable[[AdminClient], Coroutine[Any, Any, object]]) -> Any:
        """What a command would print, without a process of its own: for looking often."""
        paths = client_paths(self.env, self.root)

        async def ask() -> object:
            async with AdminClient(paths.admin_socket) as client:
                return await question(client)

        with asyncio.Runner() as runner:
            return json.loads(json.dumps(plain(runner.run(ask()))))

    def get(self, path: str) -> int:
        """The status of a GET; 0 if nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def wait_ready(self) -> None:
        def look() -> bool:
            assert self.process.poll() is None, f"xinf ended:\n{self.output}"
            return self.get("/ready") == 200

        until(look, "/ready")

    def save(self, toml: str) -> None:
        """Save the config file as careful editors do: a new file takes its place."""
        new = self.root / "xinf.toml.new"
        new.write_text(toml)
        new.replace(self.root / "xinf.toml")

    def chat(self, model: str = "echo") -> str:
        """An answer of `model`."""
        ask = [{"role": "user", "content": "Tell me a story about a lighthouse."}]
        with self.sdk as sdk:
            whole = sdk.chat.completions.create(model=model, messages=ask, temperature=0)
        return whole.choices[0].message.content or ""

    def stop(self, sign: int = signal.SIGINT) -> int:
        """Ask it to end, and wait for it; its exit code."""
        self.process.send_signal(sign)
        return self.process.wait(PATIENCE_S)


@contextmanager
def home(toml: str, **env: str) -> Iterator[tuple[Path, dict[str, str], int]]:
    """A directory, environment and port for an instance; sockets need its path to be short."""
    root = Path(tempfile.mkdtemp(prefix="xt", dir="/tmp"))
    port = free_port()
    (root / "xinf.toml").write_text(toml)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XINF_")}
    test_cache = os.environ.get("XINF_TEST_CACHE")
    mine = {
        "XINF_CONFIG": str(root / "xinf.toml"),
        "XINF_STATE_DIR": str(root / "state"),
        "XINF_SERVER__PORT": str(port),
        "XDG_RUNTIME_DIR": str(root / "run"),
        **({"XINF_CACHE_DIR": test_cache} if test_cache else {}),
        **env,
    }
    (root / "run").mkdir(mode=0o700)
    try:
        yield root, {**kept, **mine}, port
    finally:
        _end_all_of(root)
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def start(
    root: Path, env: Mapping[str, str], port: int, *arguments: str, command: str = "up"
) -> Iterator[Instance]:
    """`xinf COMMAND` in `root`. Leaving the block makes sure that nothing of it is left."""
    with (root / command).open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "xinf", command, *arguments],
            env=env,
            cwd=root,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    instance = Instance(root, port, env, process, command)
    try:
        yield instance
    finally:
        for client in instance.clients:
            client.close()
        if process.poll() is None:
            sessions = _sessions(instance)
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                for session in sessions:
                    for member in session_members(session):
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(member.pid, signal.SIGKILL)


@contextmanager
def running(toml: str = ECHO, *arguments: str, **env: str) -> Iterator[Instance]:
    """A ready instance with `toml` as its config."""
    with (
        home(toml, **env) as (root, environ, port),
        start(root, environ, port, *arguments) as instance,
    ):
        instance.wait_ready()
        yield instance


@contextmanager
def pair(toml: str = ECHO, **env: str) -> Iterator[tuple[Instance, Instance]]:
    """A ready `serve` and its `worker`."""
    with (
        home(toml, **env) as (root, environ, port),
        start(root, environ, port, command="worker") as worker,
        start(root, environ, port, command="serve") as serve,
    ):
        serve.wait_ready()
        yield serve, worker


def _end_all_of(root: Path) -> None:
    """Kill whatever still has `root` on its command line, as every engine has."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and bytes(root) in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


def _sessions(instance: Instance) -> list[int]:
    listed = instance.cli("ps", "--json", check=False)
    if listed.returncode:
        return []
    return [row["pid"] for row in json.loads(listed.stdout) if row["pid"]]
