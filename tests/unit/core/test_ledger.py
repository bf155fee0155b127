from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xinf.core.ledger import Account, Foreign, book, open_accounts
from xinf.core.nodes import Device
from xinf.core.placement import EngineConfig, ReplicaAssignment

GIB = 1024**3


def device(uuid: str, total: int = 8 * GIB) -> Device:
    return Device(uuid, "cuda", 0, "a device", memory_total=total, memory_used=0)


def claim(devices: tuple[str, ...], size: int) -> ReplicaAssignment:
    config = EngineConfig("sim", "sim", "", ("a",))
    return ReplicaAssignment("a/0", "a", "here", devices, size, config, "f", why="a test")


def test_a_new_account_has_everything_but_the_reserve() -> None:
    accounts = open_accounts([device("gpu")], reserve=GIB)
    assert accounts == {"gpu": Account("gpu", 8 * GIB, GIB)}
    assert accounts["gpu"].free == 7 * GIB


def test_a_claim_is_made_on_each_device_of_a_replica() -> None:
    accounts = open_accounts([device("one"), device("two"), device("three")], reserve=0)
    after = book(accounts, [claim(("one", "two"), 3 * GIB), claim(("two",), GIB)])
    assert {uuid: account.free for uuid, account in after.items()} == {
        "one": 5 * GIB,
        "two": 4 * GIB,
        "three": 8 * GIB,
    }


def test_what_others_hold_is_no_part_of_the_budget_and_is_taken() -> None:
    others = Foreign({"gpu": 2 * GIB, "gone": GIB}, frozenset({"gpu"}))
    account = open_accounts([device("gpu")], GIB, others)["gpu"].claim(3 * GIB)
    assert (account.budget, account.free, account.taken) == (5 * GIB, 2 * GIB, 5 * GIB)
    assert account.is_inferred


def test_booking_leaves_the_accounts_it_was_given_alone() -> None:
    accounts = open_accounts([device("gpu")], reserve=0)
    book(accounts, [claim(("gpu",), GIB)])
    assert accounts["gpu"].claimed == 0


def test_a_device_that_is_gone_is_not_booked() -> None:
    assert book({}, [claim(("gone",), GIB)]) == {}


def test_over_commitment_shows_as_less_than_nothing() -> None:
    after = book(open_accounts([device("gpu", GIB)], reserve=0), [claim(("gpu",), 2 * GIB)])
    assert after["gpu"].free == -GIB


@given(st.lists(st.tuples(st.sampled_from(["one", "two"]), st.integers(0, GIB))))
def test_no_byte_is_lost_and_the_order_of_claims_does_not_matter(
    claims: list[tuple[str, int]],
) -> None:
    accounts = open_accounts([device("one"), device("two")], reserve=0)
    assignments = [claim((uuid,), size) for uuid, size in claims]
    after = book(accounts, assignments)
    assert after == book(accounts, reversed(assignments))
    assert sum(account.claimed for account in after.values()) == sum(size for _, size in claims)
