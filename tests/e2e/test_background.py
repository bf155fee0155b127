"""`up --detach` and `restart`: xinf in the background, and the same xinf anew."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.instance import ECHO, Instance, home, pair, running, start, until
from xinf.agent.process import session_members

BROKEN = """
[models.bad]
engine = "sim"
[models.bad.sim]
fail_load_times = 99
"""


@contextmanager
def place(toml: str = ECHO, **env: str) -> Iterator[Instance]:
    """Where nothing runs yet, and nothing does any more afterwards."""
    with home(toml, **env) as (root, environ, port):
        instance = Instance(root, port, environ, process=None)
        try:
            yield instance
        finally:
            instance.cli("down", "--hurry", check=False)


def descriptors(pid: int) -> int:
    """How much a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_up_in_the_background_returns_when_it_is_ready_and_stays() -> None:
    with place() as it:
        done = it.cli("up", "--detach")
        pid = it.status()["pid"]
        assert it.chat()
        assert f"xinf serves {it.url}/v1" in done.stdout
        assert "echo/0: ready" in done.stderr
        assert f"in the background (pid {pid})" in done.stderr
        log = it.root / "state" / "logs" / "up.log"
        assert "OPENAI_BASE_URL" in log.read_text()
        assert os.getsid(pid) == pid
        assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
        second = it.cli("up", "--detach", check=False)
        assert (second.returncode, second.stdout) == (1, "")
        assert f"already running, as pid {pid}" in second.stderr
        assert it.chat()
        engines = [row["pid"] for row in it.ps()]
        assert it.cli("down").returncode == 0
        assert not Path(f"/proc/{pid}/exe").exists()
        assert [session_members(engine) for engine in engines] == [()]


def test_up_in_the_background_takes_its_options_along() -> None:
    with place("") as it:
        it.cli("up", "--detach", "--engine", "sim", "--port", "0", "--set", "agent.stop_grace=2s")
        found = it.status()
        assert found["url"] != it.url
        assert [model["engine"] for model in found["models"]] == ["sim"]
        pid = found["pid"]
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        assert b"--set=agent.stop_grace=2s" in arguments
        assert b"--detach" not in arguments


def test_what_stops_it_at_once_is_told_where_it_was_asked_for() -> None:
    with running() as other, place() as it:
        wrong = it.cli("up", "--detach", "--set", "server.prt=1", check=False)
        assert wrong.returncode == 2
        assert wrong.stderr.startswith("error: ")
        taken = it.cli("up", "--detach", "--port", str(other.port), check=False)
        assert taken.returncode == 1
        (line,) = [text for text in taken.stderr.splitlines() if text.startswith("error: ")]
        assert str(other.port) in line
        assert it.cli("ps", check=False).returncode == 3


def test_a_model_that_fails_is_told_and_the_others_serve() -> None:
    with place(ECHO + BROKEN, XINF_AGENT__FAILURES="1") as it:
        done = it.cli("up", "--detach", check=False)
        assert done.returncode == 1
        assert "model bad failed: " in done.stderr
        assert it.chat()


def test_who_does_not_wait_for_it_leaves_it_starting() -> None:
    with place(ECHO + "[models.echo.sim]\nload_seconds = 300\n") as it:
        late = it.cli("up", "--detach", "--timeout", "2s", check=False)
        assert late.returncode == 5
        assert "not ready" in late.stderr
        pid = until(it.status, "an answer")["pid"]
        assert it.cli("down", "--hurry").returncode == 0
        with start(it.root, it.env, it.port, "--detach") as second:
            until(lambda: "echo/0: loading" in second.output, "its progress")
            assert second.stop(signal.SIGINT) == 130
            other = it.status()["pid"]
            assert other != pid
            assert f"goes on in the background (pid {other})" in second.output


def test_restart_is_the_same_process_with_new_engines() -> None:
    with running() as it:
        (before,) = it.ps()
        whole, opened = it.chat(), descriptors(it.process.pid)
        for _ in range(2):
            it.cli("restart")
        (after,) = it.ps()
        assert it.process.poll() is None
        assert it.status()["pid"] == it.process.pid
        assert after["pid"] != before["pid"]
        assert session_members(before["pid"]) == ()
        assert it.chat() == whole
        assert descriptors(it.process.pid) <= opened + 2
        until(lambda: it.output.count("xinf serves ") == 3, "three banners")
        assert "engines are started anew" in it.cli("restart").stderr
        assert it.stop(signal.SIGINT) == 0


def test_restart_of_serve_leaves_the_engines_to_the_worker() -> None:
    with pair() as (serve, worker):
        (before,) = serve.ps()
        told = serve.cli("restart").stderr
        assert f"engines go on with the worker, {worker.process.pid}" in told
        (after,) = serve.ps()
        assert after["pid"] == before["pid"]
        assert serve.chat()


def test_restart_in_the_background_stays_there() -> None:
    with place() as it:
        it.cli("up", "--detach")
        before = it.status()
        done = json.loads(it.cli("restart", "--json").stdout)
        assert done == {"pid": before["pid"], "url": it.url, "ready": True}
        after = it.status()
        assert after["instance"] != before["instance"]
        assert it.chat()


def test_who_is_told_to_end_while_it_restarts_ends() -> None:
    slow = ECHO + "[models.echo.sim]\ntokens_per_second = 5\n"
    with running(slow) as it:
        stream = it.sdk.chat.completions.create(
            model="echo",
            messages=[{"role": "user", "content": "Go on."}],
            stream=True,
            max_tokens=500,
            extra_body={"ignore_eos": True},
        )
        assert next(iter(stream)).choices
        asked = it.cli("restart", "--timeout", "100ms", check=False)
        assert asked.returncode == 5
        it.process.send_signal(signal.SIGTERM)
        until(lambda: it.output.count("draining: ") == 1, "its answer to the signal")
        assert it.cli("down", "--hurry").returncode == 0
        assert it.process.wait(30) == 0
        assert "xinf has stopped" in it.output
        stream.close()


def test_restart_where_nothing_runs_says_so() -> None:
    with place() as it:
        done = it.cli("restart", check=False)
        assert done.returncode == 3
        assert "xinf is not running" in done.stderr


def test_restart_is_refused_while_the_file_is_wrong() -> None:
    with running() as it:
        it.save("[server]\nprt = 1\n")
        done = it.cli("restart", check=False)
        assert done.returncode == 2
        assert f"{it.root}/xinf.toml:2: server.prt: unknown key" in done.stderr
        assert it.chat()
        assert it.status()["config_problem"] is not None


def test_a_restart_applies_what_waits_for_one() -> None:
    with home(ECHO) as (root, env, port), start(root, env, port) as it:
        it.wait_ready()
        it.save(ECHO + '[server]\nload_timeout = "50ms"\n')
        until(lambda: it.status()["config_waiting"] == ["server.load_timeout"], "the file")
        listed = it.cli("ls").stderr
        assert listed == "note: server.load_timeout applies at the next `xinf restart`\n"
        it.cli("restart")
        assert it.status()["config_waiting"] == []
        assert it.cli("ls").stderr == ""
