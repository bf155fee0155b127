import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest

from tests.support.clock import VirtualClock
from tests.support.real import cache_dir, smollm2
from tests.support.vllm import vllm_python
from xinf.clock import SystemClock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Step
from xinf.registry.convert import CONVERT_S, convert_gguf
from xinf.runtime.shim_tree import ensure_shim_tree

# Stands in for the converter: the real one takes a runtime of gigabytes and half a minute.
CONVERTER = """
import json, pathlib, sys
source, target = map(pathlib.Path, sys.argv[1:])
print("a library says something", file=sys.stderr)
print(json.dumps({"what": "writing weights", "done": 1, "total": 3}), flush=True)
with (source.parent / "runs").open("a") as runs:
    runs.write("x")
{failure}
target.mkdir()
(target / "model.safetensors").write_bytes(source.read_bytes())
"""


class Machine:
    """A source, a cache, and a converter that may fail."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "tiny.gguf"
        self.source.write_bytes(b"weights")
        self.cache = folder / "cache"
        self.tree = folder / "tree"
        self.steps: list[Step] = []
        self.converter()

    def converter(self, failure: str = "") -> None:
        module = self.tree / "xinf" / "shim"
        module.mkdir(parents=True, exist_ok=True)
        (module / "convert_gguf.py").write_text(CONVERTER.replace("{failure}", failure))

    async def convert(self) -> Path:
        # Without site-packages, where an editable install would answer for xinf.
        python = self.tree / "python"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
        python.chmod(stat.S_IRWXU)
        return await convert_gguf(
            python, self.tree, self.source, self.cache, self.steps.append, SystemClock()
        )

    @property
    def runs(self) -> int:
        runs = self.source.parent / "runs"
        return len(runs.read_text()) if runs.exists() else 0

    @property
    def left(self) -> list[str]:
        """Folders in the cache, hidden ones too."""
        home = self.cache / "models" / "converted"
        return [path.name for path in home.iterdir() if path.is_dir()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_a_file_is_converted_once_and_then_kept(machine: Machine) -> None:
    folder = await machine.convert()
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert await machine.convert() == folder
    assert machine.runs == 1
    assert machine.left == [folder.name]


async def test_its_progress_is_told_and_what_libraries_print_is_not(machine: Machine) -> None:
    await machine.convert()
    assert machine.steps == [Step("converting tiny.gguf: writing weights", 1, 3, "steps")]


async def test_other_content_is_another_folder(machine: Machine) -> None:
    first = await machine.convert()
    machine.source.write_bytes(b"other weights")
    assert await machine.convert() != first
    assert machine.runs == 2


async def test_many_at_once_convert_once(machine: Machine) -> None:
    folders = await asyncio.gather(*(machine.convert() for _ in range(4)))
    assert len(set(folders)) == 1
    assert machine.runs == 1


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        ('sys.exit("ValueError: GGUF model with architecture x")', "source_invalid", "arch"),
        ("raise ImportError('no gguf')", "runtime_unavailable", "no gguf"),
        ("raise OSError(28, 'No space left on device')", "disk_full", "disk is full"),
        ("import os; os.kill(os.getpid(), 9)", "model_failed", "lack of memory"),
    ],
)
async def test_a_failure_says_why_and_leaves_nothing(
    machine: Machine, failure: str, code: str, said: str
) -> None:
    machine.converter(failure)
    with pytest.raises(XinfError, match=said) as failed:
        await machine.convert()
    assert failed.value.code == code
    assert failed.value.next_step
    assert machine.left == []
    machine.converter()
    assert (await machine.convert()).is_dir()


async def test_cancelling_ends_the_converter_and_leaves_nothing(machine: Machine) -> None:
    machine.converter(
        "import os, time; target.with_suffix('.pid').write_text(str(os.getpid()))\n"
        "target.mkdir(); time.sleep(600)"
    )
    converting = asyncio.create_task(machine.convert())
    while not (pids := list(machine.cache.rglob(".*.pid"))) or not pids[0].read_text():
        await asyncio.sleep(0.01)
    pid = int(pids[0].read_text())
    converting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await converting
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert machine.left == []


async def test_one_that_hangs_is_given_up(machine: Machine) -> None:
    machine.converter("import time; time.sleep(600)")
    clock = VirtualClock()
    converting = asyncio.create_task(
        convert_gguf(
            Path(sys.executable), machine.tree, machine.source, machine.cache, print, clock
        )
    )
    while not machine.runs:
        await asyncio.sleep(0.01)
    await clock.advance(CONVERT_S)
    with pytest.raises(XinfError) as failed:
        await converting
    assert failed.value.code is ErrorCode.TIMED_OUT


def test_the_real_default_model_becomes_what_vllm_loads(tmp_path: Path) -> None:
    steps: list[Step] = []
    tree = ensure_shim_tree(tmp_path)
    converting = convert_gguf(vllm_python(), tree, smollm2().path, cache_dir(), steps.append)
    folder = asyncio.run(converting)
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert "chat_template.jinja" in names
    # Two bytes for each of its 135 million parameters.
    assert 260e6 < (folder / "model.safetensors").stat().st_size < 280e6
