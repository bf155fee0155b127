from __future__ import annotations

import pytest

from xinf.core.errors import KINDS, ErrorCode, XinfError, sentence


def test_every_code_has_a_kind() -> None:
    assert KINDS.keys() == set(ErrorCode)


@pytest.mark.parametrize("code", ErrorCode)
def test_every_kind_is_an_error_for_every_surface(code: ErrorCode) -> None:
    kind = KINDS[code]
    assert 400 <= kind.status < 600
    assert kind.exit_code in {1, 2, 3, 4, 5}
    assert kind.type.endswith("_error")
    assert code == code.lower()


@pytest.mark.parametrize("code", ErrorCode)
def test_the_callers_fault_and_ours_are_told_apart_by_status(code: ErrorCode) -> None:
    kind = KINDS[code]
    if kind.type == "invalid_request_error":
        assert kind.status < 500
    if kind.status == 429:
        assert kind.type == "rate_limit_error"
        assert kind.retryable


@pytest.mark.parametrize(
    "code",
    [ErrorCode.INVALID_JSON, ErrorCode.CONTEXT_LENGTH_EXCEEDED, ErrorCode.MODEL_NOT_FOUND],
)
def test_a_request_that_is_wrong_is_not_worth_sending_again(code: ErrorCode) -> None:
    assert not KINDS[code].retryable


def test_the_names_that_clients_branch_on_are_openais() -> None:
    assert ErrorCode.CONTEXT_LENGTH_EXCEEDED == "context_length_exceeded"
    assert ErrorCode.MODEL_NOT_FOUND == "model_not_found"
    assert ErrorCode.QUEUE_FULL == "rate_limit_exceeded"
    assert KINDS[ErrorCode.MODEL_NOT_FOUND].status == 404
    assert KINDS[ErrorCode.CONTEXT_LENGTH_EXCEEDED].status == 400


@pytest.mark.parametrize(
    ("thing", "cause", "next_step", "told"),
    [
        (
            "model 'a'",
            "is not declared",
            "See `xinf ls`",
            "model 'a': is not declared. See `xinf ls`",
        ),
        ("a", "see `source`", "Change it", "a: see `source`. Change it."),
        ("", "nothing runs", "", "nothing runs."),
        ("port 5090", "is taken!", "Try 5091.", "port 5090: is taken! Try 5091."),
        ("", "why?", "because", "why? because."),
    ],
)
def test_an_error_is_a_sentence_of_thing_cause_and_next_step(
    thing: str, cause: str, next_step: str, told: str
) -> None:
    assert sentence(thing, cause, next_step) == told


def test_an_error_keeps_its_parts_for_whoever_renders_it() -> None:
    error = XinfError(
        ErrorCode.QUEUE_FULL,
        thing="model 'a'",
        cause="64 requests wait already",
        next_step="Try again later",
        param="model",
        retry_after_s=2.5,
    )
    assert str(error) == "model 'a': 64 requests wait already. Try again later."
    assert (error.thing, error.cause) == ("model 'a'", "64 requests wait already")
    assert (error.next_step, error.param) == ("Try again later", "model")
    assert error.retry_after_s == 2.5
    assert error.kind is KINDS[ErrorCode.QUEUE_FULL]
