from xinf.core.findings import Finding, Severity, count


def test_findings_are_counted_by_severity() -> None:
    found = [Finding("a", Severity.FAIL, "x"), Finding("b", Severity.OK, "y")] * 2
    assert count(found, Severity.FAIL) == 2
    assert count(found, Severity.WARN) == 0
