from __future__ import annotations

from tests.support.engines import CPU, GPUS, FakeHealth, FakeLoad, FakeShim
from tests.support.plane import plane
from xinf.core.models import ModelIntent, ModelSpec
from xinf.core.nodes import Sighting
from xinf.core.states import EngineState
from xinf.core.units import GIB


def says_it_holds_3_gib(shim: FakeShim) -> None:
    shim.phase = "ready"
    shim.health_now = FakeHealth(load=FakeLoad(memory_bytes=3 * GIB))


async def test_every_step_of_an_engine_is_told_once_in_its_order() -> None:
    async with plane() as it:
        it.world.on_launch = lambda shim: setattr(shim, "phase", "ready")
        await it.wish("a", ModelIntent(declared=ModelSpec("a", engine="sim")))
        await it.clock.advance(20)
        assert (await it.engines())["a/0"].state is EngineState.READY
        kinds = [event.kind for event in it.events]
        assert kinds == ["engine.pending", "engine.provisioning", "engine.starting", "engine.ready"]
        assert {(event.subject, event.model) for event in it.events} == {("a/0", "a")}
        await it.wish("a", None)
        await it.clock.advance(20)
        assert [event.kind for event in it.events[4:]] == [
            "engine.draining",
            "engine.stopping",
            "engine.stopped",
        ]


async def test_what_an_engine_was_seen_to_hold_is_kept_under_its_device() -> None:
    async with plane((CPU, *GPUS)) as it:
        it.world.on_launch = says_it_holds_3_gib
        await it.wish("a", ModelIntent(declared=ModelSpec("a", engine="sim")))
        await it.clock.advance(20)
        record = (await it.engines())["a/0"]
        (device,) = record.devices
        assert record.memory == {device: 3 * GIB}
        (found,) = (await it.records.footprints.list()).values()
        assert (found.memory_bytes, found.device_name) == (3 * GIB, GPUS[0].name)
        assert (found.fingerprint, found.model) == (record.fingerprint, "a")


async def test_an_engine_leaves_a_gpu_that_is_lost_and_comes_back_with_it() -> None:
    async with plane((CPU, GPUS[0])) as it:
        it.world.on_launch = says_it_holds_3_gib
        await it.wish("a", ModelIntent(declared=ModelSpec("a", engine="sim")))
        await it.clock.advance(10)
        it.world.seen = Sighting((CPU,), lost=(GPUS[0].uuid,))
        await it.clock.advance(6)
        assert it.world.shims[0].is_destroyed
        it.world.seen = Sighting((CPU, GPUS[0]))
        await it.clock.advance(20)
        record = (await it.engines())["a/0"]
        assert (record.state, record.devices) == (EngineState.READY, (GPUS[0].uuid,))


async def test_what_cannot_be_read_of_a_predecessor_is_forgotten() -> None:
    async with plane() as it:
        for key in ("engines/local/a/0", "progress/local/a/0"):
            await it.records.store.put(key, '{"replica": 7}')
        await it.agent.prepare()
        assert await it.records.engines.list() == {}
        assert await it.records.progress.list() == {}
