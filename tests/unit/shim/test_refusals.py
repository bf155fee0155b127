import pytest

from xinf.shim.backends.base import RequestFailed
from xinf.shim.backends.refusals import (
    invalid_type,
    invalid_value,
    missing,
    read_object,
    type_name,
)


def test_an_object_is_read_as_it_is() -> None:
    assert read_object(b'{"a": [1, null]}') == {"a": [1, None]}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a": NaN}'])
def test_what_is_not_json_is_called_so(body: bytes) -> None:
    with pytest.raises(RequestFailed, match="not valid JSON") as refused:
        read_object(body)
    assert (refused.value.code, refused.value.retryable) == ("invalid_json", False)


@pytest.mark.parametrize("body", [b"[]", b'"a"', b"null", b"7"])
def test_what_is_no_object_is_named_by_its_type(body: bytes) -> None:
    with pytest.raises(RequestFailed, match="must be a JSON object, but is ") as refused:
        read_object(body)
    assert refused.value.code == "invalid_type"


def test_each_refusal_names_its_parameter() -> None:
    assert missing("messages").message == "Missing required parameter: 'messages'."
    wrong = invalid_type("seed", "an integer", "x")
    assert wrong.message == (
        "Invalid type for 'seed': expected an integer, but got a string instead."
    )
    odd = invalid_value("n", "it is 0")
    assert odd.message == "Invalid value for 'n': it is 0."
    assert {wrong.param, odd.param} == {"seed", "n"}


def test_every_type_of_json_has_a_name() -> None:
    values = (True, 1, 0.5, "", [], {}, None)
    assert len({type_name(value) for value in values}) == 7
    assert type_name(object()) == "something else"
