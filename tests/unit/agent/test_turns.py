from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from xinf.agent.turns import Entry, ahead_of, shortage, waiting_words
from xinf.core.nodes import Device, DeviceProcess, Sighting
from xinf.core.units import GIB

ONE, TWO = frozenset({"GPU-1"}), frozenset({"GPU-2"})
A, B = Entry("a/0", ONE), Entry("b/0", ONE)
STOP = Entry("c/0", ONE, is_stop=True)
GPU = Device("GPU-1", "cuda", 0, "RTX 5090", 32 * GIB, 20 * GIB)


def names(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.replica for entry in entries]


def test_a_start_waits_for_what_is_at_work_on_its_device_and_for_nothing_elsewhere() -> None:
    assert ahead_of(A, (), (), (B,)) == (B,)
    assert ahead_of(A, (), (), (STOP,)) == (STOP,)
    assert ahead_of(A, (), (), (replace(B, devices=TWO),)) == ()


def test_starts_go_in_the_order_in_which_they_came() -> None:
    assert ahead_of(B, (A,), (), ()) == (A,)
    assert ahead_of(A, (), (B,), ()) == ()


def test_a_start_whose_memory_is_not_there_lets_others_by() -> None:
    assert ahead_of(B, (replace(A, is_short=True),), (), ()) == ()


def test_a_stop_goes_before_the_starts_that_wait_and_after_the_one_at_work() -> None:
    assert ahead_of(A, (), (STOP,), ()) == (STOP,)
    assert ahead_of(STOP, (A,), (), ()) == ()
    assert ahead_of(STOP, (), (), (A,)) == (A,)
    assert ahead_of(STOP, (), (), (replace(STOP, replica="d/0"),)) == ()


def test_without_a_device_to_be_alone_on_nobody_waits() -> None:
    nowhere = replace(A, devices=frozenset())
    assert ahead_of(nowhere, (B,), (STOP,), (B,)) == ()
    assert ahead_of(B, (nowhere,), (), (nowhere,)) == ()


entries = st.builds(
    Entry,
    st.sampled_from(["a/0", "b/0", "c/0", "d/0"]),
    st.frozensets(st.sampled_from(["GPU-1", "GPU-2", "GPU-3"]), max_size=3),
    st.booleans(),
    st.booleans(),
)
lines = st.lists(entries, max_size=8)


@given(lines, lines)
def test_somebody_can_always_go_and_starts_are_alone(
    line: list[Entry], started: list[Entry]
) -> None:
    at_work: list[Entry] = []
    for entry in started:
        if not ahead_of(entry, (), (), at_work):
            at_work.append(entry)
    while line or at_work:
        free = [place for place, entry in enumerate(line) if _may_go(line, place, at_work)]
        for place in free[:1]:
            entry = line.pop(place)
            if not entry.is_stop:
                assert not any(each.devices & entry.devices for each in at_work)
            at_work.append(entry)
        assert free or at_work  # with nobody at work, somebody's turn it is
        if not free:
            at_work.pop(0)


def _may_go(line: list[Entry], place: int, at_work: list[Entry]) -> bool:
    return not ahead_of(line[place], line[:place], line[place + 1 :], at_work)


def test_what_one_waits_for_is_said_with_the_name_of_the_device() -> None:
    both = Entry("d/0", ONE | TWO)
    said = waiting_words((B, STOP, both), {"GPU-1": "cuda:0", "GPU-2": "cuda:1"}, ["GPU-1"])
    assert said == (
        "waits for b/0 to start on cuda:0 and c/0 to stop on cuda:0 and d/0 to start on cuda:0"
    )


def test_too_little_memory_is_said_in_figures_with_who_holds_it() -> None:
    processes = (
        DeviceProcess(1, "small", GIB),
        DeviceProcess(4242, "python", 14 * GIB),
        DeviceProcess(7, "python", 3 * GIB, owner="b/0"),
        DeviceProcess(8, "untold", 0),
    )
    seen = Sighting((replace(GPU, processes=processes),))
    assert shortage(seen, ["GPU-1"], 20 * GIB) == (
        "cuda:0 has 12.0 GiB free of 20.0 GiB needed; python (pid 4242) holds 14.0 GiB; "
        "b/0 (pid 7) holds 3.0 GiB"
    )


def test_enough_memory_is_enough_to_the_byte() -> None:
    seen = Sighting((GPU,))
    assert shortage(seen, ["GPU-1"], 12 * GIB) == ""
    assert shortage(seen, ["GPU-1"], 12 * GIB + 1) != ""


def test_every_device_of_a_replica_must_have_the_memory_and_be_there() -> None:
    other = replace(GPU, uuid="GPU-2", index=1, memory_used=0)
    seen = Sighting((GPU, other))
    assert shortage(seen, ["GPU-2", "GPU-1"], 13 * GIB).startswith("cuda:0 has 12.0 GiB")
    assert shortage(seen, ["GPU-2", "GPU-3"], 1) == "device GPU-3 is not there"
