"""What an engine is given: real files and processes, with a script in the converter's place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from xinf.agent.provision import LocalProvision
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.placement import EngineConfig, ReplicaAssignment
from xinf.core.progress import Report, Step
from xinf.registry.fetch import ModelFiles
from xinf.runtime.provision import Runtime, Runtimes

# Called as the runtime's interpreter: -P -m MODULE SOURCE FOLDER.
CONVERTER = """#!{python}
import json, pathlib, sys
source, folder = map(pathlib.Path, sys.argv[-2:])
print(json.dumps({{"what": "tensors", "done": 1, "total": 2}}), flush=True)
folder.mkdir()
(folder / "model.safetensors").write_bytes(source.read_bytes())
with open({log!r}, "a") as log:
    log.write(" ".join(sys.argv[1:4]) + chr(10))
"""


class Bench:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.steps: list[Step] = []
        self.asked: list[str] = []
        self.python = root / "python"
        self.log = root / "converted"
        self.python.write_text(CONVERTER.format(python=sys.executable, log=str(self.log)))
        self.python.chmod(0o700)
        self.gguf = root / "m.gguf"
        self.gguf.write_bytes(b"GGUF weights")
        self.folder = root / "folder"
        self.folder.mkdir()
        (self.folder / "model.safetensors").write_bytes(b"weights")

    async def ensure(self, variant: str, report: Report) -> Runtime:
        self.asked.append(variant)
        return Runtime(variant, self.python, {})

    async def model_path(self, engine: str, source: Path) -> Path:
        cache = self.root / "cache"
        runtimes = Runtimes(cache)
        runtimes.ensure = self.ensure  # type: ignore[method-assign]
        provision = LocalProvision(
            runtimes, ModelFiles(cache), cache, lambda devices: {"DEVICES": ",".join(devices)}, 60.0
        )
        config = EngineConfig(engine, f"{engine}-cpu", f"path:{source}", ("m",))
        assignment = ReplicaAssignment("m/0", "m", "local", ("cpu",), 0, config, "f", "why")
        launch = await provision.prepare(assignment, self.steps.append)
        assert launch.python == self.python
        assert launch.visible_env == {"DEVICES": "cpu"}
        assert (launch.import_path / "xinf" / "shim" / "__main__.py").exists()
        assert self.asked == [f"{engine}-cpu"] * len(self.asked)
        return Path(launch.model_path)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_vllm_gets_a_gguf_file_as_safetensors_that_are_made_once(bench: Bench) -> None:
    path = await bench.model_path("vllm", bench.gguf)
    assert (path / "model.safetensors").read_bytes() == b"GGUF weights"
    assert Step("converting m.gguf: tensors", 1, 2, "steps") in bench.steps
    assert await bench.model_path("vllm", bench.gguf) == path
    assert bench.log.read_text() == "-P -m xinf.shim.convert_gguf\n"


async def test_vllm_gets_a_folder_as_it_is(bench: Bench) -> None:
    assert await bench.model_path("vllm", bench.folder) == bench.folder
    assert not bench.log.exists()


async def test_llama_cpp_gets_a_gguf_file_as_it_is_and_refuses_safetensors(bench: Bench) -> None:
    assert await bench.model_path("llamacpp", bench.gguf) == bench.gguf
    with pytest.raises(XinfError, match="loads GGUF only") as caught:
        await bench.model_path("llamacpp", bench.folder)
    assert caught.value.code is ErrorCode.UNSUPPORTED
    assert not bench.log.exists()
