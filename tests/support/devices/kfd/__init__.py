"""A machine with AMD's or Hygon's cards, as files; see README.md for whose facts these are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.devices import put_slot, write
from xinf.device.kfd_cards import Trees

MIB = 1024**2
AMD_DISPLAY, AMD_ACCELERATOR = "0x030000", "0x120000"

# What the kernel writes of a Radeon RX 7900 XTX.
RX_7900_XTX = """cpu_cores_count 0
simd_count 192
mem_banks_count 1
caches_count 206
io_links_count 1
p2p_links_count 5
cpu_core_id_base 0
simd_id_base 2147488032
max_waves_per_simd 16
lds_size_in_kb 64
gds_size_in_kb 0
num_gws 64
wave_front_size 32
array_count 12
simd_arrays_per_engine 2
cu_per_simd_array 8
simd_per_cu 2
max_slots_scratch_cu 32
gfx_target_version 110000
vendor_id 4098
device_id 29772
location_id 34304
domain 0
drm_render_minor 128
hive_id 0
num_sdma_engines 2
num_sdma_xgmi_engines 0
num_sdma_queues_per_engine 6
num_cp_queues 8
max_engine_clk_fcompute 2482
local_mem_size 0
fw_version 2140
capability 671588992
debug_prop 1495
sdma_fw_version 20
unique_id 11673270660693242239
num_xcc 1
max_engine_clk_ccompute 2400"""
PROCESSOR = """cpu_cores_count 16
simd_count 0
mem_banks_count 1
gfx_target_version 0
vendor_id 0
device_id 0
location_id 0
domain 0
drm_render_minor 0
max_engine_clk_ccompute 5083"""


@dataclass(frozen=True)
class Card:
    """A card, or one of the `parts` that it is split into. Memory is MiB."""

    address: str
    gfx: int
    unique_id: int
    total: int
    used: int = 20
    device: str = "0x744c"
    revision: str = "0xc8"
    vendor: str = "0x1002"
    driver: str = "amdgpu"
    class_code: str = AMD_DISPLAY
    numa: int = -1
    product: str = ""
    parts: int = 1
    gtt: tuple[int, int] = (16_000, 10)

    @property
    def uuid(self) -> str:
        return f"GPU-{self.unique_id:016x}"

    def location(self, part: int) -> int:
        bus, _, rest = self.address[5:].partition(":")
        return int(bus, 16) << 8 | int(rest[:2], 16) << 3 | part

    def properties(self, part: int) -> str:
        """Those of the RX 7900 XTX with this card's own."""
        own = {
            "gfx_target_version": self.gfx,
            "vendor_id": int(self.vendor, 16),
            "device_id": int(self.device, 16),
            "location_id": self.location(part),
            "domain": int(self.address[:4], 16),
            "unique_id": self.unique_id,
        }
        lines = (line.split() for line in RX_7900_XTX.splitlines())
        return "\n".join(f"{name} {own.get(name, value)}" for name, value in lines)


RX_7900 = Card("0000:86:00.0", 110_000, 11673270660693242239, 24_560)
RX_7800 = Card("0000:03:00.0", 110_001, 0x5C88007D760374F3, 16_368, 206, "0x747e", "0xc8")
MI210 = Card(
    *("0000:63:00.0", 90_010, 1801979520617338022, 65_520),
    device="0x740f",
    class_code=AMD_ACCELERATOR,
    numa=1,
    product="AMD Instinct MI210",
)
MI308 = Card(
    *("0000:0a:00.0", 90_402, 598046273873802902, 196_592),
    device="0x74a2",
    class_code=AMD_ACCELERATOR,
    numa=0,
    product="AMD Instinct MI308X OAM",
    parts=4,
)
STRIX_HALO = Card(
    *("0000:c5:00.0", 110_501, 0, 512, 180), device="0x1586", revision="0xc1", gtt=(65_536, 900)
)
K100 = tuple(
    Card(
        *(f"0000:{bus}:00.0", 90_208, unique_id, 65_520, 2),
        device="0x6210",
        vendor="0x1d94",
        driver="hycu",
        class_code=AMD_ACCELERATOR,
        numa=0,
    )
    for bus, unique_id in (("07", 0x7100F95CEE823041), ("0a", 0x715322FD7CAC4121))
)


class KfdMachine:
    """The kernel's trees below `root`; the compute driver's nodes are in the order given."""

    def __init__(self, root: Path, *cards: Card) -> None:
        self.sys, self.proc, self.dev = root / "sys", root / "proc", root / "dev"
        self.nodes = self.sys / "class" / "kfd" / "kfd" / "topology" / "nodes"
        self.names = root / "amdgpu.ids"
        write(self.dev / "kfd", "")
        write(self.proc / "sys" / "kernel" / "osrelease", "6.8.0-45-generic")
        (self.sys / "class" / "kfd" / "kfd" / "proc").mkdir(parents=True)
        self._processor()
        for card in cards:
            self.put(card)

    @property
    def trees(self) -> Trees:
        return Trees(self.sys, self.proc, self.dev, (self.names,))

    def put(self, card: Card) -> Path:
        """Into its slot, with a node for each of its parts. The card's folder."""
        options = {"device": card.device, "driver": card.driver, "numa": card.numa}
        folder = put_slot(self.sys, card.address, card.vendor, card.class_code, **options)
        write(folder / "revision", card.revision)
        if card.product:
            write(folder / "product_name", card.product)
        self.memory(card, card.used)
        self.vitals(card)
        for part in range(card.parts):
            self._node(card, part)
        return folder

    def folder(self, card: Card) -> Path:
        return self.sys / "bus" / "pci" / "devices" / card.address

    def memory(self, card: Card, used: int) -> None:
        numbers = {"vram": (card.total, used), "gtt": card.gtt}
        for which, (total, taken) in numbers.items():
            write(self.folder(card) / f"mem_info_{which}_total", total * MIB)
            write(self.folder(card) / f"mem_info_{which}_used", taken * MIB)

    def vitals(self, card: Card, sensors: Mapping[str, int] | None = None, busy: int = 19) -> None:
        """Sensors of an RX 7800 XT if nothing else is said."""
        told = {"temp1_input": 34_000, "power1_average": 17_000_000, "power1_cap": 236_000_000}
        write(self.folder(card) / "gpu_busy_percent", busy)
        for name, value in (told if sensors is None else sensors).items():
            write(self.folder(card) / "hwmon" / "hwmon3" / name, value)

    def process(self, pid: int, name: str, held: Mapping[Card | tuple[Card, int], int]) -> None:
        """It holds so many MiB of each card (or part of one)."""
        write(self.proc / str(pid) / "comm", name)
        for card, mib in held.items():
            whole, part = card if isinstance(card, tuple) else (card, 0)
            file = f"vram_{self.gpu_id(whole, part)}"
            write(self.sys / "class" / "kfd" / "kfd" / "proc" / str(pid) / file, mib * MIB)

    def gpu_id(self, card: Card, part: int = 0) -> int:
        return 40_000 + card.location(part) % 10_000

    def node(self, card: Card, part: int = 0) -> Path:
        wanted = f"{self.gpu_id(card, part)}\n"
        return next(
            each.parent for each in self.nodes.glob("*/gpu_id") if each.read_text() == wanted
        )

    def _processor(self) -> None:
        write(self.nodes / "0" / "gpu_id", 0)
        write(self.nodes / "0" / "properties", PROCESSOR)

    def _node(self, card: Card, part: int) -> None:
        folder = self.nodes / str(len(list(self.nodes.iterdir())))
        write(folder / "gpu_id", self.gpu_id(card, part))
        write(folder / "properties", card.properties(part))
        bank = f"heap_type 1\nsize_in_bytes {card.total * MIB // card.parts}\nflags 0\nwidth 384"
        write(folder / "mem_banks" / "0" / "properties", bank)
