import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from xinf.shim.backends.vllm.forking import METHOD, follow, forked_workers, may_fork

# One process as vLLM has it: a parent that forks EngineCore, which forks a worker with its threads.
SCRIPT = """
import json, os, sys
from xinf.shim.backends.vllm.forking import METHOD, forked_workers

def set_threads(number):
    print(json.dumps([name, number, sorted(os.sched_getaffinity(0))]), flush=True)

def child(called):
    global name
    if os.fork():
        os.wait()
        return False
    name = called
    return True

name = "shim"
with forked_workers(os.environ, set_threads):
    assert os.environ[METHOD] == "fork"
    if child("EngineCore"):
        # The hook of this very fork has run by now, and must have done nothing.
        name = "worker"
        os.environ.update(json.loads(sys.argv[1]))
        if not os.fork():
            os._exit(0)
        os.wait()
        os._exit(0)
os.environ.update(json.loads(sys.argv[1]))
if child("later"):
    os._exit(0)
"""


def told(environ: Mapping[str, str], before: Mapping[str, str]) -> list[object]:
    """What a worker did of what `environ` says to it alone."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(environ)],
        env={**os.environ, **before},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("places", [{"GOMP_CPU_AFFINITY": "0"}, {"OMP_PLACES": "{0}"}])
def test_a_worker_gets_the_threads_that_are_meant_for_it_and_nobody_else_does(
    places: dict[str, str],
) -> None:
    meant = {"OMP_NUM_THREADS": "3", **places}
    assert told(meant, {"OMP_NUM_THREADS": "7"}) == [["worker", 3, [0]]]


def test_what_a_user_has_set_for_all_was_read_when_the_library_was_loaded() -> None:
    assert told({}, {"OMP_NUM_THREADS": "7", "OMP_PLACES": "{0}"}) == []


def test_without_places_a_worker_runs_where_it_may() -> None:
    numbers: list[int] = []
    allowed = os.sched_getaffinity(0)
    follow({"OMP_NUM_THREADS": "2"}, numbers.append)
    assert (numbers, os.sched_getaffinity(0)) == ([2], allowed)


@pytest.mark.parametrize(
    ("environ", "threads", "verdict"),
    [
        ({}, 1, True),
        ({}, 2, False),
        ({METHOD: "spawn"}, 1, False),
        ({METHOD: "fork"}, 1, True),
        ({"LD_PRELOAD": "/usr/lib/libtcmalloc.so.4:/torch/lib/libgomp.so.1"}, 1, True),
        ({"LD_PRELOAD": "/opt/intel/libiomp5.so"}, 1, False),
        ({"LD_PRELOAD": "/usr/lib/libomp.so.5"}, 1, False),
    ],
)
def test_a_fork_must_be_safe_understood_and_not_unwanted(
    tmp_path: Path, environ: dict[str, str], threads: int, verdict: bool
) -> None:
    for number in range(threads):
        (tmp_path / str(number)).touch()
    assert may_fork(environ, tmp_path) is verdict


def test_the_choice_is_there_for_those_who_are_forked() -> None:
    environ: dict[str, str] = {METHOD: "spawn"}
    with forked_workers(environ, lambda number: None):
        assert environ[METHOD] == "fork"
