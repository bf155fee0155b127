import pytest

from xinf.shim.backends.llamacpp.errors import breakdown, refusal

# As llama.cpp writes them.
TOO_LONG = {
    "code": 400,
    "message": "request (9031 tokens) exceeds the available context size (2048 tokens)",
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 9031,
    "n_ctx": 2048,
}


def test_a_prompt_that_is_too_long_is_told_in_openais_words() -> None:
    for error in (refusal(400, TOO_LONG, "messages"), breakdown(TOO_LONG, "messages")):
        assert (error.code, error.param) == ("context_length_exceeded", "messages")
        assert error.message.startswith("This model's maximum context length is 2048 tokens.")
        assert "9031 tokens" in error.message
        assert not error.retryable


@pytest.mark.parametrize(
    ("status", "message", "code", "param"),
    [
        (
            400,
            "Field 'mirostat': [json.exception.type_error.302] type must be number, but is string",
            "invalid_type",
            "mirostat",
        ),
        (
            400,
            "Field 'n': Value must be between 1 <= value <= 2, but got 0",
            "invalid_value",
            "n",
        ),
        (400, "[json.exception.parse_error.101] parse error at line 1", "invalid_json", ""),
        (400, "Failed to initialize samplers: failed to parse grammar", "invalid_request", ""),
        (500, "Conversation roles must alternate user/assistant/user", "invalid_request", ""),
        (501, "This server does not support embeddings", "unsupported", ""),
        (500, "image input is not supported - hint: mmproj", "unsupported", ""),
    ],
)
def test_a_refusal_is_the_requests_fault(status: int, message: str, code: str, param: str) -> None:
    error = refusal(status, {"message": message, "type": "whatever"}, "messages")
    assert (error.code, error.param, error.retryable) == (code, param, False)
    assert "json.exception" not in error.message


def test_an_engine_that_cannot_answer_now_may_be_asked_again() -> None:
    error = refusal(503, {"message": "Loading model", "type": "unavailable_error"}, "messages")
    assert (error.code, error.retryable) == ("engine_failed", True)


def test_a_failure_while_computing_is_the_engines() -> None:
    error = breakdown({"code": 500, "message": "Compute error.", "type": "server_error"}, "prompt")
    assert (error.code, error.retryable) == ("engine_failed", True)
    assert "Compute error." in error.message
