from __future__ import annotations

import math

from scripts.simulator.agenda import Agenda, look_again


def test_what_is_due_happens_in_order_and_the_rest_later() -> None:
    agenda, done = Agenda(), []
    for at, name in ((2.0, "c"), (1.0, "a"), (1.0, "b")):
        agenda.at(at, lambda name=name: bool(done.append(name)))
    assert agenda.next_at == 1.0
    assert not agenda.happen()
    agenda.now = 1.0
    assert not agenda.happen()
    assert (done, agenda.next_at) == (["a", "b"], 2.0)


def test_it_is_news_if_any_of_it_is() -> None:
    agenda = Agenda()
    agenda.now = 5.0
    agenda.after(0.0, look_again)
    agenda.after(0.0, lambda: False)
    assert agenda.happen()
    assert agenda.next_at == math.inf


def test_what_happens_may_lead_to_more_at_once() -> None:
    agenda = Agenda()
    agenda.at(0.0, lambda: bool(agenda.at(0.0, look_again)))
    assert agenda.happen()
