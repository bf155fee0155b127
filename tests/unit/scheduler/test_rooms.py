from xinf.scheduler.rooms import Rooms


def test_so_many_devices_have_at_least_so_much_each() -> None:
    rooms = Rooms([5, 9, 7, 1])
    assert rooms.each((0, 1, 2), 1) == 9
    assert rooms.each((0, 1, 2), 2) == 7
    assert rooms.each((0, 3), 2) == 1


def test_more_devices_than_there_are_have_nothing() -> None:
    assert Rooms([5]).each((0,), 2) == 0
