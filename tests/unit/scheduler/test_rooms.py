from xinf.scheduler.rooms import Rooms
from xinf.scheduler.table import Make, Makes


def makes(*numbers: tuple[int, ...]) -> Makes:
    return Makes.of(Make("local", "cuda", "card", each) for each in numbers)


def test_so_many_devices_of_one_make_have_at_least_so_much_each() -> None:
    rooms = Rooms([5, 9, 7, 1])
    three = makes((0, 1, 2))
    assert [rooms.each(three, count) for count in (1, 2, 3)] == [9, 7, 5]
    assert rooms.each(makes((0, 3), (1, 2)), 2) == 7
    assert rooms.each(makes((0, 1), (2, 3)), 2) == 5
    assert rooms.of(3) == 1


def test_more_devices_than_there_are_have_nothing() -> None:
    assert Rooms([5, 5]).each(makes((0,), (1,)), 2) == 0
