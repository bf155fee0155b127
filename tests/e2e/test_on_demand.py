"""More models than fit: a request brings its model up, and an idle one makes room for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.instance import Instance, running, until
from tests.support.nvml import RTX_5090, install

TOML = """
[models.first]
engine = "sim"
[models.first.sim]
memory = "20GiB"
tokens_per_second = 30

[models.second]
engine = "sim"
activation = "on_demand"
[models.second.sim]
memory = "20GiB"

[models.giant]
engine = "sim"
activation = "on_demand"
[models.giant.sim]
memory = "40GiB"
"""
ASK = [{"role": "user", "content": "Tell me a story about a lighthouse."}]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    driver = install(tmp_path_factory.mktemp("driver"))
    driver.tell(RTX_5090)
    env = {"XINF_SCHEDULER__RESIDENCE": "0s", "XINF_AGENT__RESYNC": "200ms"}
    with running(TOML, **env, **driver.environment) as instance:
        yield instance


def states(instance: Instance) -> dict[str, str]:
    return {row["name"]: row["state"] for row in instance.status()["models"]}


def test_what_nobody_has_asked_for_is_off_and_not_missing(
    machine: Instance,
) -> None:
    assert states(machine) == {"first": "ready", "second": "off", "giant": "failed"}
    assert machine.get("/ready") == 200


def test_a_request_brings_its_model_up_and_an_idle_one_makes_room(machine: Instance) -> None:
    assert machine.chat("second")
    assert states(machine)["first"] == "off"
    lines = machine.cli("events", "first", "--json").stdout.splitlines()
    (evicted,) = [event for line in lines if (event := json.loads(line))["kind"] == "plan.evict"]
    assert "second" in evicted["message"]
    assert machine.chat("first")
    assert states(machine)["second"] == "off"


def test_a_busy_model_is_waited_for(machine: Instance) -> None:
    done: list[str] = []

    def ask(model: str, **more: Any) -> None:
        with machine.sdk as sdk:
            sdk.chat.completions.create(model=model, messages=ASK, extra_body=more)
        done.append(model)

    until(lambda: states(machine)["first"] == "ready", "the first model")
    long = threading.Thread(
        target=ask, args=("first",), kwargs={"max_tokens": 90, "ignore_eos": True}
    )
    long.start()
    until(lambda: any(row["running"] for row in machine.status()["replicas"]), "a running request")
    short = threading.Thread(target=ask, args=("second",))
    short.start()
    long.join(60)
    short.join(60)
    assert done == ["first", "second"]


def test_what_never_fits_is_refused_at_once_and_is_not_asked_again(machine: Instance) -> None:
    client = openai.OpenAI(base_url=f"{machine.url}/v1", api_key="unused", max_retries=5)
    with client, pytest.raises(openai.InternalServerError) as refused:
        client.chat.completions.create(model="giant", messages=ASK)
    assert refused.value.status_code == 507
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert "40.0 GiB" in str(refused.value)
    why = machine.cli("why", "giant").stdout
    assert "40.0 GiB" in why
