"""`logs`: files only; a running xinf is asked only for what has no file yet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.support.admin import FakeDaemon, model
from tests.support.cli import xinf
from tests.support.tree import ROOT
from xinf.config.paths import client_paths


@pytest.fixture
def logs(home: Path) -> Path:
    log_dir = client_paths(os.environ, home).log_dir
    log_dir.mkdir(parents=True)
    return log_dir


@contextmanager
def following(*arguments: str) -> Iterator[IO[str]]:
    """`xinf logs -f ARGUMENTS`; its output, line by line as it comes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "xinf", "logs", "-f", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    with process:
        try:
            yield process.stdout
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert process.stdout.read() == ""
        finally:
            process.kill()


def test_without_a_name_it_is_xinf_s_own_log(logs: Path) -> None:
    (logs / "xinf.log").write_text("".join(f"{number}\n" for number in range(300)))
    assert xinf("logs").out.splitlines() == [str(number) for number in range(200, 300)]
    assert xinf("logs", "-n", "2").out == "298\n299\n"
    assert len(xinf("logs", "-n", "all").out.splitlines()) == 300
    assert xinf("logs", "-n", "0").out == ""


def test_one_replica_is_shown_as_it_is(logs: Path) -> None:
    (logs / "echo-0.log").write_bytes(b"plain \xff\n no end")
    (logs / "echo-1.log").write_text("other\n")
    result = xinf("logs", "echo/1")
    assert (result.code, result.out) == (0, "other\n")


def test_of_several_replicas_each_line_says_whose_it_is(logs: Path) -> None:
    (logs / "echo-0.log").write_text("one\ntwo")
    (logs / "echo-10.log").write_text("three\n")
    assert xinf("logs", "echo").out.splitlines() == [
        "echo/0  | one",
        "echo/0  | two",
        "echo/10 | three",
    ]


def test_an_unknown_model_is_not_found_with_or_without_following(
    logs: Path, daemon: FakeDaemon
) -> None:
    (logs / "echo-0.log").touch()
    daemon.models = [model("fresh")]
    for options in ([], ["-f"]):
        result = xinf("logs", "nope", *options)
        assert (result.code, result.out) == (4, "")
        assert result.err.endswith("There are: echo, fresh.\n")


def test_nobody_needs_to_run(logs: Path) -> None:
    (logs / "echo-0.log").write_text("old\n")
    assert xinf("logs", "echo").out == "old\n"
    assert xinf("logs", "nope").code == 4
    result = xinf("logs")
    assert result.code == 4
    assert "xinf up" in result.err


@pytest.mark.parametrize("arguments", [["x/y"], ["-n", "some"], ["-n", "-1"]])
def test_wrong_usage_is_said(logs: Path, arguments: list[str]) -> None:
    assert xinf("logs", *arguments).code == 2


def test_following_goes_on_across_what_happens_to_files(logs: Path) -> None:
    file = logs / "xinf.log"
    file.write_text("1\n2\n")
    with following("-n", "1") as out:
        assert out.readline() == "2\n"
        file.rename(logs / "xinf.log.1")
        file.write_text("3\n")
        assert out.readline() == "3\n"


def test_following_waits_for_what_is_expected_and_takes_in_new_replicas(
    logs: Path, daemon: FakeDaemon
) -> None:
    daemon.models = [model("echo", desired_replicas=2)]
    with following("echo") as out:
        assert out.readline() == "no log of echo yet; waiting for it\n"
        (logs / "echo-0.log").write_text("first\n")
        assert out.readline() == "first\n"
        (logs / "echo-1.log").write_text("second\n")
        assert out.readline() == "echo/1 | second\n"


def test_following_xinf_itself_waits_for_its_first_start(logs: Path) -> None:
    with following() as out:
        assert out.readline() == "no log of xinf yet; waiting for it\n"
        (logs / "xinf.log").write_text("hello\n")
        assert out.readline() == "hello\n"
