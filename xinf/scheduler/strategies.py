"""Where a replica goes when several devices have room. One small class per strategy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol


class Strategy(Protocol):
    """A taste in devices. Pure; equal devices are taken in PCI order."""

    name: str

    def distaste(self, share: float, siblings: int) -> tuple[float, float]:
        """The device with the smallest is taken. `share` of its memory is held or claimed by
        anybody, and `siblings` replicas of the same model are there.
        """
        ...


class IdleFirst:
    """The least-loaded device: the one with the smallest share of its memory taken."""

    name = "idle_first"

    def distaste(self, share: float, siblings: int) -> tuple[float, float]:
        return share, siblings


class Pack:
    """The fullest device that still has room, so that others stay free for what is large."""

    name = "pack"

    def distaste(self, share: float, siblings: int) -> tuple[float, float]:
        return -share, siblings


class Spread:
    """Away from other replicas of the same model, so that one lost device costs the fewest."""

    name = "spread"

    def distaste(self, share: float, siblings: int) -> tuple[float, float]:
        return siblings, share


STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {each.name: each for each in (IdleFirst(), Pack(), Spread())}
)
