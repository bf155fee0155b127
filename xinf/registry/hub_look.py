"""`python -m xinf.registry.hub_look REPO REVISION PATTERN`: look at a model of the hub, and end.

Only config.json and the first bytes of each file of weights are asked for, by HTTP ranges. A
process of its own for the same reasons as `hub_child`, and it speaks in the same way: one JSON line
on its standard output, {"facts"} or {"error", "cause", "next_step"}.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.utils import build_hf_headers as make_headers  # pyright: ignore[reportUnknownVariableType]
from huggingface_hub.utils import get_session, hf_raise_for_status

from xinf.core.facts import ModelFacts
from xinf.registry.config_json import CONFIG_BYTES_MAX, Unreadable, parse_config
from xinf.registry.examine import examine, facts_from
from xinf.registry.gguf import read_gguf
from xinf.registry.gguf_facts import gguf_facts
from xinf.registry.hub_child import API_TIMEOUT_S, cached, leave
from xinf.registry.hub_errors import Told, explain
from xinf.registry.hub_files import needed
from xinf.registry.local import describe
from xinf.registry.safetensors import Stored, read_header

# As many headers are asked for at once.
CONNECTIONS = 8
FILES_MAX = 4096
# The header of most files fits into the first piece; each further one is twice as long.
PIECE_BYTES = 128 * 1024
PIECE_BYTES_MAX = 4 * 1024 * 1024


def main(arguments: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, leave)
    repo, revision, pattern = arguments
    try:
        told: Mapping[str, object] = {"facts": asdict(look(repo, revision, pattern))}
    except Exception as error:  # the other process tells the user, whatever it is
        why = explain(error, repo, revision)
        told = {"error": str(why.code), "cause": why.cause, "next_step": why.next_step}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    return 1 if "error" in told else 0


def look(repo: str, revision: str, pattern: str) -> ModelFacts:
    """What the repository's files say; without the hub, what is in the standard cache."""
    try:
        info = HfApi().model_info(
            repo, revision=revision, files_metadata=True, timeout=API_TIMEOUT_S
        )
    except Exception:
        there = cached(repo, revision, pattern)
        if there is None:
            raise
        return examine(describe(there[0], repo), repo)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    files = needed(sizes, pattern)
    commit = info.sha or revision
    remote = {name: Remote(repo, name, commit, sizes[name]) for name in files}
    try:
        return _look(remote, repo, commit)
    except Unreadable as error:
        raise Told.source(str(error)) from error


def _look(remote: Mapping[str, Remote], repo: str, commit: str) -> ModelFacts:
    lone = next(iter(remote.values()))
    if len(remote) == 1 and lone.name.endswith(".gguf"):
        return gguf_facts(read_gguf(lone, lone.size), repo, commit)
    if "config.json" not in remote:
        raise Unreadable("the repository has no config.json")
    config = parse_config(remote["config.json"].read(CONFIG_BYTES_MAX + 1))
    weights = [each for name, each in remote.items() if _is_weights(name)]
    headers: dict[str, Stored] = {}
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        for header in threads.map(_header, weights[:FILES_MAX]):
            headers.update(header)
    form = "safetensors" if headers else "pytorch"
    return facts_from(config, headers, ModelFacts(repo, commit, form))


def _is_weights(name: str) -> bool:
    """Parts in folders (1_Pooling, 2_Dense) are small, and other engines' business."""
    return name.endswith(".safetensors") and "/" not in name


def _header(file: Remote) -> Mapping[str, Stored]:
    try:
        return read_header(file, file.size)
    except Unreadable as error:
        raise Unreadable(f"{file.name} cannot be read: {error}") from error


class Remote:
    """A file of a repository that reads like one on this machine, from its start onwards."""

    def __init__(self, repo: str, name: str, commit: str, size: int) -> None:
        self.name = name
        self.size = size
        self._url = hf_hub_url(repo, name, revision=commit)
        self._piece = PIECE_BYTES
        self._at = 0
        self._start = 0
        self._data = b""

    def seek(self, offset: int, /) -> int:
        self._at = offset
        return offset

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        size = max(min(size, self.size - self._at), 0)
        have = self._start + len(self._data) - self._at
        if self._at < self._start or have < size:
            kept = self._data[self._at - self._start :] if self._at >= self._start else b""
            self._data = kept + self._fetch(self._at + len(kept), size - len(kept))
            self._start = self._at
        begin = self._at - self._start
        found = self._data[begin : begin + size]
        self._at += len(found)
        return found

    def _fetch(self, start: int, size: int) -> bytes:
        """At least `size` bytes from `start` on, if there are so many."""
        wanted = min(max(size, self._piece), self.size - start)
        self._piece = min(self._piece * 2, PIECE_BYTES_MAX)
        headers = make_headers()
        headers["Range"] = f"bytes={start}-{start + wanted - 1}"
        headers["Accept-Encoding"] = "identity"
        data = bytearray()
        with get_session().stream(
            "GET", self._url, headers=headers, follow_redirects=True, timeout=API_TIMEOUT_S
        ) as response:
            hf_raise_for_status(response)
            if start and response.status_code != 206:
                raise Unreadable(f"the hub sends {self.name} only as a whole")
            for piece in response.iter_bytes():
                data += piece
                if len(data) >= wanted:
                    break
        return bytes(data[:wanted])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
