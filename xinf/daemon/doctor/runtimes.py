"""Checks of the environments that engines run in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from xinf.core.findings import Finding, Severity
from xinf.daemon.doctor.facts import RuntimeSeen

_VERSIONS = 3


def check_runtimes(runtimes: Sequence[RuntimeSeen], kinds: Collection[str]) -> Iterator[Finding]:
    """`kinds` are those of the devices here; a runtime for another kind is not spoken of."""
    return (_finding(each) for each in runtimes if each.kind in kinds)


def _finding(seen: RuntimeSeen) -> Finding:
    name, install = seen.variant, f"xinf runtime install {seen.variant}"
    versions = ", ".join(seen.versions[:_VERSIONS])
    if seen.unmet and seen.state in {"missing", "broken"}:
        severity = Severity.FAIL if seen.is_default else Severity.INFO
        text = f"{name} cannot be installed: {seen.unmet}"
        return Finding("runtime", severity, text, seen.next_step)
    if seen.unmet:
        text = f"{name} is installed, but {seen.unmet}"
        return Finding("runtime", Severity.WARN, text, seen.next_step)
    if seen.state == "broken" and seen.is_own:
        text = f"{name}: your own interpreter for it does not run"
        fix = "Correct `engines.NAME.python`, or remove it to have xinf install one"
        return Finding("runtime", Severity.FAIL, text, fix)
    if seen.state == "broken":
        text = f"{name} is broken: something of it is gone; the next start installs it anew"
        return Finding("runtime", Severity.WARN, text, install)
    if seen.state == "missing":
        text = f"{name} is not installed; the first start that needs it does that"
        return Finding("runtime", Severity.INFO, text, install)
    return Finding("runtime", Severity.OK, f"{name}: {versions}" if versions else name)
