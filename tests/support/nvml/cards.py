"""Cards that an imitated driver may show. Memory is MiB, power watts.

Names, sizes and capabilities are those of the real cards: MIG slices and the GB10 as in inventories
that the GPUStack project has published (gpustack/runtime, tests/.../detector/samples); how much
a driver keeps for itself differs by version and is only about right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Slice:
    """A compute instance of a card in MIG mode."""

    uuid: str
    profile: str
    gpu_instance: int
    total: int
    compute_instance: int = 0
    used: int = 0


@dataclass(frozen=True)
class Gpu:
    """`uuid` and `bus_id` as NVML spells them. A `total` of None is unified memory, which NVML does
    not tell; any other None is not supported. `slices` by index; None = not in MIG mode.
    """

    uuid: str
    bus_id: str
    name: str
    capability: str
    total: int | None
    reserved: int = 0
    used: int = 0
    utilisation: int | None = 0
    temperature: int | None = 35
    power: int | None = 20
    power_limit: int | None = 450
    power_limit_default: int | None = 450
    display: bool = False
    persistence: bool = False
    slices: tuple[Slice, ...] | None = None

    def using(self, used: int) -> Gpu:
        return replace(self, used=used)

    def split(self, *slices: Slice) -> Gpu:
        """The same card in MIG mode."""
        return replace(self, slices=slices)

    def lines(self) -> Iterator[str]:
        """What the scenario file says of it."""
        memory = (self.total, self.reserved, self.used)
        yield _line("device", self.uuid, self.bus_id, self.name, self.capability, *memory)
        limits = (self.power_limit, self.power_limit_default)
        yield _line("vitals", self.uuid, self.utilisation, self.temperature, self.power, *limits)
        yield _line("display", self.uuid, int(self.display), int(self.display))
        yield _line("persistence", self.uuid, int(self.persistence))
        if self.slices is None:
            return
        yield _line("mig", self.uuid)
        for index, each in enumerate(self.slices):
            place = (each.gpu_instance, each.compute_instance)
            memory = (each.total, each.used)
            yield _line("slice", self.uuid, index, each.uuid, each.profile, *place, *memory)


def _line(*words: str | int | None) -> str:
    return "|".join("?" if word is None else str(word) for word in words)


RTX_5090 = Gpu(
    "GPU-5090aaaa-0000-4000-8000-000000000001",
    "00000000:01:00.0",
    "NVIDIA GeForce RTX 5090",
    "12.0",
    32_607,
    reserved=496,
    power_limit=575,
    power_limit_default=575,
)
SECOND_5090 = replace(
    RTX_5090, uuid="GPU-5090bbbb-0000-4000-8000-000000000002", bus_id="00000000:C1:00.0"
)
EIGHT_5090S = (
    RTX_5090,
    *(
        replace(
            RTX_5090,
            uuid=f"GPU-5090cccc-0000-4000-8000-0000000000{bus}",
            bus_id=f"00000000:{bus}:00.0",
        )
        for bus in (11, 21, 31, 51, 61, 71)
    ),
    SECOND_5090,
)
RTX_4090 = Gpu(
    "GPU-4090aaaa-0000-4000-8000-000000000001",
    "00000000:81:00.0",
    "NVIDIA GeForce RTX 4090",
    "8.9",
    24_564,
    reserved=386,
)
RTX_3090 = Gpu(
    "GPU-3090aaaa-0000-4000-8000-000000000001",
    "00000000:A1:00.0",
    "NVIDIA GeForce RTX 3090",
    "8.6",
    24_576,
    reserved=316,
    power_limit=350,
    power_limit_default=350,
)
H100 = Gpu(
    "GPU-h100cccc-0000-4000-8000-000000000003",
    "00000000:41:00.0",
    "NVIDIA H100 80GB HBM3",
    "9.0",
    81_559,
    reserved=556,
    power_limit=700,
    power_limit_default=700,
    persistence=True,
)
H100_MIG = H100.split(
    Slice("MIG-h100aaaa-0000-5000-8000-000000000001", "3g.40gb", 1, 40_448, used=46),
    Slice("MIG-h100bbbb-0000-5000-8000-000000000002", "3g.40gb", 2, 40_448, used=46),
)
GB10 = Gpu(
    "GPU-gb10aaaa-0000-4000-8000-000000000001",
    "0000000F:01:00.0",
    "NVIDIA GB10",
    "12.1",
    None,
    power_limit=None,
    power_limit_default=None,
)
