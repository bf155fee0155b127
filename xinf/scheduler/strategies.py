"""Where a replica goes when several devices have room. One small class per strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from xinf.core.ledger import Account


class Strategy(Protocol):
    """A taste in devices. Pure; the same accounts always give the same answer."""

    name: str

    def choose(self, fitting: Sequence[Account]) -> Account:
        """One of `fitting`, which is not empty and in PCI order."""
        ...


class IdleFirst:
    """The least-loaded device: the one with the smallest share of its memory claimed."""

    name = "idle_first"

    def choose(self, fitting: Sequence[Account]) -> Account:
        return min(fitting, key=lambda account: account.claimed / max(account.total, 1))


STRATEGIES: Mapping[str, Strategy] = MappingProxyType({IdleFirst.name: IdleFirst()})
