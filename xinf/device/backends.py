"""Every kind of device that xinf knows. A new backend is one file and one line here."""

from __future__ import annotations

from xinf.core.clock import Clock
from xinf.device.backend import DeviceBackend
from xinf.device.cpu import CpuBackend
from xinf.device.cuda import CudaBackend
from xinf.device.dcu import DcuBackend
from xinf.device.gcu import ENFLAME
from xinf.device.kunlun import KUNLUNXIN
from xinf.device.mlu import CAMBRICON
from xinf.device.mps import MpsBackend
from xinf.device.musa import MOORE_THREADS
from xinf.device.npu import ASCEND
from xinf.device.rocm import RocmBackend
from xinf.device.tooled import ToolBackend
from xinf.device.xpu import XpuBackend


def all_backends(clock: Clock) -> tuple[DeviceBackend, ...]:
    """Every kind, whether this machine has it or not; the best to run a model on first.

    `clock` is for those that ask a vendor's tool, which they do only now and then.
    """
    return (
        CudaBackend(),
        RocmBackend(),
        DcuBackend(),
        XpuBackend(clock.now),
        ToolBackend(ASCEND, clock.now),
        ToolBackend(CAMBRICON, clock.now),
        ToolBackend(ENFLAME, clock.now),
        ToolBackend(MOORE_THREADS, clock.now),
        ToolBackend(KUNLUNXIN, clock.now),
        MpsBackend(clock.now),
        CpuBackend(),
    )
