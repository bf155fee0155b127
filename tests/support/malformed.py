"""Requests that are wrong, each with the status and the code that it must be answered with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

H = b"Host: 127.0.0.1\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\n" + H


def chat(body: bytes | object, head: bytes = b"") -> bytes:
    """A chat request with this body, JSON unless it is bytes already."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return POST + head + b"Content-Length: %d\r\n\r\n" % len(data) + data


def get(path: bytes, head: bytes = b"") -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\n" + H + head + b"\r\n"


def deep(depth: int) -> bytes:
    return b'{"model": "a", "messages": ' + b"[" * depth + b"]" * depth + b"}"


GOOD = {"model": "a", "messages": [{"role": "user", "content": "hi"}]}

# Not HTTP, or not quite.
HTTP: Mapping[str, tuple[bytes, int, str]] = MappingProxyType(
    {
        "garbage": (b"\x00\x01\x02\r\n\r\n", 400, "invalid_request"),
        "TLS": (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 40,
            400,
            "invalid_request",
        ),
        "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "invalid_request"),
        "HTTP/3": (b"GET / HTTP/3.0\r\n" + H + b"\r\n", 400, "invalid_request"),
        "bare line feeds": (b"GET / HTTP/1.1\nHost: 127.0.0.1\n\n", 400, "invalid_request"),
        "a space in the path": (get(b"/v1/mo dels"), 400, "invalid_request"),
        "bytes in the path": (get(b"/v1/models/\xe4"), 400, "invalid_request"),
        "a broken absolute URL": (get(b"http://[::1"), 400, "invalid_request"),
        "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400, "invalid_request"),
        "two Hosts": (b"GET / HTTP/1.1\r\n" + H + b"Host: a\r\n\r\n", 400, "invalid_request"),
        "a header without colon": (get(b"/", b"nonsense here\r\n"), 400, "invalid_request"),
        "a folded header": (get(b"/", b"X: a\r\n b\r\n"), 400, "invalid_request"),
        "NUL in a header": (get(b"/", b"X: a\x00b\r\n"), 400, "invalid_request"),
        "a long request line": (get(b"/" + b"a" * 20000), 431, "headers_too_large"),
        "a long header": (get(b"/", b"X: " + b"a" * 20000 + b"\r\n"), 431, "headers_too_large"),
        "many headers": (
            get(b"/", b"".join(b"X%d: a\r\n" % i for i in range(300))),
            431,
            "headers_too_large",
        ),
        "a length in words": (POST + b"Content-Length: two\r\n\r\n{}", 400, "invalid_request"),
        "a negative length": (POST + b"Content-Length: -1\r\n\r\n", 400, "invalid_request"),
        "an absurd length": (
            POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
            400,
            "invalid_request",
        ),
        "two lengths": (
            POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
            400,
            "invalid_request",
        ),
        "a length and chunks": (
            POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "invalid_request",
        ),
        "an unknown transfer encoding": (
            POST + b"Transfer-Encoding: morse\r\n\r\n",
            400,
            "invalid_request",
        ),
        "a chunk size in words": (
            POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
            "invalid_request",
        ),
        "a space before the colon": (
            POST + b"Content-Length : 2\r\n\r\n{}",
            400,
            "invalid_request",
        ),
        "an Expect that nobody knows": (chat(GOOD, b"Expect: tea\r\n"), 400, "invalid_request"),
        "an unknown method": (b"BREW /pot HTTP/1.1\r\n" + H + b"\r\n", 405, "method_not_allowed"),
        "a method in lower case": (b"get / HTTP/1.1\r\n" + H + b"\r\n", 405, "method_not_allowed"),
    }
)

# Good HTTP, but nothing that is here, or nobody who may.
ROUTES: Mapping[str, tuple[bytes, int, str]] = MappingProxyType(
    {
        "an unknown path": (get(b"/v1/nothing"), 404, "unknown_url"),
        "the base path": (get(b"/v1"), 404, "unknown_url"),
        "an admin path": (get(b"/admin/v1/status"), 404, "unknown_url"),
        "a double slash": (get(b"//v1/models"), 404, "unknown_url"),
        "dots in the path": (get(b"/v1/../v1/models"), 404, "unknown_url"),
        "a forgotten /v1": (chat(GOOD).replace(b"/v1/chat", b"/chat"), 404, "unknown_url"),
        "GET of a POST route": (get(b"/v1/chat/completions"), 405, "method_not_allowed"),
        "DELETE of a GET route": (
            b"DELETE /v1/models HTTP/1.1\r\n" + H + b"\r\n",
            405,
            "method_not_allowed",
        ),
        "a preflight": (
            b"OPTIONS /v1/chat/completions HTTP/1.1\r\n" + H + b"\r\n",
            405,
            "method_not_allowed",
        ),
        "a model that is not here": (get(b"/v1/models/gpt-9"), 404, "model_not_found"),
        "an id that is not UTF-8": (get(b"/v1/models/%ff"), 400, "invalid_value"),
        "NUL in an id": (get(b"/v1/models/a%00b"), 404, "model_not_found"),
        "a foreign Host": (
            b"GET /v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            403,
            "forbidden_host",
        ),
        "a foreign target": (get(b"http://evil.example/"), 403, "forbidden_host"),
        "a foreign Origin": (
            chat(GOOD, b"Origin: http://evil.example\r\n"),
            403,
            "forbidden_origin",
        ),
        "Origin null": (chat(GOOD, b"Origin: null\r\n"), 403, "forbidden_origin"),
    }
)

# A body that is no chat.
BODIES: Mapping[str, tuple[bytes, int, str]] = MappingProxyType(
    {
        "no body": (POST + b"\r\n", 400, "invalid_json"),
        "half a body": (chat(b'{"model": "a", '), 400, "invalid_json"),
        "two bodies": (chat(b"{} {}"), 400, "invalid_json"),
        "a form": (chat(b"model=a&messages=hi"), 400, "invalid_json"),
        "bytes that are not UTF-8": (chat(b'{"model": "\xff\xfe"}'), 400, "invalid_json"),
        "UTF-16": (chat('{"model": "a"}'.encode("utf-16")), 400, "invalid_json"),
        "a lone surrogate": (chat(b'{"model": "\\ud800"}'), 400, "invalid_json"),
        "a control character": (chat(b'{"model": "a\x00"}'), 400, "invalid_json"),
        "not a number": (chat(b'{"model": "a", "n": NaN}'), 400, "invalid_json"),
        "a number without end": (chat(b'{"n": ' + b"9" * 5000 + b"}"), 400, "invalid_json"),
        "nesting without end": (chat(deep(20000)), 400, "invalid_json"),
        "a list": (chat([GOOD]), 400, "invalid_type"),
        "a string": (chat("hi"), 400, "invalid_type"),
        "null": (chat(None), 400, "invalid_type"),
        "no model": (chat({"messages": GOOD["messages"]}), 400, "missing_required_parameter"),
        "no messages": (chat({"model": "a"}), 400, "missing_required_parameter"),
        "empty messages": (chat({**GOOD, "messages": []}), 400, "invalid_value"),
        "messages in words": (chat({**GOOD, "messages": "hi"}), 400, "invalid_type"),
        "a message in words": (chat({**GOOD, "messages": ["hi"]}), 400, "invalid_type"),
        "a message by nobody": (
            chat({**GOOD, "messages": [{}]}),
            400,
            "missing_required_parameter",
        ),
        "a numbered role": (chat({**GOOD, "messages": [{"role": 1}]}), 400, "invalid_type"),
        "a numbered model": (chat({**GOOD, "model": 1}), 400, "invalid_type"),
        "stream in words": (chat({**GOOD, "stream": "yes"}), 400, "invalid_type"),
        "a temperature in words": (chat({**GOOD, "temperature": "hot"}), 400, "invalid_type"),
        "an unknown model": (chat({**GOOD, "model": "gpt-9"}), 404, "model_not_found"),
        "an empty model name": (chat({**GOOD, "model": ""}), 404, "model_not_found"),
        "a compressed body": (
            chat(b"x", b"Content-Encoding: gzip\r\n"),
            415,
            "unsupported_media_type",
        ),
        "a body beyond the limit": (
            POST + b"Content-Length: 99999999999\r\n\r\n",
            413,
            "request_too_large",
        ),
    }
)

EVERYTHING: Mapping[str, tuple[bytes, int, str]] = MappingProxyType({**HTTP, **ROUTES, **BODIES})
