"""Fetching from a hub that is imitated on loopback, by the real client in its own process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.hub import COMMIT, TOKEN, Hub, hub
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Step
from xinf.registry.fetch import ModelFiles
from xinf.registry.local import LocalModel

WEIGHTS = os.urandom(3 * 1024 * 1024)
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b"{}",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"the same again",
    "modeling_tiny.py": b"raise SystemExit",
    "README.md": b"hello",
    "1_Pooling/config.json": b"{ }",
}


class Bench:
    def __init__(self, root: Path, there: Hub) -> None:
        self.cache, self.home, self.hub = root / "cache", root / "hf", there
        self.steps: list[Step] = []

    async def fetch(self, source: str = "hf:org/tiny") -> LocalModel:
        return await ModelFiles(self.cache).fetch(source, self.steps.append)

    async def refused(self, source: str = "hf:org/tiny") -> XinfError:
        with pytest.raises(XinfError) as caught:
            await self.fetch(source)
        assert TOKEN not in str(caught.value)
        return caught.value


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    async with hub(dict(FILES)) as there:
        monkeypatch.setenv("HF_ENDPOINT", there.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield Bench(tmp_path, there)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


async def test_what_an_engine_needs_is_fetched_into_the_standard_cache(bench: Bench) -> None:
    model = await bench.fetch()
    wanted = {"config.json", "tokenizer.json", "model.safetensors", "1_Pooling/config.json"}
    assert names(model.path) == bench.hub.fetched == wanted
    assert model.path == bench.home / "hub/models--org--tiny/snapshots" / COMMIT
    assert (model.path / "model.safetensors").read_bytes() == WEIGHTS
    assert (model.format, model.size_bytes) == ("safetensors", len(WEIGHTS))
    assert model.revision == COMMIT


async def test_progress_counts_bytes_up_to_all_of_them(bench: Bench) -> None:
    await bench.fetch()
    counted = [step for step in bench.steps if step.total]
    total = sum(len(FILES[name]) for name in bench.hub.fetched)
    assert {step.total for step in counted} == {total}
    assert [step.done for step in counted] == sorted(step.done for step in counted)
    assert counted[-1] == Step("model org/tiny", total, total)


async def test_what_was_fetched_is_used_without_asking_anybody(bench: Bench) -> None:
    first = await bench.fetch()
    bench.hub.asked.clear()
    assert await bench.fetch() == first
    assert bench.hub.asked == []


async def test_a_file_that_was_lost_since_is_fetched_again(bench: Bench) -> None:
    first = await bench.fetch()
    bench.hub.asked.clear()
    (first.path / "config.json").unlink()
    assert await bench.fetch() == first
    assert "config.json" in names(first.path)
    assert "model.safetensors" not in bench.hub.fetched


async def test_another_revision_is_asked_for_by_its_name(bench: Bench) -> None:
    await bench.fetch("hf:org/tiny@v1")
    assert "GET /api/models/org/tiny/revision/v1" in bench.hub.asked
    assert (await bench.fetch(f"hf:org/tiny@{COMMIT}")).revision == COMMIT


async def test_one_file_of_a_repository(bench: Bench) -> None:
    bench.hub.files = {"m-Q4.gguf": b"GGUF 4", "m-Q8.gguf": b"GGUF 8", "config.json": b"{}"}
    model = await bench.fetch("hf:org/tiny#*Q8.gguf")
    assert model.path.read_bytes() == b"GGUF 8"
    assert (model.path.name, model.format) == ("m-Q8.gguf", "gguf")
    assert bench.hub.fetched == {"m-Q8.gguf"}
    assert "name one after a #" in (await bench.refused()).cause


# The client writes in pieces of 10 MiB; what is not a whole piece is lost when a line breaks.
BIG = os.urandom(1024) * 24 * 1024
PIECE = 10 * 1024 * 1024


async def test_a_download_that_breaks_off_goes_on_where_it_was(bench: Bench) -> None:
    bench.hub.files = {"config.json": b"{}", "model.safetensors": BIG}
    bench.hub.breaks_after = PIECE + 1024 * 1024
    model = await bench.fetch()
    assert (model.path / "model.safetensors").read_bytes() == BIG
    assert bench.hub.ranges == [f"bytes={PIECE}-"]
    assert bench.steps[-1].done == len(BIG) + 2


async def test_cancelled_it_leaves_nothing_half_and_keeps_what_is_whole(bench: Bench) -> None:
    bench.hub.files = {"config.json": b"{}", "model.safetensors": BIG}
    bench.hub.halts_after = PIECE + 1024 * 1024
    fetching = asyncio.create_task(bench.fetch())
    async with asyncio.timeout(30):
        await bench.hub.halted.wait()
        while not any(step.done >= PIECE for step in bench.steps):
            await asyncio.sleep(0.01)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert list(bench.home.rglob("*.incomplete")) == []
    bench.hub.asked.clear()
    model = await bench.fetch()
    assert (model.path / "model.safetensors").read_bytes() == BIG
    assert bench.hub.fetched == {"model.safetensors"}


async def test_without_the_hub_a_copy_of_any_tool_is_as_good(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await bench.fetch()
    shutil.rmtree(bench.cache)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert await bench.fetch() == first
    shutil.rmtree(bench.cache)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    bench.hub.status = 503
    assert await bench.fetch() == first


async def test_half_a_copy_is_not_used_for_a_whole_one(bench: Bench) -> None:
    index = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})
    parts = {"model-1.safetensors": b"1", "model-2.safetensors": b"2"}
    bench.hub.files = {
        **parts, "model.safetensors.index.json": index.encode(), "config.json": b"{}"
    }  # fmt: skip
    model = await bench.fetch()
    shutil.rmtree(bench.cache)
    (model.path / "model-2.safetensors").unlink()
    bench.hub.status = 503
    assert (await bench.refused()).code is ErrorCode.NO_NETWORK


async def test_without_the_hub_and_without_a_copy_it_is_the_network(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    error = await bench.refused()
    assert (error.code, error.kind.retryable) == (ErrorCode.NO_NETWORK, True)
    assert error.cause == "http://127.0.0.1:9 cannot be reached"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in (await bench.refused()).cause


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("hf:org/nothing", "there is no repository org/nothing, or it is private"),
        ("hf:org/tiny@v9", "org/tiny has no revision 'v9'"),
        ("hf:org/tiny#x.gguf", "no file matches 'x.gguf'; there are 1_Pooling/config.json"),
    ],
)
async def test_what_does_not_exist_is_a_wrong_source(bench: Bench, source: str, said: str) -> None:
    error = await bench.refused(source)
    assert error.code is ErrorCode.SOURCE_INVALID
    assert said in error.cause
    assert bench.hub.fetched == set()


async def test_a_gated_repository_needs_a_token_that_nobody_gets_to_see(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.hub.is_gated = True
    error = await bench.refused()
    assert error.code is ErrorCode.SOURCE_INVALID
    assert "gated" in error.cause
    assert "HF_TOKEN" in error.next_step
    monkeypatch.setenv("HF_TOKEN", "hf_another_secret")
    assert "hf_another_secret" not in str(await bench.refused())
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    await bench.fetch()
    written = b"".join(path.read_bytes() for path in bench.cache.rglob("*") if path.is_file())
    assert TOKEN.encode() not in written
    assert not any(TOKEN in str(step) for step in bench.steps)


async def test_a_full_disk_is_told_before_the_download(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import shutil\nshutil.disk_usage = lambda path: type('U', (), {'free': 1024})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    error = await bench.refused()
    assert error.code is ErrorCode.DISK_FULL
    assert "1.0 KiB are free" in error.cause
    assert bench.hub.fetched == set()
