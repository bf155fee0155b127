import asyncio
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.wheels import make_index, make_wheel, use_index
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Step
from xinf.runtime.environment import ALONE_BYTES
from xinf.runtime.preflight import python_minor
from xinf.runtime.provision import Runtime, Runtimes

LOCK = """# wants: tiny
# python: {minor}
# verify: tiny
tiny==1.0  # bytes=400
big==2.0  # bytes={big}
"""


class Bench:
    """A cache, an index and a lock for a runtime that weighs nothing."""

    def __init__(self, root: Path) -> None:
        self.cache, self.index, self.locks = root / "cache", root / "index", root / "locks"
        self.locks.mkdir()
        self.write_lock(python_minor())
        make_wheel(self.index, "tiny", "1.0", {"tiny.py": b"VALUE = 1\n"})
        make_wheel(self.index, "big", "2.0", {"big.py": b""})
        self.steps: list[Step] = []

    def write_lock(self, minor: str) -> None:
        text = LOCK.format(minor=minor, big=ALONE_BYTES)
        (self.locks / "tiny-cpu.lock").write_text(text)

    def runtimes(self, **kwargs: object) -> Runtimes:
        return Runtimes(self.cache, locks_dir=self.locks, **kwargs)  # type: ignore[arg-type]

    async def ensure(self) -> Runtime:
        return await self.runtimes().ensure("tiny-cpu", self.steps.append)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    use_index(tmp_path / "index", monkeypatch)
    return Bench(tmp_path)


def value(runtime: Runtime) -> str:
    code = "import tiny, sys; print(tiny.VALUE, sys.prefix)"
    return subprocess.run(
        [runtime.python, "-P", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()[0]


async def test_a_runtime_is_built_once_and_then_reused(bench: Bench) -> None:
    built = await bench.ensure()
    assert value(built) == "1"
    assert built.versions == {"tiny": "1.0", "big": "2.0"}
    assert built.python.is_relative_to(bench.cache / "runtimes")
    told = [step.what for step in bench.steps]
    assert "runtime tiny-cpu" in told
    assert "installing runtime tiny-cpu" in told
    shutil.rmtree(bench.index)
    bench.steps.clear()
    assert await bench.ensure() == built
    assert bench.steps == []


async def test_what_pips_own_indexes_lack_comes_from_the_one_that_the_lock_names(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rare = make_wheel(tmp_path / "elsewhere", "big", "2.0", {"big.py": b""})
    (bench.index / rare.name).unlink()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", make_index(tmp_path / "pips-own"))
    with pytest.raises(XinfError, match=r"No matching distribution found for big==2\.0"):
        await bench.ensure()
    lock = bench.locks / "tiny-cpu.lock"
    lock.write_text(f"# index: {make_index(tmp_path / 'named', rare)}\n{lock.read_text()}")
    assert (await bench.ensure()).versions == {"tiny": "1.0", "big": "2.0"}


async def test_nothing_but_the_environment_is_left(bench: Bench) -> None:
    await bench.ensure()
    left = {path.name.split("-")[0] for path in (bench.cache / "runtimes").iterdir()}
    assert left == {"tiny"}
    assert list((bench.cache / "wheels").iterdir()) == []


async def test_progress_ends_with_everything_that_the_lock_names(bench: Bench) -> None:
    await bench.ensure()
    downloads = [step for step in bench.steps if step.what == "runtime tiny-cpu"]
    assert downloads[0].done == 0
    assert (downloads[-1].done, downloads[-1].total) == (ALONE_BYTES + 400, ALONE_BYTES + 400)
    assert [step.done for step in downloads] == sorted(step.done for step in downloads)


def damage_file(place: Path) -> None:
    (module,) = place.rglob("tiny.py")
    module.unlink()


def damage_python(place: Path) -> None:
    (place / "bin" / "python").unlink()
    (place / "bin" / "python").write_text("#!/nowhere")


@pytest.mark.parametrize("damage", [damage_file, damage_python])
async def test_a_broken_environment_is_built_anew(
    bench: Bench, damage: Callable[[Path], None]
) -> None:
    built = await bench.ensure()
    damage(built.python.parent.parent)
    assert value(await bench.ensure()) == "1"


async def test_compiled_files_may_be_cleaned_away(bench: Bench) -> None:
    built = await bench.ensure()
    for compiled in built.python.parent.parent.rglob("__pycache__"):
        shutil.rmtree(compiled)
    bench.steps.clear()
    assert await bench.ensure() == built
    assert bench.steps == []


async def test_a_half_made_environment_is_no_obstacle(bench: Bench) -> None:
    built = await bench.ensure()
    place = built.python.parent.parent
    place.rename(place.with_name(f".{place.name}.new"))
    assert value(await bench.ensure()) == "1"
    assert not place.with_name(f".{place.name}.new").exists()


async def test_a_download_that_broke_off_goes_on_where_it_stopped(bench: Bench) -> None:
    hidden = (bench.index / "big-2.0-py3-none-any.whl").rename(bench.index / "hidden")
    with pytest.raises(XinfError):
        await bench.ensure()
    # What was fetched is not fetched again: it is no longer to be had.
    (bench.index / "tiny-1.0-py3-none-any.whl").unlink()
    hidden.rename(bench.index / "big-2.0-py3-none-any.whl")
    bench.steps.clear()
    assert value(await bench.ensure()) == "1"
    assert bench.steps[0].done == 400


async def test_a_package_that_does_not_import_is_refused_and_its_wheels_forgotten(
    bench: Bench,
) -> None:
    make_wheel(bench.index, "tiny", "1.0", {"tiny.py": b"raise ImportError('no libstdc++')\n"})
    with pytest.raises(XinfError, match="no libstdc") as caught:
        await bench.ensure()
    assert caught.value.code is ErrorCode.RUNTIME_UNAVAILABLE
    make_wheel(bench.index, "tiny", "1.0", {"tiny.py": b"VALUE = 2\n"})
    assert value(await bench.ensure()) == "2"


async def test_cancelled_in_the_middle_nothing_is_in_the_way_of_the_next_try(bench: Bench) -> None:
    begun = asyncio.Event()

    def tell(step: Step) -> None:
        if step.what.startswith("installing"):
            begun.set()

    building = asyncio.create_task(bench.runtimes().ensure("tiny-cpu", tell))
    await begun.wait()
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert not list((bench.cache / "runtimes").glob(".*.new"))
    assert value(await bench.ensure()) == "1"


BUILD = """
import asyncio, sys
from pathlib import Path
from xinf.runtime.provision import Runtimes
async def main():
    runtimes = Runtimes(Path(sys.argv[1]), locks_dir=Path(sys.argv[2]))
    await runtimes.ensure("tiny-cpu", lambda step: print(step.what, flush=True))
asyncio.run(main())
"""


def test_of_two_processes_at_once_one_builds_and_the_other_waits(bench: Bench) -> None:
    argv = [sys.executable, "-c", BUILD, str(bench.cache), str(bench.locks)]
    both = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=90)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("installing" in text for text in said) == [False, True]


async def test_sim_needs_nothing(tmp_path: Path) -> None:
    runtime = await Runtimes(tmp_path / "cache").ensure("sim", lambda step: None)
    assert runtime.python == Path(sys.executable)
    assert not (tmp_path / "cache").exists()


def refusal(runtimes: Runtimes, variant: str = "tiny-cpu") -> XinfError:
    with pytest.raises(XinfError) as caught:
        runtimes.preflight(variant)
    return caught.value


def test_a_python_without_wheels_is_refused_before_any_download(bench: Bench) -> None:
    bench.write_lock("3.99")
    error = refusal(bench.runtimes())
    assert error.code is ErrorCode.RUNTIME_UNAVAILABLE
    assert "3.99" in str(error)
    assert python_minor() in str(error)


def test_too_little_disk_is_refused_with_both_numbers(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(9, 9, 1024**2))
    error = refusal(bench.runtimes())
    assert error.code is ErrorCode.DISK_FULL
    assert "32.0 MiB" in error.cause
    assert "1.0 MiB are free" in error.cause
    assert str(bench.cache) in error.cause


def test_a_cache_that_cannot_be_written_is_refused(bench: Bench) -> None:
    bench.cache.write_text("a file where a folder should be")
    error = refusal(bench.runtimes())
    assert error.code is ErrorCode.RUNTIME_UNAVAILABLE
    assert "XINF_CACHE_DIR" in error.next_step


def test_a_runtime_that_nobody_knows_is_refused_with_those_that_exist(bench: Bench) -> None:
    error = refusal(bench.runtimes(), "llamacpp-toaster")
    assert "sim, tiny-cpu" in error.cause


async def test_a_users_own_python_must_have_what_the_engine_needs(bench: Bench) -> None:
    runtimes = bench.runtimes(own_pythons={"tiny-cpu": Path(sys.executable)})
    with pytest.raises(XinfError, match="cannot import tiny") as caught:
        await runtimes.ensure("tiny-cpu", lambda step: None)
    assert "'tiny'" in caught.value.next_step


async def test_a_users_own_python_is_used_as_it_is(bench: Bench) -> None:
    built = await bench.ensure()
    runtimes = bench.runtimes(own_pythons={"tiny-cpu": built.python})
    own = await runtimes.ensure("tiny-cpu", lambda step: None)
    assert own.python == built.python
    assert own.versions["tiny"] == "1.0"


async def test_a_users_own_python_that_does_not_run_is_named(bench: Bench, tmp_path: Path) -> None:
    runtimes = bench.runtimes(own_pythons={"tiny-cpu": tmp_path / "nothing"})
    with pytest.raises(XinfError, match="does not run"):
        await runtimes.ensure("tiny-cpu", lambda step: None)
