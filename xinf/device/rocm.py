"""AMD GPUs, as the kernel's amdgpu driver tells them; no part of ROCm is asked.

`ROCR_VISIBLE_DEVICES` is what limits a process: AMD recommends it on Linux, it holds for every part
of ROCm, and it takes UUIDs, which no reordering of cards can turn into others. What it leaves is
counted anew from 0, and in those numbers HIP's own variable filters once more. So HIP's says "all
of these", lest one from outside filter wrongly. `CUDA_VISIBLE_DEVICES` is what vLLM reads on ROCm:
whole numbers, and the same as HIP's, or it refuses to start (vllm/platforms/rocm.py, 0.32).

vLLM takes these numbers for those of amd-smi, which no variable limits. So among unlike cards it
may read the name and the memory of another one; what it computes on is right all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xinf.core.nodes import Sighting
from xinf.device.kfd_cards import KfdCards, Make, Trees
from xinf.device.pci import AMD

# By how an architecture's name begins, the first that fits. Sources: AMD's "Data types and
# precision support" for ROCm 7, and for gfx12 and MX formats what vLLM 0.32 asks for.
_PLAIN = ("float32", "float16", "int8")
_USUAL = ("bfloat16", *_PLAIN)
_FP8 = (*_USUAL, "fp8")
_DTYPES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("gfx950", (*_FP8, "fp4")),
    ("gfx94", _FP8),
    ("gfx90a", _USUAL),
    ("gfx908", _USUAL),
    ("gfx90", _PLAIN),
    ("gfx125", (*_FP8, "fp4")),
    ("gfx12", _FP8),
    ("gfx11", _USUAL),
    ("gfx10", _PLAIN),
)
# Graphics units of processors. MI300A, which is one too, cannot be told from MI300X by this.
_UNIFIED = frozenset(
    {
        *("gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1037"),
        *("gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153"),
    }
)


def dtypes(arch: str | None) -> tuple[str, ...]:
    """Number formats of an architecture ("gfx942"), empty for one that is not known."""
    return next((told for begin, told in _DTYPES if (arch or "").startswith(begin)), ())


def features(arch: str | None) -> tuple[str, ...]:
    """The fp8 of MI300 has other bits than that of everybody else: weights are converted for it."""
    return ("fp8_fnuz",) if (arch or "").startswith("gfx94") else ()


MAKE = Make("rocm", AMD, ("amdgpu",), dtypes, features, _UNIFIED)


class RocmBackend:
    """Cards and graphics units of processors, each partition of a card as a device of its own."""

    kind = "rocm"

    def __init__(self, trees: Trees | None = None) -> None:
        self._cards = KfdCards(MAKE, trees or Trees())

    def detect(self) -> bool:
        return self._cards.are_there()

    def look(self) -> Sighting:
        return self._cards.look()

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        all_of_these = ",".join(map(str, range(len(uuids))))
        return {
            "ROCR_VISIBLE_DEVICES": ",".join(self._token(uuid) for uuid in uuids),
            "HIP_VISIBLE_DEVICES": all_of_these,
            "CUDA_VISIBLE_DEVICES": all_of_these,
        }

    def _token(self, uuid: str) -> str:
        """The number for what the runtime has no UUID for. What is gone stays a word that fits no
        device: with an old number the process might see another one.
        """
        number = self._cards.runtime_number(uuid)
        return uuid if uuid.startswith("GPU-") or number is None else str(number)
