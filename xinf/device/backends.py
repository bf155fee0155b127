"""Every kind of device that xinf knows. A new backend is one file and one line here."""

from __future__ import annotations

from xinf.core.clock import Clock
from xinf.device.backend import DeviceBackend
from xinf.device.cpu import CpuBackend
from xinf.device.cuda import CudaBackend
from xinf.device.dcu import DcuBackend
from xinf.device.rocm import RocmBackend


def all_backends(clock: Clock) -> tuple[DeviceBackend, ...]:
    """Every kind, whether this machine has it or not; the best to run a model on first.

    `clock` is for those that ask a vendor's tool, which they do only now and then.
    """
    return (
        CudaBackend(),
        RocmBackend(),
        DcuBackend(),
        CpuBackend(),
    )
