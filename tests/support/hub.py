"""A hub on loopback: the few endpoints that a snapshot is fetched through, and their troubles."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

COMMIT = "a" * 40
TOKEN = "hf_a_secret_that_nobody_may_see"
CHUNK_BYTES = 64 * 1024


@dataclass
class Hub:
    """One repository, `org/tiny`. A body breaks off, or halts, once after so many bytes."""

    files: Mapping[str, bytes]
    is_gated: bool = False
    breaks_after: int = 0
    status: int = 0
    halts_after: int = 0
    knows_ranges: bool = True
    halted: asyncio.Event = field(default_factory=asyncio.Event)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list[str])
    ranges: list[str] = field(default_factory=list[str])
    url: str = ""

    @property
    def fetched(self) -> set[str]:
        """Files whose content somebody wanted."""
        prefix = f"GET /org/tiny/resolve/{COMMIT}/"
        return {line.removeprefix(prefix) for line in self.asked if line.startswith(prefix)}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.status:
            return web.Response(status=self.status)
        parts = request.path.strip("/").split("/")
        if "/".join(parts[2:4] if parts[0] == "api" else parts[:2]) != "org/tiny":
            return refusal(401, "RepoNotFound")
        if self.is_gated and request.headers.get("authorization") != f"Bearer {TOKEN}":
            return refusal(403, "GatedRepo")
        revision = parts[5] if parts[0] == "api" and len(parts) > 5 else "main"
        if revision not in ("main", "v1", COMMIT):
            return refusal(404, "RevisionNotFound")
        if parts[0] == "api":
            return self._listing() if parts[4] == "revision" else self._tree()
        return await self._file(request, "/".join(parts[4:]))

    def _listing(self) -> web.Response:
        siblings = [{"rfilename": name, "size": len(data)} for name, data in self.files.items()]
        return web.json_response({"id": "org/tiny", "sha": COMMIT, "siblings": siblings})

    def _tree(self) -> web.Response:
        entries = [
            {"type": "file", "path": name, "size": len(data), "oid": etag(data)}
            for name, data in self.files.items()
        ]
        return web.json_response(entries)

    async def _file(self, request: web.Request, name: str) -> web.StreamResponse:
        data = self.files.get(name)
        if data is None:
            return refusal(404, "EntryNotFound")
        headers = {"ETag": f'"{etag(data)}"', "X-Repo-Commit": COMMIT}
        begin, end = 0, len(data)
        asked = request.headers.get("Range") if self.knows_ranges else None
        if asked:
            self.ranges.append(asked)
            first, _, last = asked.removeprefix("bytes=").partition("-")
            begin, end = int(first), min(int(last) + 1, end) if last else end
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(data)}"
        response = web.StreamResponse(status=206 if asked else 200, headers=headers)
        response.content_length = end - begin
        await response.prepare(request)
        if request.method == "GET":
            await self._send(request, response, data[begin:end])
        return response

    async def _send(self, request: web.Request, response: web.StreamResponse, data: bytes) -> None:
        for start in range(0, len(data), CHUNK_BYTES):
            if self.breaks_after and start >= self.breaks_after:
                self.breaks_after = 0
                assert request.transport is not None
                request.transport.abort()
                return
            if self.halts_after and start >= self.halts_after:
                self.halts_after = 0
                self.halted.set()
                await self.closing.wait()
                return
            await response.write(data[start : start + CHUNK_BYTES])


def etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def refusal(status: int, code: str) -> web.Response:
    return web.Response(status=status, headers={"X-Error-Code": code, "X-Error-Message": code})


@asynccontextmanager
async def hub(files: Mapping[str, bytes]) -> AsyncGenerator[Hub]:
    """A hub that answers while the block lasts."""
    made = Hub(files)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        made.closing.set()
        await runner.cleanup()
