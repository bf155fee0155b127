from tests.support.backends import ScriptedBackend
from tests.support.clock import VirtualClock, settle
from xinf.protocol.messages import pb
from xinf.protocol.tasks import Tasks
from xinf.shim.backends.base import EngineOptions
from xinf.shim.exits import Stop
from xinf.shim.lease import Lease
from xinf.shim.servicer import Servicer
from xinf.shim.work import Work


async def test_a_lease_runs_out_when_nobody_renews_it_and_not_before() -> None:
    clock = VirtualClock()
    lease = Lease(10, clock.now, clock.sleep)
    async with Tasks() as tasks:
        expiry = tasks.start(lease.wait_expired(), "lease")
        await clock.advance(9.9)
        assert not expiry.done()
        await clock.advance(0.2)
        assert expiry.done()


async def test_a_health_check_renews_the_lease() -> None:
    clock = VirtualClock()
    lease = Lease(10, clock.now, clock.sleep)
    async with Tasks() as tasks:
        options = EngineOptions("scripted", "i", "", (), "/p")
        backend = ScriptedBackend()
        servicer = Servicer(backend, options, Work(backend, tasks), Stop(), lease)
        expiry = tasks.start(lease.wait_expired(), "lease")
        for _ in range(5):
            await clock.advance(8)
            await servicer.health_check(pb.HealthCheckRequest(protocol=1), None)  # type: ignore[arg-type]
        assert not expiry.done()
        await clock.advance(10.1)
        assert expiry.done()


async def test_no_lease_never_runs_out() -> None:
    clock = VirtualClock()
    async with Tasks() as tasks:
        expiry = tasks.start(Lease(0, clock.now, clock.sleep).wait_expired(), "lease")
        await clock.advance(1e9)
        await settle()
        assert not expiry.done()
