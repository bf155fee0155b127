"""Another program takes device memory: idle engines make way before anything fails, and return.

The whole stack on GPUs that an imitated driver shows; the engines are simulated ones.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.instance import Instance, running, until
from tests.support.nvml import RTX_5090, SECOND_5090, Driver, install

GAME = "/usr/games/a-game"
TOML = """
[models.echo]
engine = "sim"
[models.echo.sim]
memory = "20GiB"
tokens_per_second = 20
"""
ASK = [{"role": "user", "content": "Tell me a story about a lighthouse."}]


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    return install(tmp_path)


@pytest.fixture
def one(driver: Driver) -> Iterator[Instance]:
    driver.tell(RTX_5090)
    with running(TOML, XINF_AGENT__RESYNC="200ms", **driver.environment) as instance:
        yield instance


def playing(driver: Driver, mib: int, *others: Any) -> None:
    """A game takes so much of the first card."""
    line = f"process|{RTX_5090.uuid}|graphics|4242|{mib}|{GAME}"
    driver.tell(RTX_5090.using(mib), *others, extra=(line,))


def ready(instance: Instance) -> list[tuple[str, ...]]:
    """Where the engines are that serve."""
    rows = instance.status()["replicas"]
    return [tuple(row["devices"]) for row in rows if row["state"] == "ready"]


def told(instance: Instance, kind: str) -> list[dict[str, Any]]:
    lines = instance.cli("events", "--json").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    return [event for event in events if event["kind"] == kind]


def test_an_idle_engine_makes_way_and_comes_back_and_both_are_told(
    driver: Driver, one: Instance
) -> None:
    assert ready(one) == [(RTX_5090.uuid,)]
    playing(driver, 15_000)
    until(lambda: not one.status()["replicas"], "the engine to make way")
    (event,) = told(one, "plan.yield")
    assert event["model"] == "echo"
    assert "a-game" in event["message"]
    (model,) = one.status()["models"]
    assert "a-game" in model["reason"]

    driver.tell(RTX_5090)
    until(lambda: ready(one) == [(RTX_5090.uuid,)], "the engine to come back")
    assert [event["model"] for event in told(one, "plan.return")] == ["echo"]
    assert one.chat()


def test_an_idle_engine_moves_where_there_is_room(driver: Driver) -> None:
    driver.tell(RTX_5090, SECOND_5090)
    with running(TOML, XINF_AGENT__RESYNC="200ms", **driver.environment) as instance:
        assert ready(instance) == [(RTX_5090.uuid,)]
        playing(driver, 15_000, SECOND_5090)
        until(lambda: ready(instance) == [(SECOND_5090.uuid,)], "the engine to move")
        assert "a-game" in told(instance, "plan.move")[0]["message"]
        assert instance.chat()


def test_a_busy_engine_is_left_alone_until_it_is_idle(driver: Driver, one: Instance) -> None:
    (pid,) = (row["pid"] for row in one.status()["replicas"])
    answers: list[str] = []

    def ask() -> None:
        with one.sdk as sdk:
            whole = sdk.chat.completions.create(
                model="echo", messages=ASK, max_tokens=160, extra_body={"ignore_eos": True}
            )
        answers.append(whole.choices[0].finish_reason)

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: one.status()["replicas"][0]["running"], "the request to run")
    playing(driver, 15_000)

    def used() -> bool:
        (gpu, *_) = one.status()["devices"]
        return gpu["memory_used"] > 10 * 1024**3

    until(used, "xinf to see the game")
    assert [row["pid"] for row in one.status()["replicas"]] == [pid]
    asking.join(60)
    assert answers == ["length"]
    until(lambda: not one.status()["replicas"], "the engine to make way when idle")


def test_a_request_for_a_model_that_made_way_is_told_to_come_again(
    driver: Driver,
) -> None:
    driver.tell(RTX_5090)
    env = {"XINF_AGENT__RESYNC": "200ms", "XINF_SERVER__LOAD_TIMEOUT": "1s"}
    with running(TOML, **env, **driver.environment) as instance:
        playing(driver, 15_000)
        until(lambda: not instance.status()["replicas"], "the engine to make way")
        with instance.sdk as sdk, pytest.raises(openai.InternalServerError) as refused:
            sdk.chat.completions.create(model="echo", messages=ASK)
        assert refused.value.status_code == 503
        assert refused.value.response.headers["retry-after"]
        assert "a-game" in str(refused.value)
