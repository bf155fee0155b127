import pytest

from xinf.shim.seat import Seat, StaleEpoch


def test_a_higher_epoch_ends_the_holder_before_it() -> None:
    seat, told = Seat(), list[int]()
    seat.take(1, told.append)
    seat.take(5, told.append)
    assert told == [5]


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_an_epoch_that_is_not_higher_is_refused_and_disturbs_nobody(epoch: int) -> None:
    seat, told = Seat(), list[int]()
    seat.take(2, told.append)
    with pytest.raises(StaleEpoch, match="not higher than 2"):
        seat.take(epoch, told.append)
    assert told == []


def test_the_fence_stands_after_its_holder_left() -> None:
    seat, told = Seat(), list[int]()
    seat.take(2, told.append)
    seat.leave(2)
    with pytest.raises(StaleEpoch):
        seat.take(2, told.append)
    seat.take(3, told.append)
    assert told == []


def test_a_holder_that_leaves_late_does_not_unseat_the_next() -> None:
    seat, told = Seat(), list[int]()
    seat.take(1, told.append)
    seat.take(2, told.append)
    seat.leave(1)
    seat.take(3, told.append)
    assert told == [2, 3]
