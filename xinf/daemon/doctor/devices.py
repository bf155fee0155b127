"""Checks of accelerators: driver, health, what the compatibility file says, what slows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from xinf.core.findings import Finding, Severity
from xinf.core.nodes import Device, Sighting
from xinf.core.placement import AppliedRule
from xinf.core.units import format_bytes
from xinf.core.workload import Verdict, Workload
from xinf.device.compatibility import Compatibility, judge

OK, INFO, WARN, FAIL = Severity.OK, Severity.INFO, Severity.WARN, Severity.FAIL

# What helps, by words of the problem; the first that stands in it counts.
_REMEDIES = (
    ("different versions", "Reboot, so that the driver that was installed last is the one loaded"),
    ("is not loaded", "sudo modprobe nvidia; if that fails, `sudo dmesg | grep -i nvrm` says why"),
    ("cannot be loaded", "Install the NVIDIA driver; in a container, start it with GPU access"),
    ("may not use the driver", "Add this user to the group of /dev/nvidia* (often `video`)"),
    (
        "GPU is lost",
        "`sudo dmesg | grep -i xid` says why; reboot, then look at its power cables, riser and "
        "temperature",
    ),
    ("must be reset", "Stop what uses it, then: sudo nvidia-smi --gpu-reset; or reboot"),
    (
        "does not answer",
        "`sudo dmesg | tail` may say why; a driver that hangs mostly needs a reboot",
    ),
)
_SOME_REMEDY = "See docs/devices.md; `sudo dmesg | tail` may say why"
# A limit is set in whole watts.
_WATT = 1.0


def check_devices(sighting: Sighting) -> Iterator[Finding]:
    """What cannot be used, and what can."""
    for problem in sighting.problems:
        remedy = next((each for words, each in _REMEDIES if words in problem), _SOME_REMEDY)
        yield Finding("devices", FAIL, problem, remedy)
    accelerators = [device for device in sighting.devices if device.kind != "cpu"]
    if not accelerators and not sighting.problems:
        yield Finding("devices", INFO, "there is no accelerator: models run on the CPU")
    for kind, each in groupby(accelerators, key=lambda device: device.kind):
        yield from _driver(kind, tuple(each))
    for device in accelerators:
        if device.problem:
            yield Finding("devices", WARN, f"{named(device)}: {device.problem}", _SOME_REMEDY)


def _driver(kind: str, devices: tuple[Device, ...]) -> Iterator[Finding]:
    first = devices[0]
    api = f", {'CUDA ' if kind == 'cuda' else 'API '}{first.driver_api}" if first.driver_api else ""
    driver = f"driver {first.driver}{api}" if first.driver else "a driver that tells no version"
    for name, same in groupby(devices, key=lambda device: device.name):
        cards = tuple(same)
        ids = ", ".join(card.id for card in cards)
        memory = format_bytes(cards[0].memory_total)
        yield Finding("driver", OK, f"{ids}: {name}, {memory}, {driver}")


def check_compatibility(
    sighting: Sighting,
    compatibility: Compatibility,
    circumstances: Mapping[str, Mapping[str, str]],
) -> Iterator[Finding]:
    """What vLLM needs on each kind of card, and what more where several of them share a model."""
    alike: dict[tuple[str, str, str | None], list[Device]] = {}
    for device in sighting.devices:
        if device.kind != "cpu":
            key = (device.kind, device.name, device.compute_capability)
            alike.setdefault(key, []).append(device)
    for devices in alike.values():
        told = circumstances.get(devices[0].kind, {})
        alone = judge(compatibility, Workload("vllm"), devices[0], told)
        yield from _verdict(devices[0], alone)
        shared = judge(compatibility, Workload("vllm", devices=len(devices)), devices[0], told)
        where = f"{len(devices)} x {_capability(devices[0])} for one model"
        yield from (_rule(where, rule) for rule in shared.rules if rule not in alone.rules)


def _verdict(device: Device, verdict: Verdict) -> Iterator[Finding]:
    where = _capability(device)
    if verdict.refusal:
        yield Finding("compatibility", FAIL, f"{where}: {verdict.refusal}", verdict.nearest)
        return
    dtype = "" if verdict.dtype == "auto" else f" and computes in {verdict.dtype}"
    if device.kind == "cuda" and device.compute_capability is None:
        text = f"{named(device)} does not tell its compute capability, so nothing is known of it"
        yield Finding("compatibility", WARN, text)
    elif all(rule.args or rule.env for rule in verdict.rules):
        yield Finding("compatibility", OK, f"{where}: vLLM runs there{dtype}")
    yield from (_rule(where, rule) for rule in verdict.rules)


def _rule(where: str, rule: AppliedRule) -> Finding:
    """A setting is seen to; what cannot be set is a warning."""
    is_set = bool(rule.args or rule.env)
    told = f"xinf sets {_settings(rule.args, rule.env)}: " if is_set else ""
    fix = f"see {rule.link}" if rule.link else ""
    severity = INFO if is_set else WARN
    return Finding("compatibility", severity, f"{where}: {told}{rule.reason}", fix)


def check_surroundings(sighting: Sighting) -> Iterator[Finding]:
    """What else makes a card less than it could be."""
    for device in sighting.devices:
        if device.kind == "cpu":
            continue
        if device.has_display:
            used = format_bytes(device.memory_used)
            text = f"{named(device)} drives a display, which takes memory: {used} are in use now"
            yield Finding(
                "display", WARN, text, "Use another GPU or the board's own for the display"
            )
        if device.has_persistence is False:
            text = (
                f"{named(device)} is not in persistence mode: the first start after a pause is slow"
            )
            fix = "sudo systemctl enable --now nvidia-persistenced, or: sudo nvidia-smi -pm 1"
            yield Finding("persistence", INFO, text, fix)
        if device.hides_processes:
            text = f"{named(device)} hides who uses it: what others take is inferred"
            yield Finding("processes", INFO, text)
        yield from _power(device)


def _power(device: Device) -> Iterator[Finding]:
    limit, default = device.vitals.power_limit, device.vitals.power_limit_default
    if limit is None or default is None or limit > default - _WATT:
        return
    text = f"{named(device)} may draw {limit:.0f} W, and is made for {default:.0f} W"
    fix = f"If that is not on purpose: sudo nvidia-smi -i {device.uuid} -pl {default:.0f}"
    yield Finding("power-limit", WARN, text, fix)


def named(device: Device) -> str:
    return f"{device.id} ({device.name})"


def _capability(device: Device) -> str:
    told = device.compute_capability or device.arch
    return f"{device.name} (compute capability {told})" if told else device.name


def _settings(args: Mapping[str, object], env: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in {**env, **args}.items())
