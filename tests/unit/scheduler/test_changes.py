from dataclasses import replace

from tests.support.clusters import POLICY, cluster, engine, gpu, model, program, running, shaped
from xinf.core.changes import Action, Preview
from xinf.core.units import GIB
from xinf.scheduler.changes import preview
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import ClusterSnapshot, WantedModel


def in_force(*wanted: WantedModel) -> ClusterSnapshot:
    """Two cards on which a plan for `wanted` is in force."""
    snapshot = cluster([gpu(0), gpu(1)], wanted)
    return replace(snapshot, current=plan(snapshot, POLICY))


def told(preview: Preview) -> list[tuple[Action, str]]:
    return [(change.action, change.replica) for change in preview.changes]


def test_what_is_new_starts_and_what_is_not_wanted_stops_first() -> None:
    before = in_force(model("a"), model("b"))
    found = preview(before, replace(before, wanted=(model("b"), model("c"))), POLICY)
    assert told(found) == [(Action.STOP, "a/0"), (Action.START, "c/0")]
    assert found.untouched == ("b",)
    assert not found.is_empty


def test_the_same_wishes_change_nothing() -> None:
    before = in_force(model("a"))
    found = preview(before, before, POLICY)
    assert found.is_empty
    assert found.untouched == ("a",)


def test_other_settings_are_a_restart_and_another_size_a_resize() -> None:
    before = in_force(model("a"), model("b"))
    wanted = (model("a", fingerprint="g"), model("b", 12, fingerprint="g"))
    found = preview(before, replace(before, wanted=wanted), POLICY)
    assert told(found) == [(Action.RESTART, "a/0"), (Action.RESIZE, "b/0")]
    assert found.changes[1].bytes == 12 * GIB


def test_a_replica_whose_device_is_gone_moves() -> None:
    before = in_force(model("a"))
    found = preview(before, replace(before, nodes=cluster([gpu(1)], []).nodes), POLICY)
    assert told(found) == [(Action.MOVE, "a/0")]
    assert found.changes[0].devices == ("GPU-1",)


def test_each_device_is_told_before_and_after() -> None:
    before = in_force(model("a", 10))
    found = preview(before, replace(before, wanted=(model("a", 10), model("b", 5))), POLICY)
    balances = [(each.id, each.before, each.after, each.reserve) for each in found.devices]
    assert balances == [
        ("cuda:0", 10 * GIB, 10 * GIB, GIB),
        ("cuda:1", 0, 5 * GIB, GIB),
    ]


def test_what_a_claim_is_made_of_is_told_where_it_is_known() -> None:
    found = preview(in_force(), in_force(shaped("a", 10, context=64 * 1024)), POLICY)
    assert found.changes[0].parts == (("weights", 10 * GIB), ("KV cache", 8 * GIB))


def test_what_leaves_for_another_is_evicted_and_what_does_not_fit_is_told() -> None:
    before = in_force(model("a", 20), model("b", 20))
    before = replace(before, engines=running(before.current))
    wanted = (model("a", 20), model("b", 20), model("c", 20, priority=1), model("d", 99))
    found = preview(before, replace(before, wanted=wanted), POLICY)
    assert told(found) == [(Action.EVICT, "a/0"), (Action.START, "c/0")]
    assert found.changes[0].reason.startswith("made room for c/0, which matters more")
    assert [entry.replica for entry in found.unplaced] == ["a/0", "d/0"]
    assert not found.fits


def test_a_model_that_has_a_place_no_longer_stops_and_says_why() -> None:
    before = in_force(model("a"))
    wanted = (model("a", 99, fingerprint="g"),)
    found = preview(before, replace(before, wanted=wanted), POLICY)
    assert told(found) == [(Action.STOP, "a/0")]
    assert "needs 99.0 GiB" in found.changes[0].reason


def test_balances_count_what_engines_really_hold_and_what_others_do() -> None:
    card = gpu(0, memory_used=3 * GIB, processes=(program(3),))
    snapshot = cluster([card], [model("a", 10)])
    before = replace(snapshot, current=plan(snapshot, POLICY))
    measured = engine("a/0", "GPU-0", memory={"GPU-0": 8 * GIB}, is_simulated=True)
    (balance,) = preview(before, replace(before, engines=(measured,)), POLICY).devices
    assert (balance.before, balance.after, balance.foreign) == (11 * GIB, 11 * GIB, 3 * GIB)
    assert not balance.is_inferred
