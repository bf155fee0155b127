from __future__ import annotations

import json

import pytest

from xinf.core.errors import KINDS, ErrorCode, XinfError
from xinf.engine.failure import EngineFailure
from xinf.gateway.errors import error_response, fault_of


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_has_all_four_members_and_its_status(code: ErrorCode) -> None:
    response = error_response(fault_of(XinfError(code, cause="because")), "req_1")
    assert isinstance(response.body, bytes)
    body = json.loads(response.body)
    assert body.keys() == {"error"}
    assert body["error"] == {
        "message": "because.",
        "type": KINDS[code].type,
        "param": None,
        "code": code.value,
    }
    assert response.status == KINDS[code].status
    assert response.headers["x-request-id"] == "req_1"


def test_an_engines_failure_keeps_its_code_message_and_param() -> None:
    failure = EngineFailure(
        "context_length_exceeded", "This model's maximum is 5", param="messages"
    )
    fault = fault_of(failure)
    assert fault.envelope()["error"] == {
        "message": "This model's maximum is 5",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "context_length_exceeded",
    }
    assert fault.kind.status == 400


def test_a_code_that_nobody_knows_is_our_own_fault() -> None:
    fault = fault_of(EngineFailure("weather", "it rains"))
    assert (fault.code, fault.kind.status) == (ErrorCode.INTERNAL, 500)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (ErrorCode.MODEL_FAILED, "false"),
        (ErrorCode.MODEL_OFF, "false"),
        (ErrorCode.MODEL_LOADING, "true"),
        (ErrorCode.QUEUE_FULL, "true"),
        (ErrorCode.MODEL_NOT_FOUND, None),
        (ErrorCode.INVALID_JSON, None),
    ],
)
def test_clients_are_told_whether_to_try_again_where_they_would(
    code: ErrorCode, advice: str | None
) -> None:
    response = error_response(fault_of(XinfError(code, cause="x")), "r")
    assert response.headers.get("x-should-retry") == advice


def test_retry_after_is_in_whole_seconds_rounded_up() -> None:
    error = XinfError(ErrorCode.QUEUE_FULL, cause="x", retry_after_s=1.2)
    assert error_response(fault_of(error), "r").headers["Retry-After"] == "2"


def test_the_admin_side_adds_the_exit_code() -> None:
    error = XinfError(ErrorCode.NOT_FOUND, cause="x")
    response = error_response(fault_of(error), "r", with_exit_code=True)
    assert isinstance(response.body, bytes)
    assert json.loads(response.body)["error"]["exit_code"] == 4
