"""Pictures of a running xinf, for frames to be drawn of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.support.admin import at, device, model, replica
from xinf.client.views import DaemonStatus
from xinf.core.nodes import Vitals
from xinf.core.states import EngineState, ModelState
from xinf.core.views import DeviceView, ModelView, ReplicaView
from xinf.tui.picture import Picture

GIB = 1024**3
# All replicas of `admin.replica` are in their state since second 1000.
WALL = 1200.0

NO_ROOM = "needs 41.7 GiB; cpu:0: 31.0 GiB - 9.3 GiB = 21.7 GiB free; short by 20.0 GiB"
CRASH = """failed 5 times in 10 m 0 s, last: exit code 71; last words:
Traceback (most recent call last):
  File "one.py", line 1
  File "two.py", line 2
ValueError: no such \x1b[31mtensor\x1b[0m"""


def status(
    models: Sequence[ModelView] = (),
    replicas: Sequence[ReplicaView] = (),
    devices: Sequence[DeviceView] | None = None,
    problems: Sequence[str] = (),
) -> DaemonStatus:
    return DaemonStatus(
        url="http://127.0.0.1:5090",
        version="0.1.0",
        pid=1,
        uptime_seconds=7501.0,
        config_file=None,
        devices=tuple([device()] if devices is None else devices),
        models=tuple(models),
        replicas=tuple(replicas),
        worker_pid=2,
        device_problems=tuple(problems),
    )


def picture(
    models: Sequence[ModelView] = (),
    replicas: Sequence[ReplicaView] = (),
    devices: Sequence[DeviceView] | None = None,
    *,
    rates: Mapping[str, float] | None = None,
    notice: str = "",
) -> Picture:
    return Picture(status(models, replicas, devices), WALL, rates, notice)


def busy() -> Picture:
    """Some of everything, all well or on its way."""
    return picture(
        [
            model("echo", replicas=2, desired_replicas=2),
            model("smol", ModelState.LOADING, engine="llamacpp"),
            model("spare", ModelState.OFF, reason="is loaded only by `xinf launch`"),
        ],
        [
            replica("echo/0", running=3, waiting=1, generated_tokens=123_456, kv_usage=0.381),
            replica("echo/1", pid=1234567, context=32768, generated_tokens=99),
            replica(
                "smol/0",
                EngineState.PROVISIONING,
                pid=None,
                memory_bytes=0,
                context=None,
                progress=at("downloading its runtime", 45e6, 130e6, 12.0),
            ),
        ],
        [
            device(memory_total=31 * GIB, memory_used=13 * GIB, memory_claimed=6 * GIB),
            device(
                "cuda:0",
                name="NVIDIA GeForce RTX 5090",
                compute_capability="12.0",
                memory_total=32 * GIB,
                memory_used=GIB,
                memory_claimed=0,
                memory_foreign=GIB,
                memory_reserve=2 * GIB,
                vitals=Vitals(0.37, 61.0, 318.4, 575.0),
            ),
        ],
        rates={"echo/0": 212.4, "echo/1": 0.0},
    )


def failing() -> Picture:
    """What goes wrong, under names of every length."""
    long = "a-model-whose-name-never-ends-and-goes-on-and-on-until-nobody-reads-it"
    return picture(
        [
            model("broken", ModelState.FAILED, reason=CRASH),
            model(long, ModelState.QUEUED, reason=NO_ROOM),
            model("通义千问", ModelState.LOADING),
        ],
        [
            replica("broken/0", EngineState.FAILED, pid=None, memory_bytes=0, reason=CRASH),
            replica(
                f"{long}/12", EngineState.BACKOFF, pid=None, memory_bytes=0, reason="out of memory"
            ),
            replica("通义千问/0", EngineState.LOADING, progress=at("读取权重", 0.5, 0.0)),
        ],
        rates={},
    )
