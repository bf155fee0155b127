from __future__ import annotations

from tests.support.plane import plane
from xinf.core.models import ModelIntent, ModelSpec
from xinf.core.states import EngineState


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
