from xinf.cli.output import text_of
from xinf.cli.show.findings import findings_view
from xinf.core.findings import Finding, Severity

FINE = Finding("driver", Severity.OK, "driver 580.95, CUDA 13.0", "not shown")
KNOWN = Finding("runtime", Severity.INFO, "vllm-cuda is not installed", "install it")
AMISS = Finding("display", Severity.WARN, "cuda:0 drives a display")
BROKEN = Finding("port", Severity.FAIL, "port 5090 is in use", "take another")


def test_a_line_for_each_below_it_what_to_do_and_how_many_there_are() -> None:
    assert text_of(findings_view([FINE, KNOWN, AMISS, BROKEN, AMISS])).split("\n") == [
        "ok    driver   driver 580.95, CUDA 13.0",
        "info  runtime  vllm-cuda is not installed",
        "               fix: install it",
        "warn  display  cuda:0 drives a display",
        "FAIL  port     port 5090 is in use",
        "               fix: take another",
        "warn  display  cuda:0 drives a display",
        "",
        "1 failure, 2 warnings",
    ]


def test_when_nothing_is_amiss_it_says_so() -> None:
    assert text_of(findings_view([FINE, KNOWN])).endswith("\nall is well")


def test_a_long_finding_is_wrapped_under_itself() -> None:
    long = Finding("a", Severity.OK, "one two three four five six")
    lines = text_of(findings_view([long]), width=20).split("\n")
    assert lines[:2] == ["ok  a  one two three", "       four five six"]
