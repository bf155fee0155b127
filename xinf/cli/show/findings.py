"""`doctor`: a line for each finding, below it what to do, at the end how many there are."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from xinf.core.findings import Finding, Severity, count

# What will not work stands out without color, too.
_MARKS = {
    Severity.OK: Text("ok", style="green"),
    Severity.INFO: Text("info", style="cyan"),
    Severity.WARN: Text("warn", style="yellow"),
    Severity.FAIL: Text("FAIL", style="bold red"),
}


def findings_view(findings: Sequence[Finding]) -> Group:
    """In the order of the findings."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for column in range(3):
        table.add_column(no_wrap=column < 2)
    for finding in findings:
        table.add_row(_MARKS[finding.severity], finding.check, finding.message)
        if finding.fix and finding.severity is not Severity.OK:
            table.add_row("", "", Text(f"fix: {finding.fix}", style="dim"))
    return Group(table, Padding(_summary(findings), (1, 0, 0, 0)))


def _summary(findings: Sequence[Finding]) -> str:
    failures, warnings = count(findings, Severity.FAIL), count(findings, Severity.WARN)
    told = [
        f"{number} {word if number == 1 else word + 's'}"
        for number, word in ((failures, "failure"), (warnings, "warning"))
        if number
    ]
    return ", ".join(told) if told else "all is well"
