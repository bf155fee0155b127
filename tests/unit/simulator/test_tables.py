from __future__ import annotations

from pathlib import Path

import pytest

from scripts.simulator.scenario import Program
from scripts.simulator.tables import read_scenario
from tests.support.tree import ROOT
from xinf.config.problems import ConfigInvalid
from xinf.core.memory import need
from xinf.core.models import Activation
from xinf.core.units import GIB, KIB

WHOLE = """
title = "all keys"
duration = "2h"
seed = 7
grace = "1m"
strategy = "pack"
reserve = "2GiB"
residence = "5s"
patience = "90s"

[[devices]]
name = "RTX 5090"
memory = "32GiB"
count = 2
numa_node = 1
hides_processes = true

[[devices]]
name = "main"
kind = "cpu"
memory = "64GiB"

[models.plain]
memory = "10GiB"
load = "8s"
stop = "1s"
service = "3s"
parallel = 4
replicas = 2
priority = 3
activation = "on_demand"
pinned = true

[models.shaped]
weights = "20GiB"
cache_per_token = "128KiB"
context = "8k"
context_auto = true
devices = 2

[[arrivals]]
model = "plain"
at = ["1s", 2]
per_hour = 60
start = "10m"
end = "20m"
burst = 2
varies = true
priority = 5

[[arrivals]]
model = "shaped"
service = "9s"
per_hour = 1

[[programs]]
name = "game"
device = 1
memory = "6GiB"
start = "1h"
end = "90m"
"""
LEAST = """
title = "least"
duration = "1h"
[[devices]]
name = "card"
memory = "32GiB"
[models.a]
memory = "10GiB"
"""


def read(folder: Path, text: str) -> list[str]:
    """What is wrong with it."""
    (folder / "it.toml").write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        read_scenario(folder / "it.toml")
    return [str(each).replace(f"{folder}/", "") for each in caught.value.problems]


def test_everything_that_can_be_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "it.toml").write_text(WHOLE)
    told = read_scenario(tmp_path / "it.toml")
    assert (told.title, told.duration_s, told.seed) == ("all keys", 7200, 7)
    assert (told.patience_s, told.grace_s, told.end_s) == (90, 60, 7260)
    assert (told.policy.strategy, told.policy.reserve_bytes) == ("pack", 2 * GIB)
    assert told.policy.residence_s == 5
    assert [device.id for device in told.devices] == ["cuda:0", "cuda:1", "cpu:2"]
    assert [device.hides_processes for device in told.devices] == [True, True, False]
    assert told.programs == (Program("game", "GPU-1", 6 * GIB, 3600, 5400),)

    plain, shaped = told.models
    assert (plain.load_s, plain.stop_s, plain.parallel, plain.wanted.replicas) == (8, 1, 4, 2)
    assert (plain.wanted.memory_bytes, plain.wanted.priority) == (10 * GIB, 3)
    assert (plain.wanted.activation, plain.wanted.is_pinned) == (Activation.ON_DEMAND, True)
    assert plain.wanted.reload_s == 8
    assert shaped.wanted.shape is not None
    size = need(shaped.wanted.shape, shaped.wanted.sizing)
    assert (size.weights, size.cache) == (10 * GIB, 8192 * 64 * KIB)
    assert shaped.wanted.is_context_auto

    first, second = told.arrivals
    assert (first.at, first.per_hour, first.service_s, first.priority) == ((1, 2), 60, 3, 5)
    assert (first.start_s, first.end_s, first.burst, first.varies) == (600, 1200, 2, True)
    assert (second.service_s, second.end_s) == (9, 7200)


def test_what_is_left_out_is_as_xinf_ships_it(tmp_path: Path) -> None:
    (tmp_path / "it.toml").write_text(LEAST)
    told = read_scenario(tmp_path / "it.toml")
    assert (told.policy.strategy, told.policy.reserve_bytes) == ("idle_first", GIB)
    assert (told.policy.residence_s, told.patience_s) == (30, 300)


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('"1h"', '"soon"', 'it.toml:3: duration: "soon" is not a duration of at least 1 ms'),
        ("10GiB", "much", 'it.toml:8: models.a.memory: "much" is not a size'),
        ("32GiB", "-1", 'it.toml:6: devices[0].memory: "-1" is not a size'),
        ('title = "least"\n', "", "it.toml: title: it is missing"),
        ('name = "card"', "name = 3", "it.toml:5: devices[0].name: 3 is not a text"),
        ('memory = "10GiB"', "memroy = 1", "models.a.memroy: unknown key. Did you mean memory?"),
        (
            'memory = "10GiB"',
            "",
            "it.toml:7: models.a: it needs one of memory and weights, and has",
        ),
        ("[models.a]", "[models.A]", 'models.A: "A" is not a model name'),
    ],
)
def test_a_mistake_is_told_with_file_key_and_value(
    tmp_path: Path, before: str, after: str, problem: str
) -> None:
    assert before in LEAST
    told = read(tmp_path, LEAST.replace(before, after))
    assert any(problem in each for each in told), told


def test_arrivals_and_programs_are_of_what_is_there(tmp_path: Path) -> None:
    more = '[[arrivals]]\nmodel = "b"\n[[programs]]\nname = "p"\ndevice = 1\nmemory = 1\n'
    told = read(tmp_path, LEAST + more)
    assert [each.partition(": ")[2] for each in told] == [
        'arrivals[0].model: "b" is not a model of this scenario. There are: a.',
        "programs[0].device: 1 is not the number of a device. They go from 0 to 0.",
    ]


def test_both_ways_to_tell_a_size_are_one_too_many(tmp_path: Path) -> None:
    told = read(tmp_path, LEAST + 'weights = "3GiB"\n')
    assert "models.a: it needs one of memory and weights, and has both" in told[0]


@pytest.mark.parametrize("file", sorted((ROOT / "scripts/scenarios").glob("*.toml")), ids=str)
def test_the_scenarios_that_are_here_can_be_read(file: Path) -> None:
    told = read_scenario(file)
    assert told.title
    assert {each.model for each in told.arrivals} == {model.name for model in told.models}
