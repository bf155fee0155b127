"""Every kind of record survives the store exactly, and the file is pleasant to browse."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clock import VirtualClock
from xinf.core.engines import EngineIdentity, RunningEngine
from xinf.core.json import JsonValue
from xinf.core.models import Activation, ModelIntent, ModelSpec, Override, SimSpec
from xinf.core.nodes import Device, DeviceProcess, NodeStatus
from xinf.core.placement import EngineConfig, PlacementPlan, ReplicaAssignment, Unplaced
from xinf.core.progress import Progress, Step
from xinf.core.states import EngineState
from xinf.meta.records import CURRENT_PLAN, Records
from xinf.meta.sqlite import open_store
from xinf.meta.store import Put

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
INTS = st.integers(-(2**70), 2**70)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.lists(TEXT, max_size=2).map(tuple)
ENV = st.dictionaries(TEXT, TEXT, max_size=2)
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | INTS | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
ARGS = st.dictionaries(TEXT, JSON, max_size=2)

SIM = st.builds(SimSpec, tokens_per_second=FLOATS, memory_bytes=INTS)
SPEC = st.builds(
    ModelSpec,
    name=TEXT,
    engine=st.none() | TEXT,
    activation=st.sampled_from(Activation),
    context=st.none() | INTS,
    aliases=TEXTS,
    engine_args=ARGS,
    env=ENV,
    sim=st.none() | SIM,
)
CONFIG = st.builds(EngineConfig, TEXT, TEXT, TEXT, TEXTS, st.none() | INTS, TEXT, ARGS, ENV)
ASSIGNMENT = st.builds(ReplicaAssignment, TEXT, TEXT, TEXT, TEXTS, INTS, CONFIG, TEXT, TEXT)
UNPLACED = st.builds(Unplaced, TEXT, TEXT, INTS, INTS, TEXT)
DEVICE = st.builds(
    Device,
    *(TEXT, TEXT, INTS, TEXT, INTS, INTS),
    compute_capability=st.none() | TEXT,
    processes=st.lists(st.builds(DeviceProcess, INTS, TEXT, INTS), max_size=2).map(tuple),
)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "models": st.builds(
        ModelIntent, st.none() | SPEC, st.none() | SPEC, st.none() | st.sampled_from(Override)
    ),
    "assignments": ASSIGNMENT,
    "engines": st.builds(
        RunningEngine,
        *(TEXT, TEXT, TEXT, st.sampled_from(EngineState), TEXT, FLOATS, TEXT, TEXT, TEXT, TEXTS),
        context=st.none() | INTS,
        identity=st.none() | st.builds(EngineIdentity, INTS, INTS, INTS, TEXT),
        retry_at=st.none() | FLOATS,
    ),
    "nodes": st.builds(NodeStatus, TEXT, st.lists(DEVICE, max_size=2).map(tuple), st.booleans()),
    "plans": st.builds(
        PlacementPlan,
        st.lists(ASSIGNMENT, max_size=2).map(tuple),
        st.lists(UNPLACED, max_size=2).map(tuple),
    ),
    "progress": st.builds(Progress, TEXT, TEXT, st.builds(Step, TEXT, FLOATS, FLOATS), FLOATS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_read_back_as_it_was_written(kind: str) -> None:
    collection = getattr(Records(None), kind)  # type: ignore[arg-type]

    @settings(max_examples=60, deadline=None, database=None)
    @given(record=KINDS[kind])
    def survives(record: object) -> None:
        write = collection.put_operation("name", record)
        assert collection.decode(write.value) == record
        # The same record is the same text, or an unchanged one would be written again.
        assert collection.put_operation("name", collection.decode(write.value)) == write

    survives()


async def test_each_kind_has_a_place_of_its_own(tmp_path: Path) -> None:
    async with open_store(tmp_path / "xinf.db", VirtualClock(), inline=True) as store:
        records = Records(store)
        await records.models.put("a", ModelIntent())
        await records.plans.put(CURRENT_PLAN, PlacementPlan())
        await records.progress.put("node/a/0", Progress("a/0", "a", Step("loading")))
        keys = [entry.key for entry in (await store.list_prefix("")).entries]
    assert keys == ["models/a", "plans/current", "progress/node/a/0"]


@pytest.fixture
async def browsed(tmp_path: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of each view, as the sqlite3 shell would show them."""
    path = tmp_path / "xinf.db"
    async with open_store(path, VirtualClock(), inline=True) as store:
        records = Records(store)
        declared = ModelSpec("coder", source="pypi:x", engine="llamacpp", replicas=2, priority=3)
        launched = ModelSpec("coder", source="path:/y", engine="sim", context=4096)
        await records.models.put("coder", ModelIntent(declared, override=Override.TERMINATE))
        await records.models.put("zeta", ModelIntent(declared, launched))
        await records.engines.put(
            "here/coder/0",
            RunningEngine(
                *("coder/0", "coder", "here", EngineState.READY, "healthy", 1_700_000_000.0),
                *("llamacpp", "llamacpp-cpu", "f00", ("cpu",)),
                memory_bytes=7,
                context=4096,
                identity=EngineIdentity(pid=42, start_ticks=1, session=42, instance="i"),
            ),
        )
        await store.transact([Put("modelsque", "{}"), Put("engines0", "{}")])
    with closing(sqlite3.connect(path)) as shell:
        shell.row_factory = sqlite3.Row
        return {
            view: [dict(row) for row in shell.execute(f"select * from {view}")]
            for view in ("v_models", "v_engines")
        }


async def test_the_models_view_shows_who_wants_what(
    browsed: dict[str, list[dict[str, Any]]],
) -> None:
    assert browsed["v_models"] == [
        {
            "name": "coder",
            "owner": "declared",
            "override": "terminate",
            "engine": "llamacpp",
            "source": "pypi:x",
            "replicas": 2,
            "activation": "auto",
            "priority": 3,
            "context": None,
            "revision": 1,
        },
        {
            "name": "zeta",
            "owner": "launched",
            "override": None,
            "engine": "sim",
            "source": "path:/y",
            "replicas": 1,
            "activation": "auto",
            "priority": 0,
            "context": 4096,
            "revision": 2,
        },
    ]


async def test_the_engines_view_shows_what_runs(browsed: dict[str, list[dict[str, Any]]]) -> None:
    assert browsed["v_engines"] == [
        {
            "node": "here",
            "replica": "coder/0",
            "model": "coder",
            "state": "ready",
            "reason": "healthy",
            "engine": "llamacpp",
            "runtime": "llamacpp-cpu",
            "pid": 42,
            "devices": '["cpu"]',
            "memory_bytes": 7,
            "context": 4096,
            "failures": 0,
            "since": "2023-11-14 22:13:20",
            "revision": 3,
        }
    ]
