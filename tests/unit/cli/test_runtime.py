"""`xinf runtime`, with the real builder on an index that is a folder; nobody need be running."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.admin import FakeDaemon, replica
from tests.support.cli import xinf
from tests.support.terminal import terminal
from tests.support.wheels import make_wheel, use_index
from xinf.config.paths import client_paths
from xinf.runtime.environment import ALONE_BYTES
from xinf.runtime.preflight import python_minor

LOCK = """# wants: tiny
# python: {minor}
# verify: tiny
{needs}tiny==1.0  # bytes={size}
"""


@pytest.fixture
def locks(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Runtimes of our own; pip can get them from a folder."""
    folder = home / "locks"
    folder.mkdir()
    monkeypatch.setattr("xinf.runtime.locks.config_data", lambda name: folder)
    use_index(home / "index", monkeypatch)
    make_wheel(home / "index", "tiny", "1.0", {"tiny.py": b"VALUE = 1\n"})
    write(folder / "tiny-cpu.lock")
    return folder


def write(path: Path, *, minor: str = "", needs: str = "", size: int = 400) -> None:
    asked = f"# needs: {needs}\n" if needs else ""
    path.write_text(LOCK.format(minor=minor or python_minor(), needs=asked, size=size))


def cache() -> Path:
    return client_paths(os.environ, Path.cwd()).cache_dir


def test_ls_json_has_what_other_tools_rely_on(locks: Path) -> None:
    assert xinf("runtime", "install", "tiny-cpu").code == 0
    result = xinf("runtime", "ls", "--json")
    assert (result.code, result.err) == (0, "")
    sim, tiny = result.json
    assert (sim["variant"], sim["state"], sim["python"]) == ("sim", "installed", sys.executable)
    assert tiny.keys() == {"variant", "python", "state", "size_bytes", "versions"}
    assert (tiny["variant"], tiny["state"], tiny["versions"]) == (
        "tiny-cpu",
        "installed",
        {"tiny": "1.0"},
    )
    assert tiny["size_bytes"] > 0
    assert Path(tiny["python"]).is_relative_to(cache())


def test_the_runtimes_that_ship_are_listed() -> None:
    listed = {row["variant"]: row for row in xinf("runtime", "ls", "--json").json}
    assert {"sim", "llamacpp-cpu", "vllm-cpu", "vllm-cuda"} <= listed.keys()
    assert listed["llamacpp-cpu"] == {
        "variant": "llamacpp-cpu",
        "python": None,
        "state": "missing",
        "size_bytes": 0,
        "versions": {},
    }


def test_a_person_gets_a_table_with_the_version_that_matters(locks: Path) -> None:
    before = xinf("runtime", "ls").out.splitlines()
    assert before[0].split() == ["RUNTIME", "STATE", "SIZE", "VERSIONS", "PYTHON"]
    assert before[2].split() == ["tiny-cpu", "missing", "-", "-", "-"]
    xinf("runtime", "install", "tiny-cpu")
    row = xinf("runtime", "ls").out.splitlines()[2]
    assert "installed" in row
    assert "tiny 1.0" in row


def test_an_install_tells_its_steps_and_what_came_of_it(locks: Path) -> None:
    result = xinf("runtime", "install", "tiny-cpu")
    assert (result.code, result.out) == (0, "")
    first, second, last = result.err.splitlines()
    assert (first, second) == ("runtime tiny-cpu, 400 B", "installing runtime tiny-cpu")
    assert last.startswith("runtime tiny-cpu is installed: ")
    again = xinf("runtime", "install", "tiny-cpu", "--json")
    assert (again.code, again.err) == (0, "")
    assert again.json["state"] == "installed"


def test_on_a_terminal_an_install_shows_a_bar_as_up_does(locks: Path) -> None:
    # Beside the lock's name, so that the bar has something to count.
    write(locks / "tiny-cpu.lock", size=ALONE_BYTES)
    code = (
        "import sys, pathlib, xinf.runtime.locks as locks;"
        f"locks.config_data = lambda name: pathlib.Path({str(locks)!r});"
        "from xinf.cli.main import main; sys.argv = ['xinf', 'runtime', 'install', 'tiny-cpu'];"
        "main()"
    )
    with terminal(width=120) as screen:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdin=screen.inside,
            stdout=screen.inside,
            stderr=screen.inside,
            env={**os.environ, "TERM": "xterm"},
            timeout=90,
            check=False,
        )
        screen.until(lambda text: b"is installed" in text)
    assert done.returncode == 0
    shown = screen.written.decode()
    assert "━" in shown
    assert "0 B of 8.0 MiB" in shown or "8.0 MiB of 8.0 MiB" in shown


def test_what_the_machine_lacks_is_said_before_anything_is_downloaded(
    locks: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(locks / "later.lock", minor="3.99")
    write(locks / "tiny-cuda.lock", needs="cuda>=99999")
    write(locks / "needy.lock", needs="compiler")
    monkeypatch.setenv("CXX", str(home / "no-such-compiler"))
    for variant, said in (
        ("later", "Python 3.99"),
        ("tiny-cuda", "NVIDIA driver 99999"),
        ("needy", "no-such-compiler"),
    ):
        result = xinf_fails("runtime", "install", variant)
        assert result[0] == 1
        assert said in result[1]
    assert not (cache() / "wheels").exists()


def test_rm_frees_what_ls_counts(locks: Path) -> None:
    xinf("runtime", "install", "tiny-cpu")
    size = next(r for r in xinf("runtime", "ls", "--json").json if r["variant"] == "tiny-cpu")
    assert xinf("runtime", "rm", "tiny-cpu", "--json").json == {
        "variant": "tiny-cpu",
        "freed_bytes": size["size_bytes"],
    }
    assert xinf_fails("runtime", "rm", "tiny-cpu") == (
        4,
        "error: runtime tiny-cpu: it is not installed.\n",
    )


def test_rm_is_refused_while_an_engine_of_a_running_xinf_uses_it(
    locks: Path, daemon: FakeDaemon
) -> None:
    xinf("runtime", "install", "tiny-cpu")
    daemon.replicas = [replica("smol/0", runtime="tiny-cpu", pid=4242)]
    code, said = xinf_fails("runtime", "rm", "tiny-cpu")
    assert code == 1
    assert "smol/0 (pid 4242)" in said
    daemon.replicas = [replica("echo/0"), replica("smol/0", runtime="tiny-cpu", pid=None)]
    assert xinf("runtime", "rm", "tiny-cpu").code == 0


def test_what_is_not_ours_is_not_removed(locks: Path, home: Path) -> None:
    assert "part of xinf itself" in xinf_fails("runtime", "rm", "sim")[1]
    (home / "xinf.toml").write_text(f'[engines.llamacpp]\npython = "{sys.executable}"\n')
    write(locks / "llamacpp-cpu.lock")
    code, said = xinf_fails("runtime", "rm", "llamacpp-cpu")
    assert (code, "leaves alone" in said) == (4, True)
    rows = {row["variant"]: row for row in xinf("runtime", "ls", "--json").json}
    assert rows["llamacpp-cpu"]["state"] == "user"
    assert rows["llamacpp-cpu"]["python"] == sys.executable
    assert "pytest" in rows["llamacpp-cpu"]["versions"]


def test_sim_needs_no_installing(locks: Path) -> None:
    result = xinf("runtime", "install", "sim")
    assert (result.code, result.err) == (0, f"runtime sim is installed: {sys.executable}\n")


@pytest.mark.parametrize("verb", ["install", "rm"])
def test_a_name_that_nobody_knows_is_refused_with_those_that_exist(verb: str, locks: Path) -> None:
    code, said = xinf_fails("runtime", verb, "tiny-toaster")
    assert code == 4
    assert "sim, tiny-cpu" in said


def xinf_fails(*arguments: str) -> tuple[int, str]:
    """Exit code and what was said."""
    result = xinf(*arguments)
    assert result.out == ""
    return result.code, result.err
