"""NVIDIA GPUs. Pinned by UUID, counted in the order of the PCI bus.

A card in MIG mode is as many devices as it has compute instances, each pinned by its own UUID; the
card itself is none then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from xinf.core.nodes import Device, Sighting
from xinf.device.cuda_devices import KIND, Host, address, devices_of
from xinf.device.meminfo import main_memory
from xinf.device.numa import node_of
from xinf.device.nvml import Nvml, NvmlError
from xinf.device.nvml_card import Card, read_card
from xinf.device.pci import NVIDIA, display_controllers

# A card's place on the bus, and a device's on the card.
_Place = tuple[str, int]


class CudaBackend:
    """`sys` and `proc` are the kernel's trees. Cards that were seen once and are no more are told
    as lost.
    """

    kind = KIND

    def __init__(
        self,
        sys: Path = Path("/sys"),
        proc: Path = Path("/proc"),
        nvml: Nvml | None = None,
    ) -> None:
        self._sys = sys
        self._proc = proc
        self._nvml = nvml or Nvml()
        # As last seen, by their place on the bus.
        self._known: dict[str, Card] = {}
        # Never forgotten, so that whatever is lost or split anew keeps its number, and the others
        # theirs.
        self._places: set[_Place] = set()

    def detect(self) -> bool:
        # Where the bus is hidden (containers, Windows' subsystem for Linux) the library tells.
        return bool(display_controllers(self._sys, NVIDIA)) or self._nvml.is_there()

    def look(self) -> Sighting:
        try:
            self._nvml.open()
            host = Host(self._nvml.driver(), self._nvml.cuda(), main_memory(self._proc))
            cards, failures = self._cards()
        except NvmlError:
            self._nvml.close()
            raise
        self._known |= {card.place: card for card in cards}
        self._places |= {place for card in self._known.values() for place in _places(card)}
        missing = self._missing(cards, failures)
        problems = tuple(self._problems(missing, failures))
        if problems:
            # Only another session can find a card that comes back.
            self._nvml.close()
        silent = [card for card, why in missing if why is not None and not why.is_loss]
        shown = sorted((*cards, *silent), key=lambda card: card.place)
        devices = (device for card in shown for device in self._devices(card, host))
        return Sighting(tuple(devices), (*problems, *_unusable(cards)))

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        # The order matters to whoever counts: CUDA's own is the fastest first.
        return {"CUDA_VISIBLE_DEVICES": ",".join(uuids), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}

    def _cards(self) -> tuple[list[Card], list[NvmlError]]:
        """Those that answer, and why others do not."""
        cards: list[Card] = []
        failures: list[NvmlError] = []
        for index in range(self._nvml.count()):
            try:
                cards.append(read_card(self._nvml, index))
            except NvmlError as error:
                failures.append(error)
        return cards, failures

    def _missing(
        self, cards: Sequence[Card], failures: Sequence[NvmlError]
    ) -> list[tuple[Card, NvmlError | None]]:
        """Cards that were seen before and are not now, with the reason if there is one.

        A card that fails does not say which it is: it is one of those that are missing.
        """
        gone = sorted(self._known.keys() - {card.place for card in cards})
        return [
            (self._known[place], why) for place, why in zip_longest(gone, failures[: len(gone)])
        ]

    def _problems(
        self, missing: Sequence[tuple[Card, NvmlError | None]], failures: Sequence[NvmlError]
    ) -> Iterator[str]:
        for card, why in missing:
            ids = ", ".join(f"{KIND}:{self._index(place)}" for place in _places(card))
            yield f"{ids} ({card.name}, {card.uuid}): {why or 'it is no longer there'}"
        for failure in failures[len(missing) :]:
            yield f"a cuda device cannot be asked: {failure}"

    def _index(self, place: _Place) -> int:
        return sorted(self._places).index(place)

    def _devices(self, card: Card, host: Host) -> Iterator[Device]:
        slot = address(card.bus_id)
        numa_node = node_of(self._sys, slot) if slot else None
        for device in devices_of(card, host, numa_node):
            yield replace(device, index=self._index((card.place, device.index)))


def _places(card: Card) -> tuple[_Place, ...]:
    """Of its devices; a card without any is told by where the first would be."""
    indexes = [each.index for each in card.slices or ()] or [0]
    return tuple((card.place, index) for index in indexes)


def _unusable(cards: Sequence[Card]) -> Iterator[str]:
    for card in cards:
        if card.slices == ():
            yield (
                f"{card.name} ({card.uuid}) is in MIG mode and has no compute instance, so nothing "
                "can run on it: make some (`nvidia-smi mig -cgi PROFILE -C`) or leave that mode "
                "(`nvidia-smi -mig 0`)"
            )
