import json
from typing import Any

import pytest

from xinf.shim.backends.base import RequestFailed
from xinf.shim.backends.sim import body

USER = {"role": "user", "content": "hi"}


def refused(read: Any, value: Any) -> tuple[str, str]:
    with pytest.raises(RequestFailed) as failed:
        read(value)
    return failed.value.code, failed.value.param


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"messages": None}, ("missing_required_parameter", "messages")),
        ({"messages": [USER, None]}, ("invalid_type", "messages[1]")),
        (
            {"messages": [{"role": "user", "content": [7]}]},
            ("invalid_type", "messages[0].content[0]"),
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            ("unsupported", "messages[0].content[0].type"),
        ),
        ({"max_tokens": 0}, ("invalid_value", "max_tokens")),
        ({"max_tokens": True}, ("invalid_type", "max_tokens")),
        ({"max_completion_tokens": 1.5}, ("invalid_type", "max_completion_tokens")),
        ({"temperature": 3}, ("invalid_value", "temperature")),
        ({"top_p": -1}, ("invalid_value", "top_p")),
        ({"n": 2}, ("unsupported", "n")),
        ({"logprobs": True}, ("unsupported", "logprobs")),
        ({"stream": 1}, ("invalid_type", "stream")),
        ({"stream_options": []}, ("invalid_type", "stream_options")),
        (
            {"stream_options": {"include_usage": 1}},
            ("invalid_type", "stream_options.include_usage"),
        ),
        ({"stop": ["a", 7]}, ("invalid_type", "stop")),
        ({"stop": ["a"] * 17}, ("invalid_value", "stop")),
        ({"model": 7}, ("invalid_type", "model")),
    ],
)
def test_a_wrong_chat_field_is_named(change: dict[str, Any], expected: tuple[str, str]) -> None:
    assert refused(body.chat, {"messages": [USER]} | change) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"prompt": None}, ("missing_required_parameter", "prompt")),
        ({"prompt": {}}, ("invalid_type", "prompt")),
        ({"prompt": ["a", "b"]}, ("unsupported", "prompt")),
        ({"prompt": [1, -1]}, ("unsupported", "prompt")),
        ({"echo": True}, ("unsupported", "echo")),
        ({"logprobs": 5}, ("unsupported", "logprobs")),
    ],
)
def test_a_wrong_completion_field_is_named(
    change: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert refused(body.completion, {"prompt": "hi"} | change) == expected


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    assert refused(body.read_body, text) == ("invalid_json", "")


@pytest.mark.parametrize("value", [[], "x", 7, None])
def test_what_is_no_object_is_refused(value: object) -> None:
    assert refused(body.read_body, json.dumps(value).encode()) == ("invalid_type", "")


def test_null_counts_as_absent() -> None:
    names = ("max_tokens", "temperature", "n", "stop", "stream", "stream_options", "logprobs")
    asked = body.chat({"messages": [USER], **dict.fromkeys(names)})
    assert asked == body.chat({"messages": [USER]})


def test_unknown_fields_and_tools_are_ignored() -> None:
    odd = {"tools": [{"type": "function"}], "x": 1, "user": "me", "seed": 3}
    assert body.chat({"messages": [USER], **odd}) == body.chat({"messages": [USER]})


def test_parts_of_text_are_the_same_as_their_text() -> None:
    parts = [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]
    assert body.chat({"messages": [{"role": "user", "content": parts}]}).prompt == (
        body.chat({"messages": [USER]}).prompt
    )


def test_an_assistants_turn_may_have_no_content() -> None:
    call = {"role": "assistant", "content": None, "tool_calls": []}
    assert "<|assistant|>\n" in body.chat({"messages": [USER, call]}).prompt


def test_max_completion_tokens_speaks_over_max_tokens() -> None:
    asked = body.chat({"messages": [USER], "max_tokens": 5, "max_completion_tokens": 7})
    assert asked.answer_max == 7


def test_a_completion_is_16_tokens_unless_said_otherwise() -> None:
    assert body.completion({"prompt": "x"}).answer_max == 16
    assert body.completion({"prompt": "x", "max_tokens": 3}).answer_max == 3


def test_a_prompt_may_be_token_ids_or_a_list_of_one_text() -> None:
    assert body.completion({"prompt": [5, 6]}).prompt == (5, 6)
    assert body.completion({"prompt": ["x"]}).prompt == "x"
