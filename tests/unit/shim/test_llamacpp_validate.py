import json

import pytest

from xinf.shim.backends.base import RequestFailed
from xinf.shim.backends.llamacpp.validate import check_tool_choice, read_chat, read_completion

HI = [{"role": "user", "content": "hi"}]


def chat(**fields: object) -> bytes:
    return json.dumps({"messages": HI, **fields}).encode()


def refusal(data: bytes, read=read_chat) -> RequestFailed:
    with pytest.raises(RequestFailed) as caught:
        read(data, 4)
    assert not caught.value.retryable
    return caught.value


def test_the_engine_is_always_asked_to_stream_and_tell_its_progress() -> None:
    asked = read_chat(chat(temperature=0, x_unknown={"a": 1}), 4)
    assert asked.body["stream"] is True
    assert asked.body["return_progress"] is True
    assert asked.body["x_unknown"] == {"a": 1}
    assert (asked.stream, asked.include_usage, asked.choices) == (False, False, 1)


def test_usage_is_only_for_a_stream_that_asks_for_it() -> None:
    options = {"include_usage": True}
    assert read_chat(chat(stream=True, stream_options=options), 4).include_usage
    assert not read_chat(chat(stream=True), 4).include_usage
    assert not read_chat(chat(stream_options=options), 4).include_usage
    assert "stream_options" not in read_chat(chat(stream=True, stream_options=options), 4).body


def test_null_is_as_good_as_nothing() -> None:
    names = ("temperature", "max_tokens", "n", "stop", "stream", "stream_options", "tools", "seed")
    asked = read_chat(chat(**dict.fromkeys(names)), 4)
    assert (asked.stream, asked.choices) == (False, 1)


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
    assert read_chat(chat(messages=messages), 4).body["messages"] == messages


@pytest.mark.parametrize(
    ("messages", "code", "param"),
    [
        (None, "missing_required_parameter", "messages"),
        ("hi", "invalid_type", "messages"),
        ({}, "invalid_type", "messages"),
        ([], "invalid_value", "messages"),
        ([1], "invalid_type", "messages[0]"),
        ([{"content": "x"}], "missing_required_parameter", "messages[0].role"),
        ([{"role": 1, "content": "x"}], "invalid_type", "messages[0].role"),
        ([*HI, {"role": "alien", "content": "x"}], "invalid_value", "messages[1].role"),
        ([{"role": "user"}], "missing_required_parameter", "messages[0].content"),
        ([{"role": "user", "content": None}], "invalid_type", "messages[0].content"),
        ([{"role": "user", "content": 5}], "invalid_type", "messages[0].content"),
        ([{"role": "user", "content": ["x"]}], "invalid_type", "messages[0].content[0]"),
        (
            [{"role": "user", "content": [{"text": "x"}]}],
            "missing_required_parameter",
            "messages[0].content[0].type",
        ),
        (
            [{"role": "user", "content": [{"type": "text"}]}],
            "missing_required_parameter",
            "messages[0].content[0].text",
        ),
        (
            [{"role": "user", "content": [{"type": "text", "text": 5}]}],
            "invalid_type",
            "messages[0].content[0].text",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url"}]}],
            "unsupported",
            "messages[0].content[0].type",
        ),
        ([{"role": "assistant", "tool_calls": 5}], "invalid_type", "messages[0].tool_calls"),
    ],
)
def test_messages_that_cannot_be_are_refused_by_their_place(
    messages: object, code: str, param: str
) -> None:
    error = refusal(chat(messages=messages))
    assert (error.code, error.param) == (code, param)
    assert param in error.message or code == "unsupported"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("temperature", "hot", "invalid_type"),
        ("temperature", True, "invalid_type"),
        ("temperature", -1, "invalid_value"),
        ("temperature", 2.5, "invalid_value"),
        ("top_p", 7, "invalid_value"),
        ("max_tokens", "a", "invalid_type"),
        ("max_tokens", 1.5, "invalid_type"),
        ("max_tokens", 0, "invalid_value"),
        ("max_tokens", 10**400, "invalid_value"),
        ("max_completion_tokens", -1, "invalid_value"),
        ("n", 0, "invalid_value"),
        ("n", 5, "invalid_value"),
        ("n", "2", "invalid_type"),
        ("stream", "yes", "invalid_type"),
        ("stream_options", 5, "invalid_type"),
        ("stop", 5, "invalid_type"),
        ("stop", [5], "invalid_type"),
        ("stop", "", "invalid_value"),
        ("stop", ["a"] * 17, "invalid_value"),
        ("seed", "x", "invalid_type"),
        ("logprobs", 5, "invalid_type"),
        ("top_logprobs", 21, "invalid_value"),
        ("tools", {}, "invalid_type"),
        ("tool_choice", 5, "invalid_type"),
        ("logit_bias", [], "invalid_type"),
        ("response_format", "json", "invalid_type"),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_its_name(name: str, value: object, code: str) -> None:
    error = refusal(chat(**{name: value}))
    assert (error.code, error.param) == (code, name)
    assert f"'{name}'" in error.message


def test_include_usage_and_response_format_are_looked_into() -> None:
    usage = refusal(chat(stream=True, stream_options={"include_usage": "x"}))
    assert (usage.code, usage.param) == ("invalid_type", "stream_options.include_usage")
    untyped = refusal(chat(response_format={}))
    assert untyped.param == "response_format.type"
    assert refusal(chat(response_format={"type": "xml"})).code == "invalid_value"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{bad", "invalid_json"),
        (b"", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b'{"a": NaN}', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b"[]", "invalid_type"),
        (b'"text"', "invalid_type"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_a_completion_needs_a_prompt() -> None:
    assert read_completion(b'{"prompt": "x", "logprobs": 1}', 4).body["prompt"] == "x"
    cases = {
        b"{}": ("missing_required_parameter", "prompt"),
        b'{"prompt": 5}': ("invalid_type", "prompt"),
        b'{"prompt": "x", "echo": true}': ("unsupported", "echo"),
        b'{"prompt": "x", "suffix": "y"}': ("unsupported", "suffix"),
        b'{"prompt": "x", "logprobs": true}': ("invalid_type", "logprobs"),
    }
    for data, (code, param) in cases.items():
        error = refusal(data, read_completion)
        assert (error.code, error.param) == (code, param)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "f"}}])
def test_a_tool_that_must_be_called_needs_a_template_with_tools(choice: object) -> None:
    with pytest.raises(RequestFailed, match="no place for tools"):
        check_tool_choice({"tool_choice": choice}, template_has_tools=False)
    check_tool_choice({"tool_choice": choice}, template_has_tools=True)
    check_tool_choice({"tool_choice": "auto", "tools": []}, template_has_tools=False)
