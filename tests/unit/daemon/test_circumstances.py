from dataclasses import replace
from pathlib import Path

import pytest

from xinf.config.load import load_settings
from xinf.config.paths import Paths
from xinf.core.nodes import Device
from xinf.daemon.circumstances import (
    circumstances,
    compatibility_files,
    toolkit_homes,
    toolkit_version,
    versions_of,
)
from xinf.daemon.peers import WORKS, keep
from xinf.device.compatibility_file import load_compatibility
from xinf.device.rule_tables import CIRCUMSTANCES
from xinf.runtime.lock import Pin
from xinf.runtime.locks import Locks

CARD = Device("GPU-1", "cuda", 0, "Card", 1, 0, driver="580.1")


def files(folder: Path, toml: str) -> tuple[Path, ...]:
    config = folder / "xinf.toml"
    config.write_text(toml)
    paths = Paths(config, folder, folder, folder)
    return compatibility_files(load_settings(paths, {}), paths)


def test_the_shipped_rules_come_first_and_are_valid(tmp_path: Path) -> None:
    (shipped,) = files(tmp_path, "")
    assert load_compatibility([shipped]).rules


def test_rules_beside_the_config_file_are_used_and_named_ones_instead_of_them(
    tmp_path: Path,
) -> None:
    beside = tmp_path / "engine_compatibility.toml"
    beside.touch()
    assert files(tmp_path, "")[1:] == (beside,)
    named = files(tmp_path, '[scheduler]\ncompatibility = "/etc/rules.toml"\n')
    assert named[1:] == (Path("/etc/rules.toml"),)


def test_packages_are_known_by_the_names_that_rules_use() -> None:
    pins = [
        Pin("vllm", "0.32.0", 1),
        Pin("nvidia-nccl-cu13", "2.29.7", 1),
        Pin("cuda-toolkit", "13.0.3", 1),
        Pin("flashinfer-python", "0.7.0", 1),
        Pin("torchvision", "1.0", 1),
    ]
    assert versions_of(pins) == {
        "vllm": "0.32.0",
        "nccl": "2.29.7",
        "cuda": "13.0.3",
        "flashinfer": "0.7.0",
    }


def test_the_shipped_locks_tell_everything_that_rules_may_ask_for(tmp_path: Path) -> None:
    told = circumstances((CARD,), Locks(), (), tmp_path, {})
    assert {*told["cuda"], "toolkit"} == set(CIRCUMSTANCES)
    assert told["cpu"]["vllm"] == told["cuda"]["vllm"]


def test_of_an_interpreter_of_the_user_s_own_no_version_is_known(tmp_path: Path) -> None:
    told = circumstances((CARD,), Locks(), ("vllm-cuda",), tmp_path, {})
    assert "vllm" not in told["cuda"]
    assert "vllm" in told["cpu"]


def test_what_the_doctor_found_of_these_cards_is_known(tmp_path: Path) -> None:
    assert circumstances((CARD,), Locks(), (), tmp_path, {})["cuda"]["p2p"] == "unproven"
    keep(tmp_path, (CARD,), WORKS)
    assert circumstances((CARD,), Locks(), (), tmp_path, {})["cuda"]["p2p"] == "works"
    other = replace(CARD, uuid="GPU-2")
    assert circumstances((other,), Locks(), (), tmp_path, {})["cuda"]["p2p"] == "unproven"


@pytest.mark.parametrize(
    ("file", "text", "version"),
    [
        ("include/cuda.h", "/* */\n#define CUDA_VERSION 12080\n", "12.8"),
        ("include/cuda.h", "#define CUDA_VERSION 13000\n", "13.0"),
        ("version.json", '{"cuda": {"version": "12.9.1"}}', "12.9.1"),
        ("version.json", "{}", ""),
        ("include/cuda.h", "#define NOTHING\n", ""),
    ],
)
def test_a_toolkit_tells_its_version_by_its_files(
    tmp_path: Path, file: str, text: str, version: str
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert toolkit_version([tmp_path / "none", tmp_path]) == version


def test_a_toolkit_that_is_named_comes_before_one_on_the_path(tmp_path: Path) -> None:
    nvcc = tmp_path / "cuda-12.8" / "bin" / "nvcc"
    nvcc.parent.mkdir(parents=True)
    nvcc.touch(mode=0o755)
    environ = {"CUDA_HOME": "/opt/cuda", "PATH": str(nvcc.parent)}
    assert toolkit_homes(environ) == (
        Path("/opt/cuda"),
        tmp_path / "cuda-12.8",
        Path("/usr/local/cuda"),
    )
