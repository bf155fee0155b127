"""What compatibility rules may ask for beyond the device: versions, the toolkit, peer-to-peer.

Nothing is started for it, so it may be asked before every plan.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from xinf.config.data import config_data
from xinf.config.paths import Paths
from xinf.config.settings import Settings
from xinf.core.errors import XinfError
from xinf.core.nodes import Device
from xinf.daemon.peers import recall
from xinf.registry.resolve import RUNTIMES
from xinf.runtime.lock import Pin
from xinf.runtime.locks import SIM, Locks

OWN_FILE = "engine_compatibility.toml"
# What packages are called in rules. CUDA's own come with their number in the name.
_NAMES = (
    (re.compile(r"vllm(-cpu)?"), "vllm"),
    (re.compile(r"torch"), "torch"),
    (re.compile(r"flashinfer-python"), "flashinfer"),
    (re.compile(r"nvidia-nccl-cu\d+"), "nccl"),
    (re.compile(r"cuda-toolkit"), "cuda"),
)
_CUDA_VERSION = re.compile(r"^#define CUDA_VERSION (\d+)", re.MULTILINE)


def compatibility_files(settings: Settings, paths: Paths) -> tuple[Path, ...]:
    """The shipped rules, and those of the user's if there are any."""
    shipped = config_data(OWN_FILE)
    if settings.scheduler.compatibility:
        return shipped, Path(settings.scheduler.compatibility).expanduser()
    beside = paths.config_file.with_name(OWN_FILE) if paths.config_file else None
    return (shipped, beside) if beside is not None and beside.is_file() else (shipped,)


def circumstances(
    devices: Sequence[Device],
    locks: Locks,
    own: Collection[str],
    state_dir: Path,
    environ: Mapping[str, str],
) -> Mapping[str, Mapping[str, str]]:
    """What is known, by kind of device. Blocks for a few small files; never raises.

    Versions are those that the locks pin; `own` are the variants that a user's own interpreter
    stands in for, of which nothing is known.
    """
    found = {kind: dict(versions) for kind, versions in _pinned(locks, own)}
    cuda = found.setdefault("cuda", {})
    cuda["p2p"] = recall(state_dir, devices)
    toolkit = toolkit_version(toolkit_homes(environ))
    if toolkit:
        cuda["toolkit"] = toolkit
    return found


def versions_of(pins: Iterable[Pin]) -> dict[str, str]:
    """Versions of the packages that rules may ask for, by the rules' names."""
    return {
        name: pin.version for pin in pins for pattern, name in _NAMES if pattern.fullmatch(pin.name)
    }


def toolkit_homes(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where a CUDA toolkit is looked for, in the order in which what compiles looks for it."""
    compiler = shutil.which("nvcc", path=environ.get("PATH"))
    named = (environ.get("CUDA_HOME"), environ.get("CUDA_PATH"))
    return (
        *(Path(each) for each in named if each),
        *([Path(compiler).resolve().parent.parent] if compiler else []),
        Path("/usr/local/cuda"),
    )


def toolkit_version(homes: Iterable[Path]) -> str:
    """The version of the first toolkit in `homes`, by its own files; empty if there is none."""
    return next((found for home in homes if (found := _version_in(home))), "")


def _version_in(home: Path) -> str:
    try:
        told = _CUDA_VERSION.search((home / "include" / "cuda.h").read_text(errors="replace"))
        if told:
            # 12080 is 12.8.
            return f"{int(told[1]) // 1000}.{int(told[1]) % 1000 // 10}"
    except OSError:
        pass
    try:
        return str(json.loads((home / "version.json").read_text())["cuda"]["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _pinned(locks: Locks, own: Collection[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Versions in the runtimes of vLLM, by the kind of device that each is for."""
    for kind, variant in RUNTIMES["vllm"].items():
        if variant == SIM or variant in own:
            continue
        try:
            yield kind, versions_of(locks.get(variant).pins)
        except XinfError:
            continue
