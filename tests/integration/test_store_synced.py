"""Whether the kernel is really asked to put a write on the disk, seen from below SQLite.

What the disk does with it when the power goes is beyond any test here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import ROOT

LONG_S = 60
WRITES = 20

# Writes each key several times; says how often the WAL had been synced when each write returned.
PUT = f"""
import asyncio, json, os, sys
from pathlib import Path
from xinf.clock import SystemClock
from xinf.meta.sqlite import open_store

def syncs():
    return Path(os.environ["FSYNCS"]).read_text().split().count(sys.argv[1] + "-wal")

async def main():
    told = {{}}
    async with open_store(Path(sys.argv[1]), SystemClock()) as store:
        await store.put("models/warm", "up")
        for key in sys.argv[2:]:
            told[key] = [syncs()]
            for number in range({WRITES}):
                await store.put(key, str(number))
                told[key].append(syncs())
    print(json.dumps(told))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that notes every sync of the process it is loaded into."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("fsyncs") / "fsyncs.so"
    source = ROOT / "tests" / "support" / "fsyncs.c"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", library, source, "-ldl"],
        check=True,
        timeout=LONG_S,
    )
    return library


def syncs_after_each_write(witness: Path, folder: Path, *keys: str) -> dict[str, list[int]]:
    log = folder / "fsyncs"
    done = subprocess.run(
        [sys.executable, "-c", PUT, folder / "xinf.db", *keys],
        env={**os.environ, "LD_PRELOAD": str(witness), "FSYNCS": str(log)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=LONG_S,
    )
    return json.loads(done.stdout)


def test_what_people_asked_for_is_synced_before_the_write_returns_and_what_was_seen_is_not(
    witness: Path, tmp_path: Path
) -> None:
    told = syncs_after_each_write(witness, tmp_path, "engines/a", "models/a", "nodes/a", "keys/a")
    for observed in ("engines/a", "nodes/a"):
        assert len(set(told[observed])) == 1
    for desired in ("models/a", "keys/a"):
        steps = zip(told[desired], told[desired][1:], strict=False)
        assert all(after > before for before, after in steps)
