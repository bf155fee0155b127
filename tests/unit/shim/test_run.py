import asyncio
import os
import signal

from tests.support.backends import ScriptedBackend, forever, served
from tests.support.shim import PATIENCE_S, chat_body, next_epoch, refusal, until
from xinf.engine.channel import EngineChannel
from xinf.engine.session import open_session
from xinf.shim.exits import Exit


async def ended(life: asyncio.Task[Exit]) -> Exit:
    async with asyncio.timeout(PATIENCE_S):
        return await life


async def test_an_engine_that_breaks_fails_its_requests_and_ends_the_shim() -> None:
    backend = ScriptedBackend(reply=forever)
    async with served(backend) as shim:
        channel = EngineChannel(shim.address)
        async with open_session(channel, next_epoch()) as session, asyncio.TaskGroup() as tasks:
            failing = tasks.create_task(refusal(session, chat_body()))
            await until(lambda: backend.running > 0)
            backend.broke = "the core process died"
        failure = failing.result()
        assert (failure.code, failure.retryable) == ("engine_failed", True)
        assert "the core process died" in failure.message
        assert await ended(shim.life) == Exit(70, "the core process died")
        await channel.close()
    assert backend.is_closed
    assert not shim.socket.exists()


async def test_an_engine_that_cannot_warm_up_ends_as_a_failed_load() -> None:
    backend = ScriptedBackend(start_failure=RuntimeError("no answer to the first prompt"))
    async with served(backend) as shim:
        assert await ended(shim.life) == Exit(71, "RuntimeError: no answer to the first prompt")
    assert backend.is_closed


async def test_a_signal_while_warming_up_ends_in_order() -> None:
    class Slow(ScriptedBackend):
        async def start(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()

    backend = Slow()
    async with served(backend) as shim:
        assert await ended(shim.life) == Exit(0, "SIGTERM")
    assert backend.is_closed


async def test_a_shim_that_nobody_asks_ends_itself() -> None:
    async with served(ScriptedBackend(), lease_s=0.05) as shim:
        assert (await ended(shim.life)).code == 75


async def test_a_backend_that_will_not_close_does_not_keep_the_shim() -> None:
    class Stubborn(ScriptedBackend):
        async def close(self) -> None:
            raise OSError("the device is busy")

    async with served(Stubborn()) as shim:
        channel = EngineChannel(shim.address)
        await channel.shutdown(5)
        assert (await ended(shim.life)).code == 0
        await channel.close()
