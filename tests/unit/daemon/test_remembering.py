from dataclasses import replace

from tests.support.clusters import demand
from xinf.core.footprints import MeasuredFootprint, by_fingerprint
from xinf.core.models import ModelIntent, ModelSpec, Override
from xinf.core.units import GIB
from xinf.daemon.remembering import Remembering
from xinf.daemon.wanted import Known

INTENTS = {name: ModelIntent(declared=ModelSpec(name, engine="sim")) for name in "ab"}
KNOWN = Known(frozenset({"cpu"}))


def test_what_has_not_changed_is_the_same_value_again() -> None:
    remembering = Remembering()
    first = remembering.wanted(INTENTS, KNOWN)
    assert [model.name for model in first] == ["a", "b"]
    again = remembering.wanted(INTENTS, replace(KNOWN))
    assert [one is other for one, other in zip(first, again, strict=True)] == [True, True]


def test_a_wish_that_changed_is_worked_out_anew_and_one_taken_back_is_gone() -> None:
    remembering = Remembering()
    a, b = remembering.wanted(INTENTS, KNOWN)
    edited = ModelIntent(declared=ModelSpec("a", engine="sim", replicas=3))
    after = remembering.wanted({**INTENTS, "a": edited}, KNOWN)
    assert (after[0].replicas, after[1] is b) == (3, True)
    off = replace(INTENTS["a"], override=Override.TERMINATE)
    assert [model.name for model in remembering.wanted({**INTENTS, "a": off}, KNOWN)] == ["b"]
    assert a.replicas == 1


def test_what_requests_ask_for_comes_and_goes() -> None:
    remembering = Remembering()
    asked = replace(KNOWN, demand={"a": demand()})
    assert [each.demand for each in remembering.wanted(INTENTS, KNOWN)] == [None, None]
    assert [each.demand for each in remembering.wanted(INTENTS, asked)] == [demand(), None]
    assert [each.demand for each in remembering.wanted(INTENTS, KNOWN)] == [None, None]


def test_other_devices_and_measurements_change_every_model() -> None:
    remembering = Remembering()
    a, _ = remembering.wanted(INTENTS, KNOWN)
    seen = MeasuredFootprint("k", "a", a.fingerprint, "some cpu", "cpu", "sim", GIB, 1.0)
    measured = replace(KNOWN, footprints=by_fingerprint([seen]))
    assert remembering.wanted(INTENTS, measured)[0].measured == {"some cpu": GIB}
    with_gpu = replace(measured, device_kinds=frozenset({"cpu", "cuda"}))
    assert remembering.wanted(INTENTS, with_gpu)[0].device_kind == "cuda"
