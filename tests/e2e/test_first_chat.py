"""What a newcomer does: `up` with nothing declared, the printed curl, the SDK. Real llama.cpp."""

import json
import shlex
import signal
import subprocess
from pathlib import Path

import openai
import pytest

from tests.support.instance import Instance, running, until
from xinf.agent.process import session_members

CAPITAL = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "What is the capital of France?"},
]


@pytest.fixture(scope="module")
def default():
    with running("") as instance:
        yield instance


def printed_curl(instance: Instance) -> list[str]:
    text = until(lambda: instance.output if "OPENAI_BASE_URL" in instance.output else "", "banner")
    begin = text.index("curl ")
    lines = []
    for line in text[begin:].splitlines():
        lines.append(line.rstrip("\\"))
        if not line.endswith("\\"):
            break
    return shlex.split(" ".join(lines))


def test_the_printed_curl_answers_with_paris(default: Instance) -> None:
    done = subprocess.run(printed_curl(default), capture_output=True, text=True, timeout=60)
    answer = json.loads(done.stdout)
    assert "Paris" in answer["choices"][0]["message"]["content"]


def test_the_streamed_pieces_join_to_the_whole_answer(default: Instance) -> None:
    sdk = default.sdk
    model = sdk.models.list().data[0].id
    whole = sdk.chat.completions.create(model=model, messages=CAPITAL, temperature=0)
    chunks = sdk.chat.completions.create(model=model, messages=CAPITAL, temperature=0, stream=True)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert "Paris" in text


def test_the_process_that_ps_shows_really_runs_llama_cpp(default: Instance) -> None:
    (row,) = default.listing("ps")
    assert row["engine"] == "llamacpp"
    maps = Path(f"/proc/{row['pid']}/maps").read_text()
    assert "xllamacpp" in maps
    assert ".gguf" in maps


def test_a_prompt_that_is_too_long_is_said_in_openai_s_words(default: Instance) -> None:
    long = [{"role": "user", "content": "word " * 20_000}]
    with pytest.raises(openai.BadRequestError) as caught:
        default.sdk.chat.completions.create(
            model=default.sdk.models.list().data[0].id, messages=long
        )
    assert caught.value.code == "context_length_exceeded"
    assert caught.value.body["message"].startswith("This model's maximum context length is ")


def test_ctrl_c_leaves_nothing() -> None:
    with running("") as instance:
        (row,) = instance.ps()
        assert instance.stop(signal.SIGINT) == 0
        assert session_members(row["pid"]) == ()
        assert [path for path in instance.root.rglob("*") if path.is_socket()] == []
