import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.wheels import make_wheel, use_index
from xinf.clock import SystemClock
from xinf.core.errors import ErrorCode, XinfError
from xinf.runtime.locking import file_lock
from xinf.runtime.locks import Locks
from xinf.runtime.preflight import python_minor
from xinf.runtime.provision import Runtime, Runtimes
from xinf.runtime.remains import remains, size_of
from xinf.runtime.remove import remove_runtime
from xinf.runtime.shelf import RuntimeState, RuntimeView, Shelf
from xinf.runtime.users import processes_in

LOCK = """# wants: tiny>=1
# python: {minor}
# verify: tiny
a-part==2.0  # bytes=400
tiny==1.0  # bytes=400
"""


class Bench:
    """A cache, an index, and a lock for a runtime that weighs nothing."""

    def __init__(self, root: Path) -> None:
        self.cache, self.index, self.locks = root / "cache", root / "index", root / "locks"
        self.locks.mkdir()
        (self.locks / "tiny-cpu.lock").write_text(LOCK.format(minor=python_minor()))
        make_wheel(self.index, "tiny", "1.0", {"tiny.py": b"VALUE = 1\n"})
        make_wheel(self.index, "a_part", "2.0", {"a_part.py": b""})

    async def install(self) -> Runtime:
        runtimes = Runtimes(self.cache, locks_dir=self.locks)
        return await runtimes.ensure("tiny-cpu", lambda step: None)

    def shelf(self, own: Mapping[str, Path] | None = None) -> Shelf:
        return Shelf(self.cache, own or {}, SystemClock(), Locks(self.locks))

    async def view(self) -> RuntimeView:
        return await self.shelf().view("tiny-cpu")

    async def remove(self) -> int:
        return await remove_runtime(self.cache, "tiny-cpu", SystemClock())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    use_index(tmp_path / "index", monkeypatch)
    return Bench(tmp_path)


async def test_all_runtimes_are_told_and_the_simulated_one_is_always_there(bench: Bench) -> None:
    sim, tiny = await bench.shelf().look()
    assert (sim.variant, sim.python, sim.state) == ("sim", sys.executable, RuntimeState.INSTALLED)
    assert set(sim.versions) == {"grpcio", "protobuf"}
    assert tiny == RuntimeView("tiny-cpu", None, RuntimeState.MISSING, 0, {})


async def test_an_installed_one_has_a_python_a_size_and_versions_the_wanted_first(
    bench: Bench,
) -> None:
    built = await bench.install()
    seen = await bench.view()
    assert (seen.state, seen.python) == (RuntimeState.INSTALLED, str(built.python))
    assert list(seen.versions.items()) == [("tiny", "1.0"), ("a-part", "2.0")]
    files = [path for path in built.python.parent.parent.rglob("*") if path.is_file()]
    own = sum(path.stat().st_size for path in files if not path.is_symlink())
    assert own <= seen.size_bytes < own + 4096


@pytest.mark.parametrize("part", ["bin/python", "lib/*/site-packages/a_part-2.0.dist-info"])
async def test_one_that_lacks_a_part_is_broken(bench: Bench, part: str) -> None:
    built = await bench.install()
    (found,) = built.python.parent.parent.glob(part)
    if found.is_dir():
        shutil.rmtree(found)
    else:
        found.unlink()
    assert (await bench.view()).state is RuntimeState.BROKEN


async def test_what_is_left_of_older_builds_and_downloads_counts_and_goes_too(
    bench: Bench,
) -> None:
    for place in (
        "runtimes/tiny-cpu-00000000",
        "runtimes/.tiny-cpu-11111111.new",
        "wheels/tiny-cpu-22222222",
    ):
        (bench.cache / place).mkdir(parents=True)
        (bench.cache / place / "file").write_bytes(b"x" * 1000)
    others = bench.cache / "runtimes" / "tiny-cpu-extra-00000000"
    others.mkdir()
    seen = await bench.view()
    assert (seen.state, seen.size_bytes) == (RuntimeState.MISSING, 3000)
    assert await bench.remove() == 3000
    assert remains(bench.cache, "tiny-cpu") == ()
    assert others.exists()


async def test_removing_frees_all_and_the_next_start_builds_it_again(bench: Bench) -> None:
    await bench.install()
    size = (await bench.view()).size_bytes
    assert size > 0
    assert await bench.remove() == size
    assert (await bench.view()).state is RuntimeState.MISSING
    assert await bench.remove() == 0
    await bench.install()
    assert (await bench.view()).state is RuntimeState.INSTALLED


async def test_it_is_not_taken_from_under_a_running_process(bench: Bench) -> None:
    built = await bench.install()
    with subprocess.Popen(
        [built.python, "-c", "print('up', flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as engine:
        assert engine.stdout is not None
        engine.stdout.readline()
        with pytest.raises(XinfError, match=f"process {engine.pid}") as caught:
            await bench.remove()
        assert caught.value.code is ErrorCode.IN_USE
        assert (await bench.view()).state is RuntimeState.INSTALLED
        engine.communicate(b"\n")
    assert await bench.remove() > 0


def test_a_process_that_maps_a_file_stands_on_its_folder_under_any_name(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    (real / "library").write_bytes(b"x" * 4096)
    code = (
        "import mmap, sys; f = open(sys.argv[1], 'r+b'); m = mmap.mmap(f.fileno(), 0);"
        "print('up', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(link / "library")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert processes_in([link]) == (process.pid,)
        assert processes_in([tmp_path / "lin"]) == ()
        process.communicate(b"\n")
    assert processes_in([]) == ()


async def test_it_is_not_taken_from_a_builder(bench: Bench) -> None:
    await bench.install()
    (folder,) = remains(bench.cache, "tiny-cpu")
    async with file_lock(folder.with_name(f"{folder.name}.lock"), SystemClock()):
        with pytest.raises(XinfError, match="installs") as caught:
            await bench.remove()
    assert caught.value.code is ErrorCode.IN_USE
    assert size_of([folder]) > 0


async def test_a_users_own_python_is_asked_and_never_measured(bench: Bench) -> None:
    built = await bench.install()
    elsewhere = bench.cache.with_name("mine")
    built.python.parent.parent.rename(elsewhere)
    own = elsewhere / "bin" / "python"
    seen = await bench.shelf({"tiny-cpu": own}).view("tiny-cpu")
    assert (seen.state, seen.python, seen.size_bytes) == (RuntimeState.USER, str(own), 0)
    assert seen.versions == {"tiny": "1.0", "a-part": "2.0"}
    gone = await bench.shelf({"tiny-cpu": own / "nothing"}).view("tiny-cpu")
    assert (gone.state, gone.versions) == (RuntimeState.BROKEN, {})


async def test_a_name_that_nobody_knows_is_refused_with_those_that_exist(bench: Bench) -> None:
    with pytest.raises(XinfError, match="sim, tiny-cpu") as caught:
        await bench.shelf().view("tiny-toaster")
    assert caught.value.code is ErrorCode.NOT_FOUND
