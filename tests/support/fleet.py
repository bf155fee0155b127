"""Real engines behind a real gateway: simulated shims as subprocesses, sessions over their sockets,
and the public door on a loopback port. Only the store is left out: the test writes the records.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from openai import AsyncOpenAI

from tests.support.gateway import Door, opened, until
from tests.support.routing import FakeMirror, declared
from xinf.agent.launcher import Launch, LocalLauncher, Shim
from xinf.clock import SystemClock
from xinf.core.engines import RunningEngine
from xinf.core.json import JsonValue
from xinf.core.models import ModelIntent
from xinf.core.placement import EngineConfig, PlacementPlan, ReplicaAssignment, model_of
from xinf.core.progress import Progress
from xinf.core.states import EngineState
from xinf.engine.channel import EngineChannel
from xinf.gateway.apps import PublicParts, build_public_app
from xinf.gateway.completions import Patience
from xinf.gateway.health import Readiness
from xinf.gateway.limits import Limits
from xinf.gateway.security import Doorkeeper
from xinf.router.admission import Admission
from xinf.router.connect import connect
from xinf.router.directory import ModelDirectory
from xinf.router.endpoints import EndpointTable
from xinf.router.overview import Overview
from xinf.router.policies import POLICIES
from xinf.router.router import Router
from xinf.runtime.shim_tree import ensure_shim_tree

LIMITS = Limits(body_bytes=1 << 20, header_s=10, body_s=60, write_s=60)
START_WITHIN_S = 30.0
# No agent renews the lease here, so it must outlast the longest test on the slowest machine.
ORPHAN_LEASE_S = 600.0


@dataclass
class Fleet:
    """Engines by replica, each with its record; `door` is where clients knock."""

    folder: Path
    launcher: LocalLauncher
    launch: Launch
    models: FakeMirror[ModelIntent]
    engines: FakeMirror[RunningEngine]
    table: EndpointTable
    door: Door
    shims: dict[str, Shim] = field(default_factory=dict[str, Shim])

    async def start(self, replica: str, **sim: JsonValue) -> int:
        """Start a simulated engine and wait until it is connected; its pid."""
        config = EngineConfig("sim", "sim", "", (model_of(replica),), args=sim)
        place = ReplicaAssignment(replica, model_of(replica), "local", ("cpu",), 0, config, "f", "")
        shim = self.shims[replica] = await self.launcher.launch(place, self.launch)
        await until(lambda: _phase(shim) == "ready", START_WITHIN_S)
        self._write(replica, EngineState.READY)
        await until(lambda: self._is_live(replica))
        return shim.identity.pid

    async def kill(self, replica: str) -> None:
        """As if it had crashed: its process is gone, its record tells of a restart to come."""
        shim = self.shims[replica]
        os.kill(shim.identity.pid, signal.SIGKILL)
        await shim.wait()
        self._write(replica, EngineState.BACKOFF)
        await shim.destroy()

    async def becomes_busy(self, replica: str, requests: int) -> None:
        """Wait until the engine itself says that it works on so many."""
        channel = EngineChannel(self.shims[replica].address)
        async with asyncio.timeout(10):
            while (await channel.health(1)).load.running != requests:
                await asyncio.sleep(0.01)
        await channel.close()

    def client(self, **options: object) -> AsyncOpenAI:
        url = f"{self.door.url}/v1"
        return AsyncOpenAI(base_url=url, api_key="none", max_retries=0, **options)  # type: ignore[arg-type]

    def _is_live(self, replica: str) -> bool:
        view = self.table.views().get(replica)
        return view is not None and view.is_live and not view.is_draining

    def _write(self, replica: str, state: EngineState) -> None:
        shim = self.shims[replica]
        record = RunningEngine(
            replica=replica,
            model=model_of(replica),
            node="local",
            state=state,
            reason="",
            since=0.0,
            engine="sim",
            runtime="sim",
            fingerprint="f",
            devices=("cpu",),
            address=shim.address,
            identity=shim.identity,
        )
        self.engines.set(f"local/{replica}", record)


def _phase(shim: Shim) -> str:
    status = shim.status()
    return status.phase if status else ""


@asynccontextmanager
async def fleet(
    *intents: ModelIntent, patience: Patience | None = None, limits: Limits = LIMITS
) -> AsyncGenerator[Fleet]:
    """An open door with no engine behind it yet; every engine is gone when the block is left."""
    clock = SystemClock()
    named = {intent.spec.name: intent for intent in intents or (declared(),) if intent.spec}
    models, engines = FakeMirror[ModelIntent](named), FakeMirror[RunningEngine]()
    overview = Overview(models, engines, FakeMirror[PlacementPlan](), FakeMirror[Progress]())
    directory = ModelDirectory(models)
    table = EndpointTable(engines, connect, clock)
    admission = Admission(directory, overview, table, POLICIES["least_connections"], clock)
    parts = PublicParts(
        router=Router(admission, table, 2, clock),
        directory=directory,
        overview=overview,
        readiness=Readiness(overview, table),
        doorkeeper=Doorkeeper("127.0.0.1"),
        limits=limits,
        patience=patience or Patience(load_s=30, heartbeat_s=10),
        version="0",
        clock=clock,
    )
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="xf-") as name:
        folder = Path(name)
        launcher = LocalLauncher(folder, folder, clock)
        launch = Launch(Path(sys.executable), ensure_shim_tree(folder), "", {}, ORPHAN_LEASE_S)
        async with (
            asyncio.TaskGroup() as tasks,
            opened(build_public_app(parts), clock, limits) as door,
        ):
            running = tasks.create_task(table.run())
            made = Fleet(folder, launcher, launch, models, engines, table, door)
            try:
                yield made
            finally:
                running.cancel()
                for shim in made.shims.values():
                    await shim.destroy()
