import json

import pytest

from xinf.shim.backends.vllm.asking import CHAT, COMPLETIONS, EMBEDDINGS
from xinf.shim.backends.vllm.errors import broken_stream, refusal


def told(message: str, param: str | None = None, code: int = 400) -> bytes:
    error = {"message": message, "type": "BadRequestError", "param": param, "code": code}
    return json.dumps({"error": error}).encode()


# As vLLM 0.32 words them.
TOO_MANY_TOKENS = (
    "This model's maximum context length is 2048 tokens. However, your prompt contains at least "
    "2049 input tokens, which exceeds this limit even without any output tokens. Please reduce "
    "the length of the input prompt. (parameter=input_tokens, value=2049)"
)
NO_ROOM = "Input length (2049) exceeds model's maximum context length (2048)."


@pytest.mark.parametrize("message", [TOO_MANY_TOKENS, NO_ROOM])
@pytest.mark.parametrize(
    ("endpoint", "param"), [(CHAT, "messages"), (COMPLETIONS, "prompt"), (EMBEDDINGS, "input")]
)
def test_a_prompt_that_is_too_long_is_told_in_openais_words(
    message: str, endpoint: str, param: str
) -> None:
    failure = refusal(400, told(message, "input_tokens"), endpoint)
    assert (failure.code, failure.param) == ("context_length_exceeded", param)
    assert failure.message.startswith("This model's maximum context length is 2048 tokens. ")
    assert "parameter=" not in failure.message
    assert not failure.retryable


def test_pydantics_list_becomes_one_sentence() -> None:
    entry = {"type": "int_parsing", "loc": "body.max_tokens", "msg": "Input should be an integer"}
    message = f"1 validation error:\n  {entry}"
    failure = refusal(400, told(message, "body.max_tokens"), CHAT)
    assert (failure.code, failure.param) == ("invalid_type", "max_tokens")
    assert failure.message == "Invalid value for 'max_tokens': Input should be an integer."


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("missing", "missing_required_parameter"),
        ("string_type", "invalid_type"),
        ("float_parsing", "invalid_type"),
        ("literal_error", "invalid_value"),
        ("value_error", "invalid_value"),
    ],
)
def test_every_kind_of_validation_error_has_a_code(kind: str, code: str) -> None:
    message = "2 validation errors:\n  " + str({"type": kind, "msg": "Value error, no"}) + "\n  {}"
    failure = refusal(400, told(message, "body.messages.3.Odd.tool_calls.0.id"), CHAT)
    assert (failure.code, failure.param) == (code, "messages[3].tool_calls[0].id")
    assert "Value error" not in failure.message


def test_a_validation_error_that_cannot_be_read_is_still_told() -> None:
    message = "1 validation error:\n  {'type': 'x', 'input': 'cut off...[truncated]"
    failure = refusal(400, told(message, "body.prompt"), COMPLETIONS)
    assert (failure.code, failure.param) == ("invalid_value", "prompt")


@pytest.mark.parametrize(
    ("status", "body", "code", "param"),
    [
        (400, told("temperature must be >= 0", "temperature"), "invalid_value", "temperature"),
        (400, told("Grammar error: no"), "invalid_request", ""),
        (404, told("The model `x` does not exist.", "model"), "model_not_found", "model"),
        (404, b'{"detail":"Not Found"}', "unsupported", ""),
        (404, told("Not Found"), "unsupported", ""),
        (405, b'{"detail":"Method Not Allowed"}', "unsupported", ""),
        (501, told("The model does not support Chat Completions API"), "unsupported", ""),
        (422, told("no"), "invalid_request", ""),
        (400, b"<html>", "invalid_request", ""),
        (400, b'{"error": "just words"}', "invalid_request", ""),
        (400, b"[1]", "invalid_request", ""),
    ],
)
def test_a_refusal_is_the_requests_fault(status: int, body: bytes, code: str, param: str) -> None:
    failure = refusal(status, body, CHAT)
    assert (failure.code, failure.param, failure.retryable) == (code, param, False)
    assert failure.message.endswith((".", "}"))


def test_tools_without_a_parser_are_refused_in_words_of_xinf() -> None:
    message = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser'
    failure = refusal(400, told(message), CHAT)
    assert (failure.code, failure.param) == ("unsupported", "tools")
    assert "--" not in failure.message


def test_a_full_queue_may_be_asked_again() -> None:
    failure = refusal(503, told("Too many requests are queued", code=503), CHAT)
    assert (failure.code, failure.retryable) == ("rate_limit_exceeded", True)


def test_a_failure_of_vllm_on_one_request_is_the_engines_but_not_for_all() -> None:
    failure = refusal(500, told("list index out of range", code=500), CHAT)
    assert (failure.code, failure.retryable) == ("engine_failed", False)
    assert "list index out of range" in failure.message


def test_an_error_inside_a_stream_carries_its_own_status() -> None:
    assert broken_stream(told("bad", "stop", 400), CHAT).code == "invalid_value"
    assert broken_stream(told("oops", code=500), CHAT).code == "engine_failed"
    assert broken_stream(b"not json", CHAT).code == "engine_failed"
