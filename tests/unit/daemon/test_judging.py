from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.clock import VirtualClock
from tests.support.config import settings
from xinf.config.paths import find_paths
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.nodes import Device
from xinf.core.workload import Workload
from xinf.daemon.judging import Judging

BLACKWELL = Device("GPU-5090", "cuda", 0, "NVIDIA GeForce RTX 5090", 1, 0, "12.0")
AMPERE = Device("GPU-3090", "cuda", 1, "NVIDIA GeForce RTX 3090", 1, 0, "8.6")


def judging(tmp_path: Path, toml: str = "") -> Judging:
    paths = find_paths({"XINF_STATE_DIR": str(tmp_path / "state")}, tmp_path, None)
    return Judging(settings(tmp_path, toml), paths, VirtualClock())


def test_a_workload_is_judged_for_each_device_by_the_shipped_rules(tmp_path: Path) -> None:
    judge = judging(tmp_path).bench([BLACKWELL, AMPERE])
    verdicts = judge(Workload("vllm", quantization="int8"))
    assert "int8" in verdicts["GPU-5090"].refusal
    assert "fp8" in verdicts["GPU-5090"].nearest
    assert verdicts["GPU-3090"].refusal == ""


def test_rules_of_one_s_own_hold_as_well(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(
        """
[[rules]]
name = "no-vllm-here"
when = { engine = "vllm", kind = "cuda" }
refuse = "these cards are somebody else's"
reason = "They are on loan."
link = "https://example.org"
"""
    )
    judge = judging(tmp_path, f"[scheduler]\ncompatibility = '{own}'\n").bench([AMPERE])
    assert "somebody else's" in judge(Workload("vllm"))["GPU-3090"].refusal


def test_a_wrong_file_of_rules_is_refused_when_xinf_starts(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text("[[rules]]\nname = 5\n")
    with pytest.raises(XinfError) as refused:
        judging(tmp_path, f"[scheduler]\ncompatibility = '{own}'\n")
    assert refused.value.code is ErrorCode.CONFIG_INVALID
    assert str(own) in str(refused.value)


def test_the_judge_is_the_same_until_a_device_is_another(tmp_path: Path) -> None:
    there = judging(tmp_path)
    first = there.bench([AMPERE])
    assert there.bench([replace(AMPERE, memory_used=1)]) == first
    assert there.bench([replace(AMPERE, driver="580.1")]) != first
