"""The shim's own code, copied out of the package: what an engine's interpreter may import of xinf.

`<cache>/shim/<hash>/` holds `xinf/__init__.py`, `xinf/protocol` and `xinf/shim`, and a dist-info
that names a plugin for vLLM's processes. It is the whole PYTHONPATH of a shim. So nothing of the
control plane leaks into an engine's environment, and an engine that outlives an upgrade keeps the
code that it was started with.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import xinf

# Enough that two trees never meet, short enough to read.
HASH_DIGITS = 16
PARTS = ("protocol", "shim")
SUFFIXES = (".py", ".pyi", ".proto")
DIST_INFO = Path(f"xinf_shim-{xinf.__version__}.dist-info")
METADATA = f"Metadata-Version: 2.1\nName: xinf-shim\nVersion: {xinf.__version__}\n"
ENTRY_POINTS = """\
[vllm.general_plugins]
xinf_death_signal = xinf.shim.death:die_with_parent
[vllm.platform_plugins]
xinf_death_signal = xinf.shim.death:die_with_parent
"""


def ensure_shim_tree(cache_dir: Path) -> Path:
    """The tree for the code of this process, made if it is not there. Blocks; any number of
    processes may ask at the same time.
    """
    content = _content(Path(xinf.__file__).parent)
    tree = cache_dir / "shim" / _digest(content)
    if _is_whole(tree, content):
        return tree
    tree.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".new-", dir=tree.parent))
    try:
        _write(aside, content)
        _move(aside, tree, content)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return tree


def _content(package: Path) -> dict[Path, bytes]:
    """The files of a tree, by their path in it."""
    content = {path.relative_to(package.parent): path.read_bytes() for path in _sources(package)}
    content[DIST_INFO / "METADATA"] = METADATA.encode()
    content[DIST_INFO / "entry_points.txt"] = ENTRY_POINTS.encode()
    return content


def _sources(package: Path) -> Iterator[Path]:
    yield package / "__init__.py"
    for part in PARTS:
        for path in sorted((package / part).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield path


def _digest(content: dict[Path, bytes]) -> str:
    digest = hashlib.sha256()
    for path, data in sorted(content.items()):
        digest.update(f"{path} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()[:HASH_DIGITS]


def _is_whole(tree: Path, content: dict[Path, bytes]) -> bool:
    """Whether every file is there with its size: somebody may have cleaned up in the cache."""
    try:
        return all((tree / path).stat().st_size == len(content[path]) for path in content)
    except OSError:
        return False


def _write(aside: Path, content: dict[Path, bytes]) -> None:
    for path, data in content.items():
        target = aside / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _move(aside: Path, tree: Path, content: dict[Path, bytes]) -> None:
    """One rename; if another process was first, its tree is as good."""
    if tree.exists() and not _is_whole(tree, content):
        damaged = Path(tempfile.mkdtemp(prefix=".damaged-", dir=tree.parent))
        tree.rename(damaged / "tree")
        shutil.rmtree(damaged, ignore_errors=True)
    try:
        aside.rename(tree)
    except OSError:
        if not _is_whole(tree, content):
            raise
