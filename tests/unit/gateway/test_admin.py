"""The admin API over a real store, through its real client."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.clock import settle
from tests.support.gateway import LIMITS, until
from tests.support.planning import FakePlanner
from tests.support.routing import World, declared, engine, world
from tests.support.store import records
from xinf.client.admin import AdminClient
from xinf.clock import SystemClock
from xinf.config.load import load_settings
from xinf.config.paths import Paths
from xinf.config.settings import Settings
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.models import ModelIntent, Override
from xinf.core.nodes import Device, NodeStatus
from xinf.core.placement import EngineConfig, PlacementPlan, ReplicaAssignment
from xinf.core.progress import Progress, Step
from xinf.core.states import EngineState, ModelState
from xinf.core.views import DeviceView
from xinf.gateway.admin import About, Admin
from xinf.gateway.apps import build_admin_app
from xinf.gateway.connection import HttpServer
from xinf.gateway.doors import bind_admin
from xinf.gateway.health import Readiness
from xinf.gateway.history import History
from xinf.gateway.snapshot import Snapshots
from xinf.meta.records import Records
from xinf.meta.sqlite import SqliteStore

ALIASES = {"gpt": "a"}


def table_of(store: Records) -> SqliteStore:
    assert isinstance(store.store, SqliteStore)
    return store.store


class Desk:
    """The admin door over a faked router and a real `models/`."""

    def __init__(self, w: World, store: Records, client: AdminClient, config: Config) -> None:
        self.w = w
        self.store = store
        self.client = client
        self.config = config
        self.wishes: list[tuple[str, bool]] = []

    def end(self, *, hurry: bool = False) -> None:
        self.wishes.append(("end", hurry))

    def restart(self, *, hurry: bool = False) -> None:
        self.wishes.append(("restart", hurry))


@dataclass
class Config:
    """A config file; `edit` is what the next look finds wrong with it."""

    settings: Settings
    file: Path | None = None
    problem: str | None = None
    waiting: tuple[str, ...] = ()
    edit: str | None = None

    async def look(self) -> None:
        self.problem = self.edit


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        settings = load_settings(Paths(None, folder, folder, folder), {})
        clock = SystemClock()
        async with (
            world() as w,
            records(clock) as store,
            AdminClient(folder / "admin.sock") as client,
        ):
            made = Desk(w, store, client, Config(settings))
            await store.models.put("a", declared("a"))
            admin = Admin(
                about=About("http://127.0.0.1:1", "9.9", "i1", clock.now()),
                config=made.config,
                worker=lambda: 77,
                intents=store.models,
                snapshots=Snapshots(
                    w.overview,
                    w.table,
                    Readiness(w.overview, w.table),
                    w.nodes,
                    waiting=lambda name: 3 if name == "a" else 0,
                    others=lambda: {"cpu": 12},
                    reserve=10,
                ),
                limits=LIMITS,
                clock=clock,
                ending=made,
            )
            history = History(table_of(store), lambda name: ALIASES.get(name, name), clock)
            app = build_admin_app(admin, history, FakePlanner().planning(clock))
            server = HttpServer(app, clock, LIMITS)
            door = await asyncio.get_running_loop().create_unix_server(
                server, sock=bind_admin(folder / "admin.sock")
            )
            yield made
            door.close()
            await server.cut_off()


async def test_status_tells_everything_at_once(desk: Desk) -> None:
    device = Device("cpu", "cpu", 0, "a CPU", memory_total=100, memory_used=40)
    desk.w.nodes.set("local", NodeStatus("local", (device,)))
    config = EngineConfig("sim", "sim", "", ("a",))
    place = ReplicaAssignment("a/0", "a", "local", ("cpu",), 25, config, "f", "why")
    desk.w.plans.set("current", PlacementPlan((place,)))
    desk.w.start(engine("a/0"))
    await settle()
    status = await desk.client.status()
    assert (status.url, status.version, status.pid) == ("http://127.0.0.1:1", "9.9", os.getpid())
    assert status.devices == (
        DeviceView(
            id="cpu:0",
            kind="cpu",
            uuid="cpu",
            name="a CPU",
            compute_capability=None,
            memory_total=100,
            memory_used=40,
            memory_claimed=25,
            processes=(),
            memory_foreign=12,
            memory_reserve=10,
        ),
    )
    assert [(row.name, row.state, row.engine, row.waiting) for row in status.models] == [
        ("a", ModelState.READY, "sim", 3)
    ]
    assert [row.replica for row in status.replicas] == ["a/0"]


async def test_what_is_wrong_with_devices_is_told_beside_them(desk: Desk) -> None:
    desk.w.nodes.set("local", NodeStatus("local", (), is_degraded=True, reason="cuda:0 is lost"))
    await settle()
    assert (await desk.client.status()).device_problems == ("cuda:0 is lost",)
    desk.w.nodes.set("local", NodeStatus("local", ()))
    await settle()
    assert (await desk.client.status()).device_problems == ()


async def test_what_ails_a_device_that_still_works_is_told_with_its_name(desk: Desk) -> None:
    device = Device("GPU-1", "cuda", 0, "a GPU", 100, 40, problem="the driver asks for a reset")
    desk.w.nodes.set("local", NodeStatus("local", (device,)))
    await settle()
    status = await desk.client.status()
    assert status.device_problems == ("cuda:0 (a GPU, GPU-1): the driver asks for a reset",)
    assert status.devices[0].problem == "the driver asks for a reset"


async def test_replicas_show_load_and_progress(desk: Desk) -> None:
    desk.w.start(engine("a/0"), engine("a/1", EngineState.LOADING))
    desk.w.progress.set("local/a/1", Progress("a/1", "a", Step("reading", 1, 2), 3.0))
    await settle()
    endpoint = desk.w.table.take("a/0")
    first, second = await desk.client.replicas()
    assert (first.pid, first.state) == (1001, EngineState.READY)
    assert second.progress is not None
    assert second.progress.eta_s == 3.0
    desk.w.table.give_back(endpoint)


async def test_a_launch_is_written_as_a_wish_with_the_defaults(desk: Desk) -> None:
    row = await desk.client.launch("b", {"engine": "sim", "replicas": 2, "sim": {"kv_blocks": 8}})
    assert (row.name, row.state, row.desired_replicas) == ("b", ModelState.QUEUED, 2)
    intent = await desk.store.models.get("b")
    assert intent is not None
    assert intent.launched is not None
    assert intent.launched.sim is not None
    assert (intent.launched.queue, intent.launched.sim.kv_blocks) == (64, 8)


async def test_a_launch_by_name_alone_undoes_a_terminate(desk: Desk) -> None:
    row = await desk.client.terminate("a")
    assert row.state is ModelState.OFF
    intent = await desk.store.models.get("a")
    assert intent is not None
    assert intent.override is Override.TERMINATE
    await desk.client.launch("a", {})
    assert await desk.store.models.get("a") == declared("a")


async def test_a_launched_model_is_forgotten_when_it_is_terminated(desk: Desk) -> None:
    await desk.client.launch("b", {"engine": "sim", "aliases": ["bee"]})
    row = await desk.client.terminate("b")
    assert (row.name, row.aliases, row.desired_replicas) == ("b", ("bee",), 0)
    assert await desk.store.models.get("b") is None


@pytest.mark.parametrize("name", ["nobody", "no/body", "%"])
async def test_what_is_not_there_is_not_found(desk: Desk, name: str) -> None:
    with pytest.raises(XinfError) as refused:
        await desk.client.terminate(name)
    assert refused.value.code is ErrorCode.NOT_FOUND
    assert name in str(refused.value)


async def test_a_launch_by_name_alone_of_what_nobody_described_is_not_found(desk: Desk) -> None:
    with pytest.raises(XinfError) as refused:
        await desk.client.launch("nobody", {})
    assert refused.value.code is ErrorCode.NOT_FOUND
    assert await desk.store.models.get("nobody") is None


@pytest.mark.parametrize(
    ("name", "body"),
    [("b", {"replicas": "many"}), ("B!", {"engine": "sim"}), ("b", {"enginee": "sim"})],
)
async def test_a_launch_that_makes_no_sense_is_refused_and_writes_nothing(
    desk: Desk, name: str, body: dict[str, str]
) -> None:
    with pytest.raises(XinfError) as refused:
        await desk.client.launch(name, body)
    assert refused.value.code is ErrorCode.INVALID_VALUE
    assert list(await desk.store.models.list()) == ["a"]


async def test_a_watch_shows_now_and_every_change_until_ready(desk: Desk) -> None:
    seen: list[tuple[ModelState, bool]] = []
    async for moment in desk.client.watch("a"):
        seen.append((moment.models[0].state, moment.ready))
        if len(seen) == 1:
            desk.w.start(engine("a/0", EngineState.LOADING))
        elif moment.ready:
            break
        else:
            desk.w.start(engine("a/0"))
    assert seen == [
        (ModelState.QUEUED, False),
        (ModelState.LOADING, False),
        (ModelState.READY, True),
    ]


async def test_a_watch_of_one_model_is_silent_about_others(desk: Desk) -> None:
    desk.w.models.set("b", declared("b"))
    desk.w.start(engine("a/0"), engine("b/0"))
    await settle()
    async for moment in desk.client.watch("b"):
        assert [row.name for row in moment.models] == ["b"]
        assert [row.replica for row in moment.replicas] == ["b/0"]
        break


async def test_a_storm_of_changes_is_a_few_lines_and_the_last_state_is_among_them(
    desk: Desk,
) -> None:
    count = 0
    async for moment in desk.client.watch():
        count += 1
        if count == 1:
            for index in range(200):
                desk.w.start(engine("a/0", EngineState.LOADING, reason=f"{index} %"))
                await asyncio.sleep(0)
        elif moment.replicas[0].reason == "199 %":
            break
    assert count < 20


async def test_a_watcher_that_leaves_is_forgotten(desk: Desk) -> None:
    before = len(desk.w.table._listeners)  # type: ignore[reportPrivateUsage]
    watching = desk.client.watch()
    await anext(watching)
    assert len(desk.w.table._listeners) == before + 1  # type: ignore[reportPrivateUsage]
    await watching.aclose()  # type: ignore[attr-defined]
    await until(lambda: len(desk.w.table._listeners) == before)  # type: ignore[reportPrivateUsage]


async def test_shutdown_is_passed_on_and_answers_with_the_pid(desk: Desk) -> None:
    assert await desk.client.shutdown() == os.getpid()
    assert await desk.client.shutdown(hurry=True) == os.getpid()
    assert desk.wishes == [("end", False), ("end", True)]


async def test_a_restart_is_passed_on(desk: Desk) -> None:
    assert await desk.client.shutdown(restart=True) == os.getpid()
    assert await desk.client.shutdown(restart=True, hurry=True) == os.getpid()
    assert desk.wishes == [("restart", False), ("restart", True)]


async def test_a_restart_with_a_file_that_would_not_be_read_is_refused(desk: Desk) -> None:
    desk.config.edit = "xinf.toml:3: server.prt: unknown key"
    with pytest.raises(XinfError) as caught:
        await desk.client.shutdown(restart=True)
    assert caught.value.code is ErrorCode.CONFIG_INVALID
    assert "xinf.toml:3: server.prt: unknown key" in str(caught.value)
    assert desk.wishes == []
    assert await desk.client.shutdown() == os.getpid()


async def test_status_tells_of_the_file_and_of_the_worker(desk: Desk) -> None:
    status = await desk.client.status()
    assert (status.instance, status.worker_pid) == ("i1", 77)
    assert (status.config_file, status.config_problem, status.config_waiting) == (None, None, ())
    desk.config.file = Path("/x/xinf.toml")
    desk.config.problem, desk.config.waiting = "it is wrong", ("server.port",)
    status = await desk.client.status()
    assert status.config_file == "/x/xinf.toml"
    assert (status.config_problem, status.config_waiting) == ("it is wrong", ("server.port",))


async def test_a_model_that_nobody_speaks_for_has_no_row(desk: Desk) -> None:
    desk.w.models.set("ghost", ModelIntent())
    assert [row.name for row in await desk.client.models()] == ["a"]
