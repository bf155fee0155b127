import json
from typing import Any

import pytest

from xinf.shim.backends.base import RequestFailed, Usage
from xinf.shim.backends.llamacpp.account import Account, Counted
from xinf.shim.backends.llamacpp.pieces import Pieces
from xinf.shim.backends.llamacpp.whole import WholeAnswer

FRAME = {"id": "chatcmpl-1", "created": 7, "model": "smol", "object": "chat.completion.chunk"}


def event(choice: dict[str, Any], **more: object) -> bytes:
    payload = {"choices": [{"index": 0, "finish_reason": None, **choice}], **FRAME, **more}
    return b"data: " + json.dumps(payload, separators=(",", ":")).encode() + b"\n\n"


def progress(processed: int) -> bytes:
    role = {"delta": {"role": "assistant", "content": None}}
    return event(role, prompt_progress={"total": 10, "cache": 0, "processed": processed})


ROLE = event({"delta": {"role": "assistant", "content": None}})
HELLO = event({"delta": {"content": 'say "timings": now'}})
WORLD = event({"delta": {"content": " wörld"}})
TIMINGS = {"cache_n": 4, "prompt_n": 6, "predicted_n": 2}
FINAL = event({"delta": {}, "finish_reason": "stop"}, timings=TIMINGS)
DONE = b"data: [DONE]\n\n"
STREAM = b"".join([progress(4), b":\n\n", progress(10), ROLE, HELLO, WORLD, FINAL, DONE])


def pieces(choices: int = 1, account: Account | None = None) -> Pieces:
    return Pieces("messages", choices, Counted(account or Account()))


def payloads(stream: Pieces, *data: bytes) -> list[bytes]:
    return [payload for part in data for payload in stream.feed(part)]


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_however_the_bytes_arrive_the_pieces_are_the_same(size: int) -> None:
    stream = pieces()
    cut = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    out = [json.loads(payload) for payload in payloads(stream, *cut)]
    deltas = [each["choices"][0]["delta"] for each in out]
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"content": 'say "timings": now'},
        {"content": " wörld"},
        {},
    ]
    assert out[-1]["choices"][0]["finish_reason"] == "stop"
    assert all("timings" not in each and "prompt_progress" not in each for each in out)
    assert stream.is_done


def test_a_token_passes_as_the_bytes_it_came_as() -> None:
    assert payloads(pieces(), HELLO) == [HELLO.removeprefix(b"data: ").rstrip()]


def test_usage_comes_from_the_engines_own_count() -> None:
    stream = pieces()
    payloads(stream, STREAM)
    assert stream.usage == Usage(prompt_tokens=10, completion_tokens=2, cached_tokens=4)
    piece = json.loads(stream.usage_piece())
    assert piece["choices"] == []
    assert piece["id"] == "chatcmpl-1"
    assert piece["usage"]["total_tokens"] == 12
    assert piece["usage"]["prompt_tokens_details"] == {"cached_tokens": 4}


def test_two_choices_share_one_prompt() -> None:
    stream = pieces(choices=2)
    payloads(stream, FINAL, FINAL.replace(b'"index":0', b'"index":1'), DONE)
    assert stream.usage == Usage(prompt_tokens=10, completion_tokens=4, cached_tokens=4)


def test_the_account_follows_prefill_and_tokens() -> None:
    account = Account()
    with account.open() as counted:
        stream = Pieces("messages", 1, counted)
        payloads(stream, progress(8))
        assert account.tokens_held == 8
        payloads(stream, HELLO, WORLD)
        assert (account.tokens_held, account.generated_tokens) == (10, 2)
        payloads(stream, event({"delta": {}, "finish_reason": "stop"}, timings=TIMINGS))
        counted.settle(stream.usage)
    assert (account.prompt_tokens, account.cached_tokens) == (10, 4)
    assert (account.generated_tokens, account.tokens_held) == (2, 0)
    assert account.stalled_seconds == 0


@pytest.mark.parametrize(
    "data",
    [
        b'data: {"error":{"code":500,"message":"Compute error.","type":"server_error"}}\n\n',
        b'error: {"code":500,"message":"Compute error.","type":"server_error"}\n\n',
    ],
)
def test_an_error_in_the_stream_ends_it(data: bytes) -> None:
    with pytest.raises(RequestFailed, match="Compute error") as caught:
        payloads(pieces(), HELLO, data)
    assert caught.value.code == "engine_failed"


def whole(*data: bytes) -> dict[str, Any]:
    stream, answer = pieces(), WholeAnswer()
    for payload in payloads(stream, *data):
        answer.add(payload)
    return json.loads(answer.finish(stream.usage))


def test_the_pieces_join_to_the_whole_answer() -> None:
    answer = whole(STREAM)
    assert answer["object"] == "chat.completion"
    (choice,) = answer["choices"]
    assert choice["message"] == {"role": "assistant", "content": 'say "timings": now wörld'}
    assert (choice["finish_reason"], choice["logprobs"]) == ("stop", None)
    assert answer["usage"]["total_tokens"] == 12


def test_tool_calls_are_joined_and_leave_no_empty_text() -> None:
    def call(**function: str) -> bytes:
        name = {"id": "c1", "type": "function"} if "name" in function else {}
        return event({"delta": {"tool_calls": [{"index": 0, **name, "function": function}]}})

    answer = whole(
        ROLE, call(name="f", arguments=""), call(arguments='{"x"'), call(arguments=":1}")
    )
    (choice,) = answer["choices"]
    assert choice["message"]["content"] is None
    (made,) = choice["message"]["tool_calls"]
    assert made == {
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": '{"x":1}'},
    }


def test_logprobs_and_choices_are_kept_apart_and_in_order() -> None:
    def token(index: int, text: str) -> bytes:
        logprobs = {"content": [{"token": text}]}
        return event({"index": index, "delta": {"content": text}, "logprobs": logprobs})

    answer = whole(token(1, "x"), token(0, "a"), token(1, "y"))
    texts = [choice["message"]["content"] for choice in answer["choices"]]
    assert texts == ["a", "xy"]
    assert [entry["token"] for entry in answer["choices"][1]["logprobs"]["content"]] == ["x", "y"]


def test_a_text_completion_is_joined_too() -> None:
    frame = {"id": "1", "object": "text_completion", "model": "smol"}
    parts = [{"text": "a", "index": 0}, {"text": "b", "index": 0, "finish_reason": "length"}]
    data = [b"data: " + json.dumps({"choices": [p], **frame}).encode() + b"\n\n" for p in parts]
    answer = whole(*data)
    assert answer["object"] == "text_completion"
    assert answer["choices"] == [
        {"index": 0, "text": "ab", "logprobs": None, "finish_reason": "length"}
    ]
