"""A session with NVIDIA's management library through pynvml, and what its errors mean.

It needs no CUDA and makes no context on a card, so it costs no memory there. Everything here may
block, for seconds where a card has to be woken, and for ever where a driver hangs. What cards are
asked is in `nvml_card`, `nvml_processes`, `nvml_health` and `mig`.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

LIBRARY = "libnvidia-ml.so.1"

NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND = 3, 4, 6
FUNCTION_NOT_FOUND, VERSION_MISMATCH = 13, 25
GPU_IS_LOST, RESET_REQUIRED = 15, 16
# A driver that will not tell one thing, and is well otherwise: old ones, virtual machines.
_UNTOLD = frozenset({NOT_SUPPORTED, NO_PERMISSION, FUNCTION_NOT_FOUND})
# What its own words do not say.
_MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        NO_PERMISSION: "this user may not use the driver (see the permissions of /dev/nvidia*)",
        9: "the NVIDIA driver is not loaded",
        12: f"{LIBRARY} cannot be loaded: no NVIDIA driver is installed, or it is hidden from here",
        GPU_IS_LOST: "GPU is lost: it has fallen off the bus, or the driver has given it up",
        RESET_REQUIRED: "the GPU must be reset before it can be used again",
        18: "the driver that is loaded and its library are of different versions; reboot",
    }
)


class NvmlError(OSError):
    """What NVML refuses, in words; `code` is its own number for it."""

    def __init__(self, code: int, told: str) -> None:
        super().__init__(_MEANINGS.get(code, told))
        self.code = code

    @property
    def is_loss(self) -> bool:
        """Whether nothing can run on the card any more, rather than that it is not told about."""
        return self.code in {GPU_IS_LOST, RESET_REQUIRED}


class Nvml:
    """What is there is decided when a session opens: a lost card comes back in a new one only.

    Functions are called by NVIDIA's own names. Everything but `is_there` raises NvmlError.
    """

    def __init__(self) -> None:
        self._module: Any = None

    def is_there(self) -> bool:
        """Whether the library can be loaded, be there a card or not."""
        try:
            ctypes.CDLL(LIBRARY)
        except OSError:
            return False
        return True

    def open(self) -> None:
        """Begin, if that is not done yet."""
        if self._module is not None:
            return
        try:
            module = importlib.import_module("pynvml")
        except ImportError as error:
            raise NvmlError(0, f"the package nvidia-ml-py is broken: {error}") from error
        _ask(module, "nvmlInit")
        self._module = module

    def close(self) -> None:
        if self._module is not None:
            with suppress(NvmlError):
                self.ask("nvmlShutdown")
            self._module = None

    def driver(self) -> str:
        return text_of(self.told("nvmlSystemGetDriverVersion") or "unknown")

    def cuda(self) -> str | None:
        """The newest CUDA that the driver serves, like "13.0"; NVML counts 13000."""
        told = self.perhaps("nvmlSystemGetCudaDriverVersion_v2")
        return f"{told // 1000}.{told % 1000 // 10}" if told else None

    def count(self) -> int:
        """Cards of this session; `handle` takes 0 up to this, in the order of the PCI bus."""
        return int(self.ask("nvmlDeviceGetCount"))

    def handle(self, index: int) -> object:
        return self.ask("nvmlDeviceGetHandleByIndex", index)

    def ask(self, function: str, *arguments: object) -> Any:
        return _ask(self._module, function, *arguments)

    def told(self, function: str, *arguments: object) -> Any:
        """The answer, None where the driver has none to this question."""
        try:
            return self.ask(function, *arguments)
        except NvmlError as error:
            if error.code not in _UNTOLD:
                raise
            return None

    def perhaps(self, function: str, *arguments: object) -> Any:
        """The answer, None for whatever reason there is none but the loss of the card: for what is
        good to know, so that no oddity of a driver hides a card that works.
        """
        try:
            return self.ask(function, *arguments)
        except NvmlError as error:
            if error.is_loss:
                raise
            return None

    def constant(self, name: str) -> Any:
        return getattr(self._module, name)


def _ask(module: Any, function: str, *arguments: object) -> Any:
    try:
        return getattr(module, function)(*arguments)
    except module.NVMLError as error:
        raise NvmlError(error.value, str(error)) from error
    except UnicodeDecodeError as error:
        raise NvmlError(NOT_FOUND, f"{function} tells what is no text") from error


def text_of(told: str | bytes) -> str:
    return told.decode(errors="replace") if isinstance(told, bytes) else told
