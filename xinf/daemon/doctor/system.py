"""Checks of the system around xinf: its settings, its port, its store, file limits and the CPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xinf.core.findings import Finding, Severity
from xinf.core.nodes import Device
from xinf.core.workload import Workload
from xinf.daemon.doctor.facts import Facts, PortSeen, StoreSeen
from xinf.device.compatibility import Compatibility, judge

OK, INFO, WARN, FAIL = Severity.OK, Severity.INFO, Severity.WARN, Severity.FAIL

# Each request takes one, each engine some ten; below the first there is hardly anything left.
FILES_LEAST, FILES_USUAL = 1024, 4096


def check_settings(facts: Facts) -> Iterator[Finding]:
    """The config file, and the user's own compatibility rules."""
    settings = facts.settings
    fix = "xinf config validate"
    for problem in settings.problems:
        yield Finding("config", FAIL, problem, fix)
    if not settings.problems:
        told = settings.file or "there is no config file, the defaults hold"
        yield Finding("config", OK, told)
    if settings.compatibility_problem:
        yield Finding("config", FAIL, settings.compatibility_problem, "docs/compatibility.md")


def check_store(store: StoreSeen | None) -> Iterator[Finding]:
    if store is None:
        return
    if store.problem:
        yield Finding("store", FAIL, f"{store.place}: {store.problem}", store.next_step)
    elif store.exists:
        yield Finding("store", OK, f"{store.place} is whole")
    else:
        yield Finding("store", OK, f"{store.place} will be made at the first start")


def check_port(port: PortSeen | None) -> Iterator[Finding]:
    if port is None:
        return
    where = f"port {port.port} of {port.host}"
    if port.problem:
        yield Finding("port", FAIL, f"{where}: {port.problem}", "Set server.host or server.port")
    elif port.is_ours:
        yield Finding("port", OK, f"{where} is served by xinf, {port.holder}")
    elif port.holder:
        fix = f"Stop that, or take another: XINF_SERVER__PORT={port.port + 1} xinf up"
        yield Finding("port", FAIL, f"{where} is in use by {port.holder}", fix)
    else:
        yield Finding("port", OK, f"{where} is free" if port.port else "any free port is taken")


def check_open_files(limits: tuple[int, int] | None) -> Iterator[Finding]:
    """`limits` are the soft one, which holds, and the hard one, which it may be raised to."""
    if limits is None:
        return
    soft, hard = limits
    text = f"a process may have {soft} files open"
    fix = (
        f"ulimit -n {min(hard, 65536)}" if hard > soft else "Raise it in /etc/security/limits.conf"
    )
    if soft < FILES_LEAST:
        yield Finding("open-files", WARN, f"{text}, too few for many requests at once", fix)
    elif soft < FILES_USUAL:
        text = f"{text}: about {soft // 2} requests at a time"
        yield Finding("open-files", INFO, text, fix)
    else:
        yield Finding("open-files", OK, text)


def check_cpu(
    device: Device | None,
    compatibility: Compatibility,
    circumstances: Mapping[str, Mapping[str, str]],
) -> Iterator[Finding]:
    """What engines for the CPU find in it. It is no failure when only vLLM does not run there."""
    if device is None:
        return
    verdict = judge(compatibility, Workload("vllm"), device, circumstances.get("cpu", {}))
    telling = ", ".join(_telling(device.features))
    name = f"{device.name} ({telling})" if telling else device.name
    if verdict.refusal:
        yield Finding("cpu", WARN, f"{name}: {verdict.refusal}", verdict.nearest)
        return
    notes = "; ".join(rule.reason for rule in verdict.rules)
    yield Finding(
        "cpu", INFO if notes else OK, f"{name}: {notes or 'vLLM and llama.cpp run on it'}"
    )


def _telling(features: tuple[str, ...]) -> list[str]:
    """The instruction sets that decide how fast it is."""
    known = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16", "bf16", "i8mm", "sve")
    return [name for name in known if name in features]
