from xinf.daemon.signals import Signals


def told(signals: Signals) -> tuple[bool, bool, bool]:
    return signals.drain.is_set(), signals.hurry.is_set(), signals.again.is_set()


def test_an_end_drains_and_hurries_only_when_told() -> None:
    signals = Signals()
    signals.end()
    assert told(signals) == (True, False, False)
    signals.end(hurry=True)
    assert told(signals) == (True, True, False)


def test_a_restart_is_an_end_with_a_beginning() -> None:
    signals = Signals()
    signals.restart()
    assert told(signals) == (True, False, True)
    signals.restart(hurry=True)
    assert told(signals) == (True, True, True)


def test_an_end_for_good_is_stronger_whichever_comes_first() -> None:
    first, second = Signals(), Signals()
    first.restart()
    first.end()
    second.end()
    second.restart()
    assert told(first) == told(second) == (True, False, False)
