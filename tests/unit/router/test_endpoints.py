from __future__ import annotations

import pytest

from tests.support.clock import settle
from tests.support.routing import World, engine, world
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.states import EngineState
from xinf.engine.failure import EngineFailure
from xinf.engine.load import EngineLoad


def live(w: World, model: str = "a") -> list[str]:
    return [view.instance for view in w.table.view(model) if view.is_live and not view.is_draining]


async def test_a_ready_engine_gets_a_session_and_a_loading_one_does_not() -> None:
    async with world() as w:
        w.start(engine("a/0"), engine("a/1", EngineState.LOADING))
        await settle()
        assert live(w) == ["a/0#1"]


async def test_a_session_that_ends_takes_the_endpoint_out_at_once_and_is_opened_again() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        await settle()
        w.session("a/0").die()
        await settle()
        assert live(w) == []
        await w.clock.advance(0.05)
        assert live(w) == ["a/0#1"]


async def test_every_session_has_a_higher_epoch_even_within_one_millisecond() -> None:
    async with world() as w:
        w.start(engine("a/0"), engine("a/1"), engine("a/2"))
        await settle()
        assert len(w.epochs) == 3
        assert w.epochs == sorted(set(w.epochs))
        assert w.epochs[0] >= w.clock.wall() * 1000


async def test_a_new_instance_replaces_the_old_one() -> None:
    async with world() as w:
        w.start(engine("a/0", start=1))
        await settle()
        old = w.session("a/0", 1)
        w.start(engine("a/0", start=2))
        await settle()
        assert live(w) == ["a/0#2"]
        await old.wait_closed()


async def test_a_draining_engine_keeps_its_session_but_is_no_choice() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        await settle()
        w.start(engine("a/0", EngineState.DRAINING))
        await settle()
        assert live(w) == []
        assert [view.is_live for view in w.table.view("a")] == [True]


async def test_a_session_that_ends_while_draining_is_not_opened_again() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        await settle()
        w.start(engine("a/0", EngineState.STOPPING))
        w.session("a/0").die()
        await w.clock.advance(10)
        assert len(w.epochs) == 1


async def test_an_engine_whose_record_says_failed_is_let_go() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        await settle()
        session = w.session("a/0")
        w.start(engine("a/0", EngineState.BACKOFF))
        await settle()
        assert w.table.view("a") == ()
        await session.wait_closed()


async def test_failing_connections_are_tried_again_ever_more_slowly_and_say_why() -> None:
    async with world() as w:
        w.refuse_connections = XinfError(ErrorCode.ENGINE_INCOMPATIBLE, cause="it speaks version 9")
        w.start(engine("a/0"))
        await w.clock.advance(0.2)
        early = len(w.epochs)
        await w.clock.advance(20)
        assert 3 <= early <= 4
        assert len(w.epochs) - early <= 20 / 2 + 5
        assert w.table.troubles("a") == ("a/0: it speaks version 9.",)
        w.refuse_connections = None
        await w.clock.advance(2)
        assert live(w) == ["a/0#1"]


async def test_a_session_that_breaks_with_a_failure_is_opened_again() -> None:
    async with world() as w:
        w.refuse_connections = EngineFailure("engine_failed", "reset", retryable=True)
        w.start(engine("a/0"))
        await settle()
        w.refuse_connections = None
        await w.clock.advance(0.05)
        assert live(w) == ["a/0#1"]


async def test_places_are_counted_while_they_are_taken() -> None:
    async with world(parallel=2) as w:
        w.start(engine("a/0"))
        await settle()
        first = w.table.take("a/0")
        w.table.take("a/0")
        view = w.table.view("a")[0]
        assert (view.inflight, view.chosen, view.is_full) == (2, 2, False)
        w.table.take("a/0")
        assert w.table.view("a")[0].is_full
        w.table.give_back(first)
        assert w.table.view("a")[0].inflight == 2


@pytest.mark.parametrize(
    ("told", "taken", "shown"),
    [
        (None, 1, (1, 0)),
        (EngineLoad(running=0, waiting=0), 1, (1, 0)),
        (EngineLoad(running=0, waiting=0), 6, (4, 2)),
        (EngineLoad(running=2, waiting=1), 3, (2, 1)),
        (EngineLoad(running=4, waiting=3), 2, (2, 0)),
    ],
)
async def test_what_an_engine_did_not_speak_of_yet_counts_as_running_where_it_has_a_place(
    told: EngineLoad | None, taken: int, shown: tuple[int, int]
) -> None:
    async with world(parallel=4) as w:
        w.start(engine("a/0"))
        await settle()
        w.session().load = told
        for _ in range(taken):
            w.table.take("a/0")
        (view,) = w.table.view("a")
        assert (view.running, view.waiting) == shown
