"""The real launcher with real processes; what runs in them is a tiny stand-in for the shim."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.engines import assignment
from xinf.agent.launcher import Launch, LocalLauncher
from xinf.agent.process import session_members
from xinf.clock import SystemClock
from xinf.core.placement import AppliedRule

SHIM = """
import json, os, signal, sys, time
socket, config = sys.argv[2], json.load(open(sys.argv[4]))
def say(suffix, **told):
    with open(socket + suffix + ".part", "w") as file:
        json.dump(told, file)
    os.rename(socket + suffix + ".part", socket + suffix)
def leave(*_):
    say(".exit", code=0, reason="asked to stop", at=0)
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
print("last words of", config["engine"], flush=True)
say(".status", instance=config["instance"], pid=os.getpid(), phase="ready", progress=1)
if config["args"].get("children"):
    import subprocess
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
time.sleep(600)
"""


class Home:
    def __init__(self, root: Path) -> None:
        self.sockets, self.logs, self.tree = root / "s", root / "l", root / "t"
        (self.tree / "xinf" / "shim").mkdir(parents=True)
        (self.tree / "xinf" / "__init__.py").touch()
        (self.tree / "xinf" / "shim" / "__init__.py").touch()
        (self.tree / "xinf" / "shim" / "__main__.py").write_text(SHIM)
        self.sockets.mkdir()
        self.launcher = LocalLauncher(self.sockets, self.logs, SystemClock())
        self.launch = Launch(Path(sys.executable), self.tree, "", {"SEEN": "GPU-1"}, 600)


@pytest.fixture
def home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory(dir="/tmp") as root:
        yield Home(Path(root))


def command_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it ended meanwhile
        return b""


async def until_ready(shim: object) -> None:
    while shim.status() is None:  # type: ignore[attr-defined]
        await asyncio.sleep(0.01)


async def test_a_shim_leads_its_own_session_and_sees_its_devices(home: Home) -> None:
    shim = await home.launcher.launch(assignment(), home.launch)
    try:
        await until_ready(shim)
        pid = shim.identity.pid
        assert os.getsid(pid) == pid == shim.identity.session
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert b"SEEN=GPU-1" in environ
        assert b"PYTHONPATH=" + bytes(home.tree) in environ
    finally:
        await shim.destroy()


async def test_its_options_are_private_and_say_what_to_run(home: Home) -> None:
    shim = await home.launcher.launch(assignment(), home.launch)
    try:
        (config,) = home.sockets.glob("*.json")
        assert config.stat().st_mode & 0o777 == 0o600
        told = json.loads(config.read_text())
        assert (told["engine"], told["served_names"]) == ("sim", ["a"])
        assert told["instance"] == shim.identity.instance
        assert Path(told["private_dir"]).stat().st_mode & 0o777 == 0o700
    finally:
        await shim.destroy()


async def test_an_orderly_end_is_told_by_the_exit_file(home: Home) -> None:
    shim = await home.launcher.launch(assignment(), home.launch)
    await until_ready(shim)
    shim.terminate()
    report = await shim.wait()
    assert (report.code, report.reason) == (0, "asked to stop")
    assert shim.last_words() == "last words of sim"
    await shim.destroy()


async def test_destroying_leaves_no_process_of_the_session_and_no_file(home: Home) -> None:
    started = assignment()
    args = {**started.config.args, "children": True}
    started = replace(started, config=replace(started.config, args=args))
    shim = await home.launcher.launch(started, home.launch)
    await until_ready(shim)
    while len(session_members(shim.identity.session)) < 2:
        await asyncio.sleep(0.01)
    await shim.destroy()
    assert not any(member.is_alive for member in session_members(shim.identity.session))
    assert [path for path in home.sockets.iterdir() if ".sock" in path.name] == []
    assert (await shim.wait()).reason == "killed by SIGKILL"
    await shim.destroy()


async def test_a_launch_that_is_cancelled_leaves_nothing(home: Home) -> None:
    launching = asyncio.ensure_future(home.launcher.launch(assignment(), home.launch))
    await asyncio.sleep(0)
    launching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await launching
    mine = str(home.sockets).encode()
    commands = [entry / "cmdline" for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    assert not any(mine in command_of(path) for path in commands)


async def test_an_interpreter_that_is_not_there_is_an_error_of_the_system(home: Home) -> None:
    with pytest.raises(OSError, match="python"):
        await home.launcher.launch(assignment(), replace(home.launch, python=Path("/no/python")))


async def test_rules_are_in_the_environment_and_said_in_the_engine_s_log(home: Home) -> None:
    rule = AppliedRule("r", "it must be.", args={"x": 1}, env={"RULED": "1"})
    shim = await home.launcher.launch(replace(assignment(), rules=(rule,)), home.launch)
    try:
        await until_ready(shim)
        environ = Path(f"/proc/{shim.identity.pid}/environ").read_bytes().split(b"\0")
        assert b"RULED=1" in environ
        (log,) = home.logs.iterdir()
        assert log.read_text().startswith("xinf sets x = 1, RULED = 1: it must be. (rule r)\n")
    finally:
        await shim.destroy()
