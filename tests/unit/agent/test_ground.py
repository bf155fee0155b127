import asyncio
from dataclasses import replace

import pytest

from tests.support.clock import settle
from tests.support.engines import CPU, GPUS, assignment
from xinf.agent.gate import Hindered
from xinf.agent.ground import Ground
from xinf.core.engines import RunningEngine
from xinf.core.nodes import DeviceProcess, Sighting
from xinf.core.states import EngineState
from xinf.core.units import GIB

UUIDS = tuple(gpu.uuid for gpu in GPUS)
PLACED = replace(assignment(), devices=UUIDS)


def ready(**memory: int) -> RunningEngine:
    return RunningEngine(
        *("a/0", "a", "local", EngineState.READY, "", 0.0, "sim", "sim", "f", UUIDS),
        memory=memory,
    )


def holding(*sizes: int) -> Sighting:
    mine = (DeviceProcess(7, "python", size, owner="a/0") for size in sizes)
    return Sighting(tuple(replace(gpu, processes=(p,)) for gpu, p in zip(GPUS, mine, strict=True)))


async def test_an_engine_s_word_counts_until_its_devices_tell() -> None:
    ground = Ground(PLACED)
    assert ground.held() == {}
    ground.reported_bytes = 4 * GIB
    assert ground.held() == dict.fromkeys(UUIDS, 2 * GIB)
    ground.sighted(holding(GIB, 3 * GIB))
    assert ground.held() == {UUIDS[0]: GIB, UUIDS[1]: 3 * GIB}


async def test_a_real_engine_s_word_is_about_main_memory_and_says_nothing_of_a_gpu() -> None:
    real = replace(PLACED.config, engine="vllm")
    on_gpus = Ground(replace(PLACED, config=real))
    on_gpus.sighted(Sighting((*GPUS, CPU)))
    on_cpu = Ground(replace(PLACED, config=real, devices=(CPU.uuid,)))
    on_cpu.sighted(Sighting((*GPUS, CPU)))
    for ground in (on_gpus, on_cpu):
        ground.reported_bytes = 4 * GIB
    assert on_gpus.held() == {}
    assert on_cpu.held() == {CPU.uuid: 4 * GIB}


async def test_a_loss_is_heard_by_whoever_waits_even_if_it_is_over_by_then() -> None:
    ground = Ground(PLACED)
    ground.sighted(Sighting((*GPUS, CPU)))
    waiting = asyncio.ensure_future(ground.wait_lost())
    await settle()
    ground.sighted(Sighting((GPUS[0], CPU), lost=(UUIDS[1],)))
    ground.sighted(Sighting((*GPUS, CPU)))
    with pytest.raises(Hindered, match=r"cuda:1 \(GPU-1\) is lost"):
        await waiting


async def test_a_device_that_is_back_is_not_lost_any_more() -> None:
    ground = Ground(PLACED)
    ground.sighted(Sighting((GPUS[0], CPU), lost=(UUIDS[1],)))
    ground.sighted(Sighting((*GPUS, CPU)))
    waiting = asyncio.ensure_future(ground.wait_lost())
    await settle()
    assert not waiting.done()
    waiting.cancel()


async def test_a_measurement_is_named_after_the_devices_and_the_engine() -> None:
    ground = Ground(PLACED)
    memory = {UUIDS[0]: GIB, UUIDS[1]: 3 * GIB}
    assert ground.measured(ready(**memory), 5.0) is None
    ground.engine_version = "vllm 0.32"
    ground.sighted(holding(GIB, 3 * GIB))
    found = ground.measured(ready(**memory), 5.0)
    assert found is not None
    assert (found.device_name, found.engine_version) == (GPUS[0].name, "vllm 0.32")
    assert (found.memory_bytes, found.at) == (3 * GIB, 5.0)
