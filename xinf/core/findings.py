"""What a look at the machine found, for `xinf doctor`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """`warn` = it works, but not as well as it could; `fail` = something will not work."""

    OK = "ok"
    INFO = "info"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`message` says what is and what that means, `fix` what to do about it; empty = nothing."""

    check: str
    severity: Severity
    message: str
    fix: str = ""


def count(findings: Iterable[Finding], severity: Severity) -> int:
    """How many there are of one severity."""
    return sum(finding.severity is severity for finding in findings)
