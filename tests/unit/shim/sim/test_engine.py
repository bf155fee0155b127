import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.shim import until
from xinf.protocol.tasks import Tasks
from xinf.shim.backends.optional import BlocksStored, KVChange
from xinf.shim.backends.sim.cache import BlockCache
from xinf.shim.backends.sim.engine import SimEngine
from xinf.shim.backends.sim.options import SimOptions
from xinf.shim.backends.sim.sequence import Sequence


class Bench:
    """An engine whose steps run while the test awaits."""

    def __init__(self, tasks: Tasks, **options: float) -> None:
        self.options = SimOptions(**options)  # type: ignore[arg-type]
        self.cache = BlockCache(self.options.kv_blocks, self.options.block_size)
        self.engine = SimEngine(self.options, self.cache, memory_bytes=7)
        self.changes: list[KVChange] = []
        self.engine.listeners.add(self.changes.extend)
        tasks.start(self.engine.run(), "engine")

    def submit(self, prompt: list[int], answer: int = 5, priority: int = 0) -> Sequence:
        sequence = Sequence(prompt, self.cache.names(prompt), answer, ignore_end=True)
        self.engine.submit(sequence, priority)
        return sequence

    async def text(self, sequence: Sequence) -> str:
        text = ""
        while pieces := await sequence.next_pieces():
            text += "".join(pieces)
        self.engine.leave(sequence)
        return text


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    async with Tasks() as tasks:
        yield tasks


async def test_a_sequence_makes_as_many_tokens_as_it_may_and_leaves(tasks: Tasks) -> None:
    bench = Bench(tasks)
    sequence = bench.submit([1, 2, 3], answer=5)
    assert await bench.text(sequence)
    assert sequence.made == 5
    load = bench.engine.load()
    assert (load.running, load.waiting, load.generated_tokens) == (0, 0, 5)
    assert load.prompt_tokens == 3
    assert load.stalled_seconds == 0
    assert bench.cache.used == 0


async def test_all_running_sequences_advance_together(tasks: Tasks) -> None:
    bench = Bench(tasks, tokens_per_second=200)
    sequences = [bench.submit([index], answer=100) for index in range(3)]
    await until(lambda: sequences[0].made >= 10)
    assert max(each.made for each in sequences) - min(each.made for each in sequences) <= 1


async def test_no_more_run_than_may_and_the_rest_waits(tasks: Tasks) -> None:
    bench = Bench(tasks, parallel=2, tokens_per_second=100)
    for index in range(5):
        bench.submit([index], answer=50)
    await until(lambda: bench.engine.load().running == 2)
    assert bench.engine.load().waiting == 3


async def test_lower_priority_numbers_go_first_and_then_who_came_first(tasks: Tasks) -> None:
    bench = Bench(tasks, parallel=1)
    order: list[str] = []

    async def run(name: str, priority: int) -> None:
        await bench.text(bench.submit([1], priority=priority))
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for name, priority in (("low", 9), ("mid", 5), ("high", 0), ("mid too", 5)):
            group.create_task(run(name, priority))
    assert order == ["high", "mid", "mid too", "low"]


async def test_a_sequence_waits_for_cache_blocks_and_nobody_overtakes_it(tasks: Tasks) -> None:
    bench = Bench(tasks, kv_blocks=4, block_size=4, tokens_per_second=50)
    bench.submit([1] * 4, answer=8)
    big, small = bench.submit([2] * 8, answer=8), bench.submit([3], answer=1)
    await until(lambda: bench.engine.load().generated_tokens >= 2)
    assert big.made == small.made == 0
    await bench.text(big)
    assert await bench.text(small)


async def test_a_cancelled_sequence_frees_its_place_and_its_blocks_at_once(tasks: Tasks) -> None:
    bench = Bench(tasks, parallel=1, tokens_per_second=50)
    running, waiting = bench.submit([1] * 40, answer=100), bench.submit([2], answer=100)
    await until(lambda: running.made > 0)
    bench.engine.leave(waiting)
    bench.engine.leave(running)
    load = bench.engine.load()
    assert (load.running, load.waiting, load.kv_usage) == (0, 0, 0)


async def test_a_prompt_seen_before_is_mostly_cached(tasks: Tasks) -> None:
    bench = Bench(tasks, block_size=4)
    prompt = list(range(10))
    first, text = bench.submit(prompt), ""
    text = await bench.text(first)
    again = bench.submit(prompt)
    assert await bench.text(again) == text
    assert (first.cached, again.cached) == (0, 8)
    assert bench.cache.hits == 8


async def test_prompt_and_answer_are_told_as_cached_tokens(tasks: Tasks) -> None:
    bench = Bench(tasks, block_size=4)
    sequence = bench.submit(list(range(6)), answer=7)
    await bench.text(sequence)
    # The last token was never an input, so nothing of it is cached: 12 tokens are 3 full blocks.
    told = [
        ids for each in bench.changes if isinstance(each, BlocksStored) for ids in each.token_ids
    ]
    assert told == sequence.tokens[:12]


async def test_a_hung_engine_never_steps_again_and_its_stall_grows(tasks: Tasks) -> None:
    bench = Bench(tasks, hang_after_tokens=3)
    sequence = bench.submit([1], answer=10)
    await until(lambda: bench.engine.load().stalled_seconds > 0.02)
    stalled = bench.engine.load().stalled_seconds
    bench.submit([2])
    await until(lambda: bench.engine.load().stalled_seconds > stalled + 0.02)
    assert sequence.made == 3
    assert bench.engine.load().generated_tokens == 3


async def test_a_wrong_engine_answers_with_other_text(tasks: Tasks) -> None:
    right, wrong = Bench(tasks), Bench(tasks, wrong_after_tokens=1)
    texts = [await bench.text(bench.submit([1], answer=20)) for bench in (right, wrong)]
    assert texts[0] != texts[1]


async def test_prefills_share_a_budget_and_can_be_cancelled(tasks: Tasks) -> None:
    bench = Bench(tasks, prefill_tokens_per_second=2000)
    long = bench.submit([1] * 20000)
    await until(lambda: long.prefilled > 0)
    assert long.is_prefilling
    bench.engine.leave(long)
    assert bench.engine.load().running == 0
    assert await bench.text(bench.submit([2]))


async def test_an_engine_without_limits_lets_the_loop_turn(tasks: Tasks) -> None:
    bench = Bench(tasks)
    sequence = bench.submit([1], answer=5000)
    turns = 0
    while sequence.made < 1000:
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 500
