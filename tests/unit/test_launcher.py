"""xinf.py, the first thing that runs in a fresh clone.

Most stories run the real launcher in a folder whose `.venv` holds a stand-in for Python: it notes
what it is asked to do, and does as pip what the story says. The last one, with --long, downloads.
"""

from __future__ import annotations

import ast
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.support.launcher import ENDS_S, Clone, listening, loaded, pretended_clone, written
from tests.support.tree import ROOT, TOPS


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return pretended_clone(tmp_path)


@pytest.fixture
def launcher(clone: Clone) -> ModuleType:
    """The launcher of `clone` as a module."""
    return loaded(clone.root / "xinf.py", "launcher_under_test")


# The file itself


def test_the_launcher_is_short_and_readable_for_python_3_6() -> None:
    source = (ROOT / "xinf.py").read_text()
    ast.parse(source, feature_version=(3, 6))
    assert "from __future__" not in source  # a syntax error before 3.7
    assert source.count("\n") < 200


@pytest.mark.parametrize("name", ["xinf.py", "scripts/preflight.py"])
def test_the_launcher_needs_nothing_but_the_standard_library(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text())
    direct = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    named = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    tops = {module.partition(".")[0] for module in direct | named}
    assert tops - sys.stdlib_module_names == ({"scripts"} if name == "xinf.py" else set())


def test_the_package_wins_over_the_launcher_of_the_same_name() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import xinf; print(xinf.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=ENDS_S,
        check=True,
    )
    assert found.stdout.strip() == str(ROOT / "xinf" / "__init__.py")


# Installing, once


def test_a_first_start_installs_and_becomes_xinf_and_a_second_start_asks_pip_nothing(
    clone: Clone,
) -> None:
    assert clone.run("ps", "--json").returncode == 0
    assert clone.calls == ["-m pip install -e .", "-m xinf ps --json"]
    assert clone.run("ls").returncode == 0
    assert clone.calls[2:] == ["-m xinf ls"]


def test_the_launchers_own_words_leave_stdout_to_the_command(clone: Clone) -> None:
    done = clone.run("ps", "--json")
    assert done.stdout == ""
    assert "installing xinf (.): done" in done.stderr


def test_the_exit_code_is_that_of_the_command(clone: Clone) -> None:
    python = clone.root / ".venv" / "bin" / "python"
    python.write_text(python.read_text() + 'case "$*" in "-m xinf"*) exit 3 ;; esac\n')
    assert clone.run("ps").returncode == 3


def test_the_test_tools_are_installed_when_tests_are_asked_for(clone: Clone) -> None:
    clone.run("ls")
    clone.run("test", "-k", "core")
    clone.run("ls")
    assert clone.calls == [
        "-m pip install -e .",
        "-m xinf ls",
        "-m pip install -e .[test]",
        f"{clone.root}/scripts/check.py -k core",
        "-m xinf ls",
    ]


def test_other_dependencies_are_installed_at_the_next_start(clone: Clone) -> None:
    clone.run("ls")
    with (clone.root / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    clone.run("ls")
    assert clone.calls[2:] == ["-m pip install -e .", "-m xinf ls"]


def test_an_unfinished_install_is_continued(clone: Clone) -> None:
    clone.pip_does("exit 1")
    assert clone.run("ls").returncode == 1
    assert not clone.stamp.exists()
    clone.pip_does("")
    assert clone.run("ls").returncode == 0
    assert clone.calls == ["-m pip install -e .", "-m pip install -e .", "-m xinf ls"]


# What cannot be continued is made anew


def test_a_whole_environment_has_no_fault(launcher: ModuleType) -> None:
    assert launcher.venv_fault() == ""


def test_a_clone_that_moved_gets_a_new_environment(clone: Clone, launcher: ModuleType) -> None:
    config = clone.root / ".venv" / "pyvenv.cfg"
    config.write_text(f"version = 3.11.7\ncommand = /usr/bin/python3 -m venv {clone.root}/.venv\n")
    assert launcher.venv_fault() == ""
    config.write_text("version = 3.11.7\ncommand = /usr/bin/python3 -m venv /elsewhere/.venv\n")
    assert launcher.venv_fault() == "it was made at another place"


def test_an_environment_whose_interpreter_is_gone_is_noticed_at_once_and_made_anew(
    clone: Clone, launcher: ModuleType
) -> None:
    clone.run("ls")
    assert launcher.is_installed("")
    python = clone.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python3")
    assert not launcher.is_installed("")
    assert launcher.venv_fault() == "its Python does not work"
    python.unlink()
    assert launcher.venv_fault() == "there is none"


def test_packages_that_pip_was_killed_over_are_not_trusted(
    clone: Clone, launcher: ModuleType
) -> None:
    log = clone.root / ".venv" / "xinf-install.log"
    log.write_text("Collecting aiohttp\nInstalling collected packages: aiohttp\n")
    assert launcher.venv_fault() == "an install was cut off"
    log.write_text(log.read_text() + "Successfully installed aiohttp\n")
    assert launcher.venv_fault() == ""


# When pip fails


@pytest.mark.parametrize(
    ("pip_says", "cause"),
    [
        ("WARNING: Retrying (NewConnectionError('Name or service not known'))", "no network"),
        ("ConnectTimeoutError: timed out", "no network"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: ResolutionImpossible", "see the lines above"),
    ],
)
def test_a_failed_install_says_the_cause_and_what_to_do_and_shows_the_end_of_the_log(
    clone: Clone, pip_says: str, cause: str
) -> None:
    clone.pip_does(f'echo "{pip_says}"\nexit 1')
    done = clone.run("up", XINF_SERVER__PORT="0")
    assert done.returncode == 1
    assert f"  {pip_says}\n" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"xinf: installing xinf (.) failed: {cause}")
    assert "then run it again: it continues where it stopped." in last
    assert clone.calls == ["-m pip install -e ."]


def test_a_launcher_that_is_told_to_stop_takes_pip_along(clone: Clone) -> None:
    clone.pip_does("echo $$ > pip.pid; echo Collecting patience; sleep 600")
    running = clone.start("ls")
    assert running.stderr
    assert "installing" in running.stderr.readline()
    pid = int(written(clone.root / "pip.pid"))
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=ENDS_S)
    assert running.returncode == 1
    assert "interrupted. Run it again" in said
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_two_launchers_at_once_install_once(clone: Clone) -> None:
    clone.run("ls")
    finished = clone.stamp.read_text()
    clone.stamp.unlink()
    with (clone.root / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with clone.start("ps") as second:
            assert second.stderr
            assert "another xinf.py is installing here" in second.stderr.readline()
            clone.stamp.write_text(finished)
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert second.wait(ENDS_S) == 0
    assert clone.calls[2:] == ["-m xinf ps"]


# What is said before anything is downloaded


def test_an_old_python_names_the_newer_one_that_works(
    launcher: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, code in {"python3.12": 0, "python3.13": 127}.items():
        script = tmp_path / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\nexit {code}\n")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(launcher, "sys", old_python())
    with pytest.raises(SystemExit) as told:
        launcher.main(["up", "--port", "6000"])
    assert told.value.code == (
        "xinf: Python 3.8.18 is too old, 3.11 or newer is needed. "
        "Found python3.12: run `python3.12 xinf.py up --port 6000`."
    )


def test_an_old_python_alone_says_what_to_install(
    launcher: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(launcher, "sys", old_python())
    with pytest.raises(SystemExit, match=r"sudo apt install python3\.11 python3\.11-venv"):
        launcher.check_python(["up"])


def test_another_system_than_linux_is_told_so(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "sys", SimpleNamespace(platform="darwin", exit=sys.exit))
    with pytest.raises(SystemExit, match=r"runs on Linux .* this is darwin"):
        launcher.check_python(["up"])


def test_a_port_of_another_program_stops_up_before_pip_runs(clone: Clone) -> None:
    with listening() as port:
        done = clone.run("up", XINF_SERVER__PORT=str(port))
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use by another program" in done.stderr
    assert f"`XINF_SERVER__PORT={port + 1} python3 xinf.py up`" in done.stderr
    assert clone.calls == []


def test_a_port_matters_to_up_only(clone: Clone) -> None:
    with listening() as port:
        assert clone.run("ls", XINF_SERVER__PORT=str(port)).returncode == 0


# The real thing


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_fresh_clone_installs_itself_and_starts_at_once_the_second_time(tmp_path: Path) -> None:
    root = tmp_path / "fresh"
    root.mkdir()
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for top in (*TOPS, "LICENSE"):
        source = ROOT / top
        if source.is_dir():
            shutil.copytree(source, root / top, symlinks=True, ignore=unwanted)
        else:
            shutil.copy(source, root)
    command = [sys.executable, str(root / "xinf.py"), "version"]
    outside = tmp_path
    first = subprocess.run(
        command, cwd=outside, capture_output=True, text=True, timeout=800, check=False
    )
    assert first.returncode == 0, first.stderr
    second = subprocess.run(
        command, cwd=outside, capture_output=True, text=True, timeout=ENDS_S, check=True
    )
    assert second.stderr == ""
    assert second.stdout == first.stdout != ""


# Surroundings


def old_python() -> SimpleNamespace:
    version = {"version_info": (3, 8, 18), "version": "3.8.18 (default)"}
    return SimpleNamespace(platform="linux", exit=sys.exit, stderr=sys.stderr, **version)
