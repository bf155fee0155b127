import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from xinf.runtime.shim_tree import ensure_shim_tree


def test_the_tree_holds_protocol_and_shim_and_nothing_else_of_xinf(tmp_path: Path) -> None:
    tree = ensure_shim_tree(tmp_path)
    assert tree.parent == tmp_path / "shim"
    assert {path.name for path in (tree / "xinf").iterdir()} == {"__init__.py", "protocol", "shim"}
    assert (tree / "xinf" / "shim" / "backends" / "llamacpp" / "backend.py").exists()


def test_vllm_finds_the_plugin_that_its_processes_are_to_load(tmp_path: Path) -> None:
    code = """
from importlib.metadata import entry_points
for group in ("vllm.platform_plugins", "vllm.general_plugins"):
    (plugin,) = entry_points(group=group)
    print(plugin.load().__name__)
"""
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", code],
        env={"PYTHONPATH": str(ensure_shim_tree(tmp_path))},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("die_with_parent\n" * 2, "")


def test_it_is_made_once(tmp_path: Path) -> None:
    tree = ensure_shim_tree(tmp_path)
    made = tree.stat().st_mtime_ns
    assert ensure_shim_tree(tmp_path) == tree
    assert tree.stat().st_mtime_ns == made


def test_a_damaged_tree_is_replaced(tmp_path: Path) -> None:
    tree = ensure_shim_tree(tmp_path)
    lost = tree / "xinf" / "shim" / "backends" / "base.py"
    lost.unlink()
    assert ensure_shim_tree(tmp_path) == tree
    assert lost.exists()
    assert list(tree.parent.iterdir()) == [tree]


def test_many_at_once_make_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        trees = set(pool.map(lambda _: ensure_shim_tree(tmp_path), range(16)))
    (tree,) = trees
    assert list(tree.parent.iterdir()) == [tree]


def test_what_is_in_the_tree_imports_and_the_control_plane_does_not(tmp_path: Path) -> None:
    code = """
import xinf, xinf.shim.backends.base
assert xinf.__file__.startswith(%r), xinf.__file__
try:
    import xinf.core
except ImportError:
    print("alone")
"""
    tree = ensure_shim_tree(tmp_path)
    # Without site-packages, where a checkout's editable install would answer for the rest of xinf.
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", code % str(tree)],
        env={"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("alone\n", "")
