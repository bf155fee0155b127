"""Hygon's DCUs. Their driver and runtime (DTK) were made from AMD's, and are told in the same way.

DTK's users set HIP_VISIBLE_DEVICES alone, in the order of the compute driver's nodes, and vendors'
builds of vLLM want CUDA_VISIBLE_DEVICES to say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xinf.core.nodes import Sighting
from xinf.device.kfd_cards import KfdCards, Make, Trees
from xinf.device.pci import HYGON

_PLAIN = ("float16", "float32", "int8")
_DTYPES: Mapping[str, tuple[str, ...]] = {
    "gfx906": _PLAIN,
    "gfx926": ("bfloat16", *_PLAIN),
    "gfx928": ("bfloat16", *_PLAIN),
    "gfx936": ("bfloat16", *_PLAIN),
}


def dtypes(arch: str | None) -> tuple[str, ...]:
    """Number formats of an architecture ("gfx928"), empty for one that is not known."""
    return _DTYPES.get(arch or "", ())


MAKE = Make("dcu", HYGON, ("hycu", "hydcu"), dtypes, features=lambda arch: ())


class DcuBackend:
    kind = "dcu"

    def __init__(self, trees: Trees | None = None) -> None:
        self._cards = KfdCards(MAKE, trees or Trees())

    def detect(self) -> bool:
        return self._cards.are_there()

    def look(self) -> Sighting:
        return self._cards.look()

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        numbers = ((uuid, self._cards.runtime_number(uuid)) for uuid in uuids)
        # What is gone stays a word that fits no device, so that no other is seen in its place.
        visible = ",".join(uuid if number is None else str(number) for uuid, number in numbers)
        return {"HIP_VISIBLE_DEVICES": visible, "CUDA_VISIBLE_DEVICES": visible}
