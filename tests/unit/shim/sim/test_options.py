from dataclasses import asdict

import pytest

from xinf.core.models import SimSpec
from xinf.shim.backends.sim.options import SimOptions, sim_options
from xinf.shim.options import BadOptions


def test_everything_that_a_model_can_declare_is_understood() -> None:
    declared = asdict(SimSpec(tokens_per_second=5, crash_after_tokens=3, memory_bytes=7))
    options = sim_options(declared)
    assert {name: getattr(options, name) for name in declared} == declared


def test_nothing_said_means_the_same_as_nothing_declared() -> None:
    options = sim_options({})
    assert options == SimOptions()
    assert sim_options(asdict(SimSpec())) == options


@pytest.mark.parametrize(
    "args",
    [
        {"tokens_per_seconds": 5},
        {"tokens_per_second": "5"},
        {"tokens_per_second": -1},
        {"parallel": 0},
        {"parallel": 1.5},
        {"kv_blocks": 0},
        {"block_size": True},
    ],
)
def test_a_wrong_argument_is_named(args: dict[str, object]) -> None:
    with pytest.raises(BadOptions, match=next(iter(args))):
        sim_options(args)
