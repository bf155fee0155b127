from tests.support.admin import device, replica
from xinf.tui.memory import split


def test_memory_is_split_into_models_claims_others_and_the_rest() -> None:
    found = split(
        device(memory_total=100, memory_used=60, memory_claimed=50),
        [
            replica("b/0", memory_bytes=10),
            replica("a/0", memory_bytes=5),
            replica("a/1", memory_bytes=15),
        ],
    )
    assert list(found.models.items()) == [("a", 20), ("b", 10)]
    assert (found.claimed, found.others, found.free) == (20, 10, 40)


def test_what_an_engine_holds_beyond_its_claim_is_not_put_on_others() -> None:
    found = split(
        device(memory_total=100, memory_used=40, memory_claimed=20),
        [replica("a/0", memory_bytes=35)],
    )
    assert (found.models, found.claimed, found.others) == ({"a": 35}, 0, 5)


def test_replicas_on_other_devices_do_not_count() -> None:
    found = split(device("cuda:0", memory_used=0, memory_claimed=0), [replica(devices=("cpu",))])
    assert (found.models, found.taken) == ({}, 0)


def test_a_replica_on_two_devices_holds_half_on_each() -> None:
    both = replica(devices=("cuda", "other"), memory_bytes=80)
    assert split(device("cuda:0", memory_claimed=40), [both]).models == {"echo": 40}


def test_others_are_those_of_the_plan_and_free_is_what_it_may_give_away() -> None:
    known = device(
        memory_total=100, memory_used=0, memory_claimed=0, memory_foreign=20, memory_reserve=10
    )
    found = split(known, [replica("a/0", memory_bytes=30)])
    assert (found.others, found.reserve, found.free) == (20, 10, 100 - 30 - 20 - 10)


def test_no_more_is_in_reserve_than_there_is() -> None:
    full = device(
        memory_total=100, memory_used=0, memory_claimed=0, memory_foreign=95, memory_reserve=10
    )
    assert (split(full, []).reserve, split(full, []).free) == (5, 0)


def test_a_device_that_is_over_committed_has_nothing_free() -> None:
    assert split(device(memory_total=10, memory_used=9, memory_claimed=30), []).free == 0
