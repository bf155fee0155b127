import json

import pytest

from xinf.shim.backends.base import Usage
from xinf.shim.backends.vllm.pieces import Renaming, is_usage_piece, usage_in

TOLD = {
    "prompt_tokens": 27,
    "completion_tokens": 3,
    "prompt_tokens_details": {"cached_tokens": 16, "created_cache_tokens": None},
}


def event(**fields: object) -> bytes:
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"


def test_usage_is_read_wherever_it_stands() -> None:
    wanted = Usage(27, 3, 16)
    assert usage_in(event(choices=[], usage=TOLD, system_fingerprint="x")) == wanted
    assert usage_in(json.dumps({"usage": TOLD, "more": {"a": "}"}}).encode()) == wanted


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"data: [DONE]\n\n",
        event(choices=[{"delta": {"content": '"usage":{"prompt_tokens":1}'}}]),
        event(choices=[], usage=None),
    ],
)
def test_where_no_usage_is_none_is_read(data: bytes) -> None:
    assert usage_in(data) is None


def test_an_embeddings_usage_has_no_answer_in_it() -> None:
    told = {"prompt_tokens": 4, "total_tokens": 4, "completion_tokens": 0}
    assert usage_in(json.dumps({"data": [], "usage": told}).encode()) == Usage(4, 0, 0)


def test_only_the_piece_that_holds_nothing_but_usage_is_one() -> None:
    assert is_usage_piece(event(choices=[], usage=TOLD))
    assert not is_usage_piece(event(choices=[{"delta": {}}], usage=TOLD))
    assert not is_usage_piece(event(choices=[{"delta": {"content": '"choices":[],"usage":'}}]))


def test_an_answer_carries_the_name_that_was_asked_for_and_its_text_is_left_alone() -> None:
    data = event(id="1", model="small", choices=[{"delta": {"content": '"model":"small"'}}])
    renamed = Renaming("small", "other/name")(data)
    assert renamed.count(b"other/name") == 1
    assert json.loads(renamed.removeprefix(b"data: "))["model"] == "other/name"
    assert Renaming("small", "")(data) is data
