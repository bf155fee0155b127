"""What must be true of the repository as a whole."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import xinf
from tests.support.tree import ROOT, texts

# Joined here, so that this file does not hold what it forbids. Users bring their own indexes (pip
# is configured on their machine); PyTorch's public wheel index is the one that a lock may name.
HOSTS = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("debian", "org"),
    ("ubuntu", "com"),
    ("proxy.golang", "org"),
    ("crates", "io"),
)
MACHINE_PATHS = ("work", "root", "opt/wheels", "opt/pypi")


def test_the_version_is_said_once_for_pip_and_once_for_python_and_both_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == xinf.__version__


def test_no_file_names_a_package_registry() -> None:
    hosts = "|".join(rf"{re.escape(name)}\.{end}" for name, end in HOSTS)
    assert named(rf"\b(?:{hosts})\b") == {}


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    assert named(rf"(?<![\w.~}}*-])/(?:{'|'.join(MACHINE_PATHS)})/") == {}


def test_the_protocol_stubs_are_what_their_definition_generates() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/gen_proto.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_ci_runs_what_a_developer_runs() -> None:
    assert texts()[".ci/run"].splitlines()[1:] == ["exec python3 xinf.py test"]


def named(pattern: str) -> dict[str, list[str]]:
    found = {name: re.findall(pattern, text) for name, text in texts().items()}
    return {name: words for name, words in found.items() if words}
