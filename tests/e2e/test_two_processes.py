"""`xinf serve` and `xinf worker`: the two halves of `up`, each of which may go and come back."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.instance import ECHO, Instance, home, pair, start, until
from xinf.agent.process import is_same_process, read_stat, session_members


@pytest.fixture(scope="module")
def halves():
    with pair() as both:
        yield both


def ready_pid(instance: Instance, *but: int) -> int:
    """The process that serves `echo`, once it is none of `but`."""

    def look() -> int:
        rows = instance.status()["replicas"]
        ready = [row for row in rows if row["model"] == "echo" and row["state"] == "ready"]
        return next((row["pid"] for row in ready if row["pid"] not in but), 0)

    return until(look, "a ready engine")


def test_together_they_do_what_up_does(halves: tuple[Instance, Instance]) -> None:
    serve, worker = halves
    assert serve.chat()
    (row,) = serve.ps()
    stat = read_stat(row["pid"])
    assert stat is not None
    assert stat.parent == worker.process.pid
    done = serve.cli("launch", "two", "--engine", "sim", "--json")
    assert json.loads(done.stdout)["state"] == "ready"
    assert {model["name"] for model in serve.ls()} == {"echo", "two"}
    assert serve.chat("two")
    pid = next(row["pid"] for row in serve.ps() if row["model"] == "two")
    serve.cli("terminate", "two")
    assert session_members(pid) == ()
    assert {model["name"] for model in serve.ls()} == {"echo"}


def test_each_says_what_it_does(halves: tuple[Instance, Instance]) -> None:
    serve, worker = halves
    until(lambda: "OPENAI_BASE_URL" in serve.output, "the banner")
    assert f"xinf serves {serve.url}/v1" in serve.output
    assert "echo/0: ready (serving)" in worker.output
    assert serve.status()["worker_pid"] == worker.process.pid


def test_a_role_that_is_taken_is_refused_with_its_holder(halves: tuple[Instance, Instance]) -> None:
    serve, worker = halves
    for command, holder in (("up", serve), ("serve", serve), ("worker", worker)):
        second = serve.cli(command, check=False)
        assert second.returncode == 1
        assert f"already running, as pid {holder.process.pid}" in second.stderr


def test_engines_outlive_a_killed_serve_and_the_next_one_takes_them_up() -> None:
    with pair() as (first, _worker):
        pid = ready_pid(first)
        whole = first.chat()
        first.process.kill()
        first.process.wait()
        with start(first.root, first.env, first.port, command="serve") as second:
            second.wait_ready()
            assert second.chat() == whole
            assert [row["pid"] for row in second.ps()] == [pid]
            second.cli("launch", "two", "--engine", "sim")
            assert second.chat("two")
            assert ready_pid(second) == pid


def test_an_orderly_end_of_serve_leaves_the_engines_to_the_worker() -> None:
    with pair() as (first, worker):
        pid = ready_pid(first)
        assert first.stop(signal.SIGTERM) == 0
        with start(first.root, first.env, first.port, command="serve") as second:
            second.wait_ready()
            assert second.chat()
            assert [row["pid"] for row in second.ps()] == [pid]
        assert worker.process.poll() is None


def test_engines_of_a_killed_worker_answer_until_the_next_ends_them() -> None:
    with pair() as (serve, first):
        orphan = ready_pid(serve)
        ticks = read_stat(orphan).start_ticks
        first.process.kill()
        first.process.wait()
        assert serve.chat()
        assert is_same_process(orphan, ticks)
        with start(serve.root, serve.env, serve.port, command="worker"):
            assert ready_pid(serve, orphan) != orphan
            assert not is_same_process(orphan, ticks)
            # Its parent was killed, so who reaps it is not ours to say.
            assert not [each for each in session_members(orphan) if each.is_alive]
            assert serve.chat()


def test_requests_wait_while_the_worker_is_away() -> None:
    with (
        pair() as (serve, first),
        ThreadPoolExecutor() as threads,
    ):
        whole = serve.chat()
        pid = ready_pid(serve)
        assert first.stop(signal.SIGTERM) == 0
        assert session_members(pid) == ()
        waiting = [threads.submit(serve.chat) for _ in range(3)]
        with start(serve.root, serve.env, serve.port, command="worker"):
            assert [each.result(90) for each in waiting] == [whole] * 3


def test_serve_may_come_first_and_down_ends_both() -> None:
    with home(ECHO) as (root, env, port), start(root, env, port, command="serve") as serve:
        until(lambda: serve.get("/health") == 200, "the endpoint")
        assert "no worker is running" in serve.output
        assert serve.cli("ls").stderr.startswith("warning: no worker is running")
        with start(root, env, port, command="worker") as worker:
            pid = ready_pid(serve)
            ended = json.loads(serve.cli("down", "--json").stdout)
            assert ended == {
                "pid": serve.process.pid,
                "worker_pid": worker.process.pid,
                "stopped": True,
            }
            assert (serve.process.wait(10), worker.process.wait(10)) == (0, 0)
            assert session_members(pid) == ()
            assert [path for path in root.rglob("*") if path.is_socket()] == []
            assert serve.cli("down", check=False).returncode == 3


def test_down_finds_a_worker_that_is_alone_and_no_stranger() -> None:
    with home(ECHO) as (root, env, port):
        with start(root, env, port, command="worker") as worker:
            until(lambda: "running as worker" in worker.output, "the worker")
            assert worker.cli("down").returncode == 0
            assert worker.process.wait(10) == 0
        lock = Path(env["XINF_STATE_DIR"]) / "worker.lock"
        lock.write_text(str(os.getpid()))
        assert worker.cli("down", check=False).returncode == 3
