from dataclasses import replace

import pytest

from xinf.core.findings import Finding
from xinf.daemon.doctor.facts import RuntimeSeen
from xinf.daemon.doctor.runtimes import check_runtimes

SEEN = RuntimeSeen(
    "vllm-cuda", "cuda", "installed", ("vllm 0.32.0", "torch 2.13.0", "gguf 1", "x 1")
)


def finding(seen: RuntimeSeen) -> Finding:
    (found,) = check_runtimes([seen], {"cuda", "cpu"})
    return found


def test_a_runtime_for_devices_that_are_not_there_is_not_spoken_of() -> None:
    assert list(check_runtimes([SEEN], {"cpu"})) == []


def test_an_installed_one_is_told_by_the_versions_that_say_most() -> None:
    found = finding(SEEN)
    assert (found.severity, found.message) == (
        "ok",
        "vllm-cuda: vllm 0.32.0, torch 2.13.0, gguf 1",
    )


@pytest.mark.parametrize(
    ("more", "severity", "words"),
    [
        ({"state": "missing"}, "info", "not installed"),
        ({"state": "broken"}, "warn", "the next start installs it anew"),
        ({"state": "broken", "is_own": True}, "fail", "your own interpreter"),
        ({"state": "user"}, "ok", "vllm 0.32.0"),
        ({"state": "missing", "unmet": "no g++", "is_default": True}, "fail", "no g++"),
        ({"state": "missing", "unmet": "no g++"}, "info", "no g++"),
        ({"unmet": "no g++"}, "warn", "installed, but no g++"),
    ],
)
def test_what_is_amiss_with_one(more: dict[str, object], severity: str, words: str) -> None:
    found = finding(replace(SEEN, next_step="Install g++", **more))  # type: ignore[arg-type]
    assert found.severity == severity
    assert words in found.message
    assert found.fix or severity == "ok"
