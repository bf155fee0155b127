"""NVIDIA GPUs. Pinned by UUID, counted in the order of the PCI bus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from xinf.core.nodes import Device, Sighting
from xinf.device.nvml import Card, Nvml, NvmlError
from xinf.device.pci import NVIDIA, display_controllers


class CudaBackend:
    """`sys` is the kernel's tree. Cards that were seen once and are no more are told as lost."""

    kind = "cuda"

    def __init__(self, sys: Path = Path("/sys"), nvml: Nvml | None = None) -> None:
        self._sys = sys
        self._nvml = nvml or Nvml()
        # By their place on the bus, so that a lost card keeps its number and the others theirs.
        self._known: dict[str, Card] = {}

    def detect(self) -> bool:
        # Where the bus is hidden (containers, Windows' subsystem for Linux) the library tells.
        return bool(display_controllers(self._sys, NVIDIA)) or self._nvml.is_there()

    def look(self) -> Sighting:
        try:
            self._nvml.open()
            driver = self._nvml.driver()
            cards, failures = self._cards()
        except NvmlError:
            self._nvml.close()
            raise
        self._known |= {card.bus_id: card for card in cards}
        missing = self._missing(cards, failures)
        problems = tuple(self._problems(missing, failures))
        if problems:
            # Only another session can find a card that comes back.
            self._nvml.close()
        silent = [card for card, why in missing if why is not None and not why.is_loss]
        shown = sorted((*cards, *silent), key=lambda card: card.bus_id)
        return Sighting(tuple(self._device(card, driver) for card in shown), problems)

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        # The order matters to whoever counts: CUDA's own is the fastest first.
        return {"CUDA_VISIBLE_DEVICES": ",".join(uuids), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}

    def _cards(self) -> tuple[list[Card], list[NvmlError]]:
        """Those that answer, and why others do not."""
        cards: list[Card] = []
        failures: list[NvmlError] = []
        for index in range(self._nvml.count()):
            try:
                cards.append(self._nvml.card(index))
            except NvmlError as error:
                failures.append(error)
        return cards, failures

    def _missing(
        self, cards: Sequence[Card], failures: Sequence[NvmlError]
    ) -> list[tuple[Card, NvmlError | None]]:
        """Cards that were seen before and are not now, with the reason if there is one.

        A card that fails does not say which it is: it is one of those that are missing.
        """
        gone = sorted(self._known.keys() - {card.bus_id for card in cards})
        return [
            (self._known[bus_id], why) for bus_id, why in zip_longest(gone, failures[: len(gone)])
        ]

    def _problems(
        self, missing: Sequence[tuple[Card, NvmlError | None]], failures: Sequence[NvmlError]
    ) -> Iterator[str]:
        for card, why in missing:
            told = why or "it is no longer there"
            yield f"cuda:{self._index(card.bus_id)} ({card.name}, {card.uuid}): {told}"
        for failure in failures[len(missing) :]:
            yield f"a cuda device cannot be asked: {failure}"

    def _index(self, bus_id: str) -> int:
        return sorted(self._known).index(bus_id)

    def _device(self, card: Card, driver: str) -> Device:
        return Device(
            uuid=card.uuid,
            kind=self.kind,
            index=self._index(card.bus_id),
            name=card.name,
            memory_total=card.memory_total,
            # What processes hold and what the driver keeps for itself: neither can be had.
            memory_used=card.memory_total - card.memory_free,
            compute_capability=card.compute_capability,
            processes=card.processes,
            driver=driver,
        )
