from __future__ import annotations

from typing import Any

import pytest

from xinf.core.errors import ErrorCode, XinfError
from xinf.gateway.openai import Asked, parse_chat, parse_completion, parse_embedding

MESSAGES = [{"role": "user", "content": "hi"}]


def refused(parse: Any, body: dict[str, Any]) -> tuple[ErrorCode, str | None]:
    with pytest.raises(XinfError) as error:
        parse(body)
    return error.value.code, error.value.param


def test_a_plain_request_is_understood() -> None:
    body = {"model": "a", "messages": MESSAGES}
    assert parse_chat(body) == Asked("a", is_stream=False, session_key="")


def test_fields_that_nobody_knows_are_ignored() -> None:
    body = {"model": "a", "messages": MESSAGES, "store": True, "metadata": [1], "x": {"y": None}}
    assert parse_chat(body).model == "a"


def test_null_is_as_good_as_absent() -> None:
    names = ("stream", "stop", "temperature", "tools", "user", "stream_options", "n")
    body = {"model": "a", "messages": MESSAGES, **dict.fromkeys(names)}
    assert parse_chat(body) == Asked("a", is_stream=False, session_key="")


def test_content_may_be_text_parts_or_nothing() -> None:
    contents: list[Any] = ["hi", [{"type": "text", "text": "hi"}], None]
    messages = [{"role": "assistant", "content": content} for content in contents]
    assert parse_chat({"model": "a", "messages": messages}).model == "a"


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"model": None}, ErrorCode.MISSING_PARAMETER, "model"),
        ({"model": 5}, ErrorCode.INVALID_TYPE, "model"),
        ({"messages": None}, ErrorCode.MISSING_PARAMETER, "messages"),
        ({"messages": "hi"}, ErrorCode.INVALID_TYPE, "messages"),
        ({"messages": {}}, ErrorCode.INVALID_TYPE, "messages"),
        ({"messages": []}, ErrorCode.INVALID_VALUE, "messages"),
        ({"messages": ["hi"]}, ErrorCode.INVALID_TYPE, "messages[0]"),
        ({"messages": [{}]}, ErrorCode.MISSING_PARAMETER, "messages[0].role"),
        ({"messages": [*MESSAGES, {"role": 1}]}, ErrorCode.INVALID_TYPE, "messages[1].role"),
        (
            {"messages": [{"role": "user", "content": 1}]},
            ErrorCode.INVALID_TYPE,
            "messages[0].content",
        ),
        ({"stream": "yes"}, ErrorCode.INVALID_TYPE, "stream"),
        ({"stream": 1}, ErrorCode.INVALID_TYPE, "stream"),
        ({"stream_options": True}, ErrorCode.INVALID_TYPE, "stream_options"),
        ({"temperature": "hot"}, ErrorCode.INVALID_TYPE, "temperature"),
        ({"temperature": True}, ErrorCode.INVALID_TYPE, "temperature"),
        ({"max_tokens": "5"}, ErrorCode.INVALID_TYPE, "max_tokens"),
        ({"max_completion_tokens": []}, ErrorCode.INVALID_TYPE, "max_completion_tokens"),
        ({"n": {}}, ErrorCode.INVALID_TYPE, "n"),
        ({"stop": 5}, ErrorCode.INVALID_TYPE, "stop"),
        ({"tools": {}}, ErrorCode.INVALID_TYPE, "tools"),
        ({"user": 7}, ErrorCode.INVALID_TYPE, "user"),
    ],
)
def test_a_mistake_in_a_chat_is_named(change: dict[str, Any], code: ErrorCode, param: str) -> None:
    assert refused(parse_chat, {"model": "a", "messages": MESSAGES, **change}) == (code, param)


@pytest.mark.parametrize("prompt", ["hi", ["a", "b"], [1, 2], [[1], [2]], ""])
def test_a_prompt_may_be_text_or_tokens(prompt: Any) -> None:
    assert parse_completion({"model": "a", "prompt": prompt, "logprobs": 3}).model == "a"


def test_a_mistake_in_a_completion_is_named() -> None:
    assert refused(parse_completion, {"model": "a"}) == (ErrorCode.MISSING_PARAMETER, "prompt")
    wrong = {"model": "a", "prompt": {"text": "hi"}}
    assert refused(parse_completion, wrong) == (ErrorCode.INVALID_TYPE, "prompt")


def test_a_conversation_is_known_by_its_cache_key_before_its_user() -> None:
    body = {"model": "a", "prompt": "x", "user": "u", "prompt_cache_key": "k"}
    assert parse_completion(body).session_key == "k"
    assert parse_completion({**body, "prompt_cache_key": "k" * 300}).session_key == "u"


@pytest.mark.parametrize("texts", ["hi", ["a", "b"], [1, 2], [0], [[1], [2, 3]]])
def test_what_is_embedded_may_be_text_or_tokens(texts: Any) -> None:
    body = {"model": "a", "input": texts, "encoding_format": "base64", "dimensions": 64}
    assert parse_embedding(body) == Asked("a", is_stream=False, session_key="")


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"model": None}, ErrorCode.MISSING_PARAMETER, "model"),
        ({"input": None}, ErrorCode.MISSING_PARAMETER, "input"),
        ({"input": 5}, ErrorCode.INVALID_TYPE, "input"),
        ({"input": ""}, ErrorCode.INVALID_VALUE, "input"),
        ({"input": []}, ErrorCode.INVALID_VALUE, "input"),
        ({"input": ["a", ""]}, ErrorCode.INVALID_VALUE, "input[1]"),
        ({"input": [[1], []]}, ErrorCode.INVALID_VALUE, "input[1]"),
        ({"input": ["a", 1]}, ErrorCode.INVALID_VALUE, "input"),
        ({"input": ["a", None]}, ErrorCode.INVALID_TYPE, "input[1]"),
        ({"input": [True]}, ErrorCode.INVALID_TYPE, "input[0]"),
        ({"input": [-1]}, ErrorCode.INVALID_TYPE, "input[0]"),
        ({"input": [[["a"]]]}, ErrorCode.INVALID_TYPE, "input[0]"),
        ({"encoding_format": "hex"}, ErrorCode.INVALID_VALUE, "encoding_format"),
        ({"encoding_format": 1}, ErrorCode.INVALID_TYPE, "encoding_format"),
        ({"dimensions": 0}, ErrorCode.INVALID_VALUE, "dimensions"),
        ({"dimensions": 1.5}, ErrorCode.INVALID_VALUE, "dimensions"),
        ({"dimensions": "64"}, ErrorCode.INVALID_TYPE, "dimensions"),
    ],
)
def test_a_mistake_in_an_embedding_is_named(
    change: dict[str, Any], code: ErrorCode, param: str
) -> None:
    assert refused(parse_embedding, {"model": "a", "input": "hi", **change}) == (code, param)
