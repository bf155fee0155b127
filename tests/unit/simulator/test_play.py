"""Small scenarios with outcomes that can be worked out by hand."""

from __future__ import annotations

from scripts.simulator.play import Moment, Play
from scripts.simulator.scenario import Program, Served
from scripts.simulator.tally import EVICTED, MOVED, YIELDED, End, Tally
from tests.support.clusters import gpu, shaped
from tests.support.scenarios import asking, play, scenario, served
from xinf.core.memory import Sizing
from xinf.core.models import Activation
from xinf.core.units import GIB

ON_DEMAND = Activation.ON_DEMAND


def waits(tally: Tally) -> list[float]:
    return [tally.outcomes[number].waited_s for number in sorted(tally.outcomes)]


def ends(tally: Tally) -> list[End]:
    return [tally.outcomes[number].end for number in sorted(tally.outcomes)]


def test_a_model_that_is_loaded_at_start_answers_at_once_when_it_is_ready() -> None:
    tally = play(scenario([served("a")]), asking((4, "a"), (100, "a")))
    assert waits(tally) == [6.0, 0.0]
    assert ends(tally) == [End.SERVED, End.SERVED]
    assert tally.loads == {"a": 1}


def test_a_request_brings_its_model() -> None:
    tally = play(scenario([served("a", activation=ON_DEMAND)]), asking((100, "a"), (200, "a")))
    assert waits(tally) == [10.0, 0.0]


def test_two_models_that_do_not_fit_beside_each_other_take_turns() -> None:
    two = [served("a", 20, activation=ON_DEMAND), served("b", 20, activation=ON_DEMAND)]
    tally = play(scenario(two), asking((0, "a"), (100, "b"), (200, "a")))
    assert waits(tally) == [10.0, 11.0, 11.0]  # 1 s for the other to stop, 10 s to load
    assert tally.loads == {"a": 2, "b": 1}
    assert tally.swaps == {"b": 1, "a": 1}
    assert tally.changes[EVICTED, "a"] == tally.changes[EVICTED, "b"] == 1


def test_a_busy_engine_is_waited_for() -> None:
    two = [served("a", 20, activation=ON_DEMAND), served("b", 20, activation=ON_DEMAND)]
    tally = play(scenario(two), asking((0, "a"), (11, "b"), service_s=30))
    assert waits(tally) == [10.0, 40.0 - 11.0 + 11.0]


def test_who_came_up_only_just_now_is_let_stay_for_a_while() -> None:
    two = [served("a", 20, activation=ON_DEMAND), served("b", 20, activation=ON_DEMAND)]
    tally = play(scenario(two, residence_s=30), asking((0, "a"), (16, "b")))
    assert waits(tally)[1] == 40.0 - 16.0 + 11.0 + 1.0  # it is looked at again at 41 s


def test_a_replica_answers_as_many_at_a_time_as_it_can() -> None:
    asked = asking((20, "a"), (20, "a"), (20, "a"), (20, "a"), (20, "a"))
    assert waits(play(scenario([served("a", parallel=2)]), asked)) == [0, 0, 5, 5, 10]


def test_two_replicas_share_the_work() -> None:
    asked = asking((30, "a"), (30, "a"))
    told = scenario([served("a", replicas=2)], [gpu(0), gpu(1)])
    tally = play(told, asked)
    assert waits(tally) == [0, 0]
    assert tally.busy_s == {"GPU-0": 5.0, "GPU-1": 5.0}


def test_engines_of_one_device_start_one_after_the_other() -> None:
    tally = play(scenario([served("a"), served("b")]), asking((0, "a"), (0, "b")))
    assert sorted(waits(tally)) == [10.0, 20.0]


def test_who_waits_too_long_gives_up() -> None:
    tally = play(scenario([served("a", 99)], patience_s=60), asking((0, "a")))
    assert ends(tally) == [End.GAVE_UP]
    assert waits(tally) == [60.0]


def test_who_does_not_give_up_is_still_there_at_the_end() -> None:
    tally = play(scenario([served("a", 99)], grace_s=100), asking((0, "a")))
    assert ends(tally) == [End.WAITING]
    assert waits(tally) == [700.0]
    assert tally.ended_at == 700.0


def test_who_arrives_last_is_still_answered() -> None:
    tally = play(scenario([served("a")], duration_s=100), asking((99, "a"), service_s=50))
    assert ends(tally) == [End.SERVED]
    assert tally.ended_at == 149.0


def test_an_idle_engine_makes_way_for_a_program_and_comes_back_after_it() -> None:
    game = Program("game", "GPU-0", 20 * GIB, start_s=100, end_s=200)
    tally = play(scenario([served("a", 20)], programs=(game,)), asking((150, "a"), (300, "a")))
    assert tally.changes[YIELDED, "a"] == 1
    assert waits(tally) == [60.0, 0.0]
    assert [held.name for span in tally.spans["GPU-0"] for held in span.held if held.is_program]


def test_a_program_gets_only_what_a_busy_engine_leaves_until_it_is_done() -> None:
    game = Program("game", "GPU-0", 20 * GIB, start_s=100)
    told = scenario([served("a", 20)], programs=(game,))
    tally = play(told, asking((90, "a"), service_s=60))
    assert ends(tally) == [End.SERVED]
    held = {
        span.at: each.memory_bytes
        for span in tally.spans["GPU-0"]
        for each in span.held
        if each.is_program
    }
    assert held[100.0] == 12 * GIB
    assert max(held.values()) == 20 * GIB


def test_a_program_is_noticed_where_processes_are_hidden() -> None:
    game = Program("game", "GPU-0", 20 * GIB, start_s=100, end_s=200)
    told = scenario([served("a", 20)], [gpu(0, hides_processes=True)], programs=(game,))
    assert play(told, ()).changes[YIELDED, "a"] == 1


def test_a_model_over_two_devices_waits_for_both() -> None:
    pair = served("pair", 20, sizing=Sizing(0, devices=2), activation=ON_DEMAND)
    alone = served("alone", 20)
    told = scenario([pair, alone], [gpu(0), gpu(1)])
    tally = play(told, asking((100, "pair"), (100, "alone"), service_s=20))
    assert waits(tally) == [0.0, 31.0]
    assert tally.busy_s == {"GPU-0": 40.0, "GPU-1": 20.0}


def test_a_load_that_is_no_longer_wanted_is_counted_as_made_in_vain() -> None:
    game = Program("game", "GPU-0", 25 * GIB, start_s=5)
    tally = play(scenario([served("a", 20)], programs=(game,)), ())
    assert tally.wasted == {"a": 1}


def test_time_alone_asks_for_no_plan_when_everything_has_its_place() -> None:
    quiet = play(scenario([served("a")], duration_s=9999), asking((9000, "a")))
    assert quiet.plans < 10


def test_those_who_watch_see_every_plan() -> None:
    seen: list[Moment] = []
    tally = Play(scenario([served("a")]), asking((0, "a")), seen.append).run()
    assert len(seen) == tally.plans > 1


def test_an_elastic_model_takes_what_is_left() -> None:
    elastic = Served(shaped("a", 10, is_context_auto=True), load_s=10.0)
    tally = play(scenario([elastic]), asking((50, "a")))
    held = max(each.memory_bytes for span in tally.spans["GPU-0"] for each in span.held)
    assert held == 26 * GIB
    assert tally.changes[MOVED, "a"] == 0


def test_an_elastic_model_that_makes_room_is_gone_before_it_comes_back_smaller() -> None:
    elastic = Served(shaped("a", 10, is_context_auto=True, reload_s=10.0), 10.0, 1.0)
    newcomer = served("b", 8, activation=ON_DEMAND)
    tally = play(scenario([elastic, newcomer]), asking((100, "b")))
    assert waits(tally) == [11.0]
    assert tally.loads == {"a": 2, "b": 1}
