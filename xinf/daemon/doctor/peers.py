"""Checks of several GPUs together: whether they reach each other's memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from xinf.core.findings import Finding, Severity
from xinf.core.nodes import Device
from xinf.daemon.doctor.facts import PeersSeen, Reach

# Reaching too far is a failure of hardware and drivers; what xinf does about it is a rule in data.
_BROKEN = frozenset({Reach.HANGS, Reach.WRONG})
_ELSEWHERE = (
    "Without an IOMMU in the way it may work: kernel parameter iommu=pt, or off in the BIOS"
)
_WORDS = {
    Reach.HANGS: "hangs (two processes, 10 s)",
    Reach.WRONG: "brings wrong numbers",
}


def pairs_of(devices: Iterable[Device]) -> tuple[tuple[Device, Device], ...]:
    """Whom to let meet: neighbours among CUDA devices of one name, for only those share a model.

    Slices of cards never reach each other, and are left out.
    """
    whole = [device for device in devices if device.kind == "cuda" and device.parent is None]
    by_name = sorted(whole, key=lambda device: (device.name, device.index))
    return tuple(pair for pair in pairwise(by_name) if pair[0].name == pair[1].name)


def is_broken(seen: Sequence[PeersSeen]) -> bool:
    return any(each.reach in _BROKEN for each in seen)


def is_proven(seen: Sequence[PeersSeen]) -> bool:
    return bool(seen) and all(each.reach is Reach.WORKS for each in seen)


def check_peers(devices: Sequence[Device], seen: Sequence[PeersSeen]) -> Iterator[Finding]:
    """One finding for each pair that was tried, or one for all that were not."""
    untried = len(pairs_of(devices)) and not any(each.reach is not Reach.UNTRIED for each in seen)
    if untried:
        why = next((each.detail for each in seen if each.detail), "")
        yield Finding(
            "peer-to-peer",
            Severity.INFO,
            "whether the GPUs reach each other's memory is unproven: models on several GeForce "
            "cards run without it" + (f" ({why})" if why else ""),
            "xinf runtime install vllm-cuda, then xinf doctor",
        )
        return
    for each in seen:
        yield _finding(each)


def _finding(seen: PeersSeen) -> Finding:
    pair = " and ".join(seen.pair)
    if seen.reach is Reach.WORKS:
        return Finding("peer-to-peer", Severity.OK, f"{pair} reach each other's memory")
    if seen.reach not in _BROKEN:
        text = f"{pair}: whether they reach each other's memory could not be tried"
        return Finding("peer-to-peer", Severity.WARN, f"{text}: {seen.detail}", _retry(seen))
    text = f"peer-to-peer between {pair} {_WORDS[seen.reach]}"
    if seen.without is Reach.WORKS:
        text += "; models on both run without it, which xinf sees to (NCCL_P2P_DISABLE=1)"
        return Finding("peer-to-peer", Severity.WARN, text, _ELSEWHERE)
    text += ", and so they do without it: a model on both would not start"
    fix = f"Use devices = 1. {_ELSEWHERE}; update driver (580 or newer) and BIOS"
    return Finding("peer-to-peer", Severity.FAIL, text, fix)


def _retry(seen: PeersSeen) -> str:
    if "out of memory" in seen.detail:
        return "Stop what uses these GPUs, then: xinf doctor"
    return ""
