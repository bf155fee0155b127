import json
from typing import Any

import pytest

from xinf.shim.backends.base import RequestFailed
from xinf.shim.backends.vllm.asking import CHAT, COMPLETIONS, EMBEDDINGS, read

HI = [{"role": "user", "content": "hi"}]


def chat(**fields: object) -> bytes:
    return json.dumps({"messages": HI, **fields}).encode()


def sent(endpoint: str, data: bytes) -> Any:
    return json.loads(read(endpoint, data, "small").body)


def test_a_body_that_needs_no_change_passes_as_the_bytes_it_came_as() -> None:
    for body in (chat(temperature=0.10), chat(model="small"), chat(model=""), chat(stream=False)):
        asked = read(CHAT, b" " + body, "small")
        assert asked.body == b" " + body
        assert (asked.model, asked.hides_usage) == ("", False)


def test_an_alias_becomes_the_name_that_vllm_knows() -> None:
    asked = read(CHAT, chat(model="other/name", seed=7), "small")
    assert json.loads(asked.body) == {"messages": HI, "model": "small", "seed": 7}
    assert asked.model == "other/name"


def test_a_stream_is_always_asked_for_its_usage() -> None:
    asked = read(CHAT, chat(stream=True), "small")
    assert json.loads(asked.body)["stream_options"] == {"include_usage": True}
    assert asked.hides_usage
    wanted = chat(stream=True, stream_options={"include_usage": True, "x": 1})
    assert read(CHAT, wanted, "small").body == wanted
    assert not read(CHAT, wanted, "small").hides_usage


def test_other_options_of_a_stream_stay_but_usage_in_between_does_not_appear() -> None:
    options = {"include_usage": False, "continuous_usage_stats": True, "x": 1}
    body = json.dumps({"prompt": "a", "stream": True, "stream_options": options}).encode()
    assert sent(COMPLETIONS, body)["stream_options"] == {"include_usage": True, "x": 1}


def test_embeddings_are_not_streamed_whatever_the_body_says() -> None:
    body = b'{"input": ["a"], "stream": true}'
    assert read(EMBEDDINGS, body, "small").body == body


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (COMPLETIONS, b'{"prompt": ""}'),
        (COMPLETIONS, b'{"prompt": [1, 2]}'),
        (COMPLETIONS, b'{"prompt_embeds": "x"}'),
        (EMBEDDINGS, b'{"messages": []}'),
    ],
)
def test_every_shape_of_prompt_that_vllm_has_passes(endpoint: str, body: bytes) -> None:
    assert read(endpoint, body, "small").body == body


def test_null_is_as_good_as_nothing() -> None:
    body = chat(model=None, stream=None, stream_options=None)
    assert read(CHAT, body, "small").body == body


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "developer", "content": "x"}, *HI],
        [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
        [*HI, {"role": "assistant", "content": None, "tool_calls": []}],
        [*HI, {"role": "assistant"}, {"role": "tool", "tool_call_id": "1", "content": "5"}],
    ],
)
def test_messages_of_every_kind_pass(messages: list[object]) -> None:
    assert sent(CHAT, chat(messages=messages))["messages"] == messages


@pytest.mark.parametrize(
    ("endpoint", "body", "code", "param"),
    [
        (CHAT, b"{", "invalid_json", ""),
        (CHAT, b"[" * 100_000, "invalid_json", ""),
        (CHAT, b'{"messages": NaN}', "invalid_json", ""),
        (CHAT, b"[]", "invalid_type", ""),
        (CHAT, b"{}", "missing_required_parameter", "messages"),
        (COMPLETIONS, b"{}", "missing_required_parameter", "prompt"),
        (EMBEDDINGS, b"{}", "missing_required_parameter", "input"),
        (COMPLETIONS, b'{"prompt": 7}', "invalid_type", "prompt"),
        (EMBEDDINGS, b'{"input": {}}', "invalid_type", "input"),
        (EMBEDDINGS, b'{"input": []}', "invalid_value", "input"),
        (CHAT, b'{"messages": "hello"}', "invalid_type", "messages"),
        (CHAT, b'{"messages": []}', "invalid_value", "messages"),
        (CHAT, b'{"messages": ["hello"]}', "invalid_type", "messages[0]"),
        (CHAT, chat(messages=[*HI, {}]), "missing_required_parameter", "messages[1].role"),
        (CHAT, chat(messages=[{"role": 7}]), "invalid_type", "messages[0].role"),
        (CHAT, chat(messages=[{"role": "wizard"}]), "invalid_value", "messages[0].role"),
        (
            CHAT,
            chat(messages=[{"role": "user"}]),
            "missing_required_parameter",
            "messages[0].content",
        ),
        (
            CHAT,
            chat(messages=[{"role": "user", "content": 7}]),
            "invalid_type",
            "messages[0].content",
        ),
        (CHAT, chat(stream="yes"), "invalid_type", "stream"),
        (CHAT, chat(stream=1), "invalid_type", "stream"),
        (CHAT, chat(stream=True, stream_options=[]), "invalid_type", "stream_options"),
    ],
)
def test_what_vllm_would_take_or_call_by_other_names_is_refused(
    endpoint: str, body: bytes, code: str, param: str
) -> None:
    with pytest.raises(RequestFailed) as caught:
        read(endpoint, body, "small")
    assert (caught.value.code, caught.value.param, caught.value.retryable) == (code, param, False)
