"""The whole stack with simulated engines: real processes, sockets, HTTP, SDK and CLI."""

import asyncio
import json
import os
import signal
from pathlib import Path

import openai
import pytest

from tests.support.instance import ECHO, Instance, home, running, start, until
from xinf.agent.process import is_same_process, read_stat, session_members

TWO = """
[models.echo]
engine = "sim"
replicas = 2
[models.echo.sim]
tokens_per_second = 400
load_seconds = 0.2
memory = "2GiB"
"""
ASK = [{"role": "user", "content": "Tell me a story about a lighthouse."}]


@pytest.fixture(scope="module")
def echo():
    with running() as instance:
        yield instance


def test_the_pieces_of_a_stream_join_to_the_whole_answer(echo: Instance) -> None:
    whole = echo.sdk.chat.completions.create(model="echo", messages=ASK, temperature=0)
    stream = echo.sdk.chat.completions.create(
        model="echo",
        messages=ASK,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert text
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_ps_and_ls_tell_what_runs(echo: Instance) -> None:
    (row,) = echo.listing("ps")
    assert row["model"] == "echo"
    assert row["replica"] == "echo/0"
    assert row["state"] == "ready"
    assert row["engine"] == "sim"
    wanted = {"runtime", "pid", "devices", "memory_bytes", "context", "running", "waiting", "since"}
    assert wanted <= row.keys()
    assert b"xinf.shim" in Path(f"/proc/{row['pid']}/cmdline").read_bytes()
    (model,) = echo.listing("ls")
    assert model["name"] == "echo"
    assert (model["state"], model["replicas"], model["desired_replicas"]) == ("ready", 1, 1)


def test_an_unknown_model_is_a_404_in_openai_s_words(echo: Instance) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        echo.sdk.chat.completions.create(model="nobody", messages=ASK)
    assert caught.value.code == "model_not_found"


def test_a_second_up_says_who_is_running(echo: Instance) -> None:
    second = echo.cli("up", check=False)
    assert second.returncode == 1
    assert f"pid {echo.process.pid}" in second.stderr


def test_a_killed_engine_is_served_again_and_leaves_nothing() -> None:
    with running(ECHO, XINF_AGENT__BACKOFF_MIN="100ms") as instance:
        (before,) = instance.ps()
        stat = read_stat(before["pid"])
        os.kill(before["pid"], signal.SIGKILL)
        answer = instance.sdk.chat.completions.create(model="echo", messages=ASK)
        assert answer.choices[0].message.content
        (after,) = until(
            lambda: [r for r in instance.ps() if r["state"] == "ready"], "a new engine"
        )
        assert after["pid"] != before["pid"]
        assert not is_same_process(before["pid"], stat.start_ticks)
        assert session_members(before["pid"]) == ()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_orderly_end_leaves_no_process_and_no_socket(sign: signal.Signals) -> None:
    with running(TWO) as instance:
        sessions = [row["pid"] for row in instance.ps()]
        assert len(sessions) == 2
        assert instance.stop(sign) == 0
        assert [session_members(session) for session in sessions] == [(), ()]
        left = [path for path in instance.root.rglob("*") if path.is_socket()]
        assert left == []
        assert instance.cli("ps", check=False).returncode == 3


def test_down_ends_it_and_waits_for_that() -> None:
    with running() as instance:
        assert instance.cli("down").returncode == 0
        assert instance.process.wait(10) == 0


def test_a_request_in_flight_finishes_before_the_end() -> None:
    with running(ECHO + "[models.echo.sim]\ntokens_per_second = 20\n") as instance:
        stream = instance.sdk.chat.completions.create(
            model="echo", messages=ASK, stream=True, max_tokens=20
        )
        first = next(iter(stream))
        instance.process.send_signal(signal.SIGINT)
        rest = list(stream)
        assert first.choices
        assert rest[-1].choices[0].finish_reason in {"length", "stop"}
        assert instance.process.wait(30) == 0


def test_engines_of_a_dead_control_plane_are_ended_by_the_next_up() -> None:
    with home(ECHO) as (root, env, port):
        with start(root, env, port) as first:
            first.wait_ready()
            (orphan,) = first.ps()
            stat = read_stat(orphan["pid"])
            first.process.kill()
            first.process.wait()
            assert is_same_process(orphan["pid"], stat.start_ticks)
        with start(root, env, port) as second:
            second.wait_ready()
            assert not is_same_process(orphan["pid"], stat.start_ticks)
            (row,) = second.ps()
            assert row["pid"] != orphan["pid"]


def test_what_was_written_meanwhile_is_all_that_the_next_up_starts() -> None:
    with home(ECHO) as (root, env, port):
        with start(root, env, port) as first:
            first.wait_ready()
            assert first.stop() == 0
        (root / "xinf.toml").write_text(ECHO.replace("models.echo", "models.other"))
        with start(root, env, port) as second:
            second.wait_ready()
            told = second.cli("events", "--json", "-n", "all").stdout.splitlines()
            events = [json.loads(line) for line in told]
            began = max(at for at, each in enumerate(events) if each["kind"] == "xinf.started")
            assert {each["model"] for each in events[began:]} == {"", "other"}


def test_a_second_model_comes_and_goes_while_the_first_serves(echo: Instance) -> None:
    done = echo.cli("launch", "two", "--engine", "sim", "--arg", "load_seconds=0.2", "--json")
    assert json.loads(done.stdout)["state"] == "ready"
    assert {row["name"] for row in echo.ls()} == {"echo", "two"}
    for model in ("echo", "two"):
        assert echo.sdk.chat.completions.create(model=model, messages=ASK).choices
    pid = next(row["pid"] for row in echo.ps() if row["model"] == "two")
    echo.cli("terminate", "two")
    assert {row["name"] for row in echo.ls()} == {"echo"}
    assert session_members(pid) == ()
    assert echo.sdk.chat.completions.create(model="echo", messages=ASK).choices


async def test_sixty_four_streams_over_two_replicas_are_all_whole() -> None:
    with running(TWO) as instance:
        sdk = instance.async_sdk

        async def chat(number: int) -> tuple[str, str]:
            messages = [{"role": "user", "content": f"Story number {number}, please."}]
            stream = await sdk.chat.completions.create(
                model="echo", messages=messages, stream=True, max_tokens=40
            )
            pieces = [c.choices[0].delta.content or "" async for c in stream if c.choices]
            whole = await sdk.chat.completions.create(
                model="echo", messages=messages, max_tokens=40
            )
            return "".join(pieces), whole.choices[0].message.content or ""

        answers = await asyncio.gather(*(chat(number) for number in range(64)))
        await sdk.close()
        assert all(streamed == whole != "" for streamed, whole in answers)
        assert len({streamed for streamed, _ in answers}) > 32
        rows = await asyncio.to_thread(instance.ps)
        assert {row["replica"] for row in rows} == {"echo/0", "echo/1"}


def test_a_load_that_fails_twice_is_tried_again() -> None:
    toml = ECHO + "[models.echo.sim]\nfail_load_times = 2\n"
    with running(toml, XINF_AGENT__BACKOFF_MIN="100ms") as instance:
        assert instance.sdk.chat.completions.create(model="echo", messages=ASK).choices


def test_a_port_in_use_is_said_before_anything_starts(echo: Instance) -> None:
    with (
        home(ECHO) as (root, env, _),
        start(root, {**env, "XINF_SERVER__PORT": str(echo.port)}, 0) as it,
    ):
        assert it.process.wait(30) == 1
        assert str(echo.port) in it.output
        assert "XINF_SERVER__PORT" in it.output
