"""A config file's way into force: asked about, applied, explained, and what is told of it after."""

from __future__ import annotations

import json

import openai
import pytest

from tests.support.instance import ECHO, pair, running

BIGGER = ECHO + '[models.echo.sim]\nmemory = "2GiB"\n\n[models.twin]\nengine = "sim"\n'
HUGE = ECHO + '[models.huge]\nengine = "sim"\n[models.huge.sim]\nmemory = "9000GiB"\n'
HI = [{"role": "user", "content": "hi"}]


def test_a_file_is_planned_applied_and_explained() -> None:
    with running() as it:
        (it.root / "new.toml").write_text(BIGGER)
        planned = it.cli("plan", "new.toml", "--json", "--exit-code", check=False)
        assert planned.returncode == 10
        told = {(each["action"], each["replica"]) for each in json.loads(planned.stdout)["actions"]}
        assert told == {("resize", "echo/0"), ("start", "twin/0")}
        assert [row["name"] for row in it.ls()] == ["echo"]

        it.cli("apply", "new.toml")
        assert {row["replica"]: row["state"] for row in it.ps()} == {
            "echo/0": "ready",
            "twin/0": "ready",
        }
        assert (it.root / "xinf.toml").read_text() == BIGGER
        assert (it.root / "xinf.toml.before").read_text() == ECHO
        assert it.cli("plan", "--exit-code", check=False).returncode == 0

        it.save(HUGE)
        assert it.cli("apply", "xinf.toml", check=False).returncode == 1
        why = json.loads(it.cli("why", "huge", "--json").stdout)
        assert why["seating"]["unplaced"][0]["obstacle"] == "too_large"
        with it.sdk as sdk, pytest.raises(openai.InternalServerError) as refused:
            sdk.chat.completions.create(model="huge", messages=HI)
        assert refused.value.status_code == 507
        it.stop()
        # Nobody runs any more: the file tells.
        kinds = [
            json.loads(line)["kind"] for line in it.cli("events", "--json").stdout.splitlines()
        ]
    assert (kinds[0], kinds[-1]) == ("xinf.started", "xinf.ended")
    assert {"engine.ready", "config.applied", "plan.place", "plan.unplaced"} <= set(kinds)


def test_both_halves_tell_into_one_table() -> None:
    with pair() as (serve, worker):
        told = [json.loads(line) for line in serve.cli("events", "--json").stdout.splitlines()]
        assert {"xinf serve", "xinf worker"} <= {each["subject"] for each in told}
        assert {"plan.place", "engine.ready"} <= {each["kind"] for each in told}
        serve.stop()
        worker.stop()
        last = serve.cli("events", "--kind", "xinf", "-n", "2", "--json").stdout.splitlines()
    assert [json.loads(line)["message"] for line in last] == [
        "xinf serve ended in order",
        "xinf worker ended in order",
    ]
