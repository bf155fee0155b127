"""Make or refresh an engine runtime's lock: `python scripts/make_lock.py llamacpp-cpu`.

Resolves the `# wants:` of configs/runtimes/VARIANT.lock anew for the oldest Python named there,
then makes sure that every pin has a wheel for the other ones too, and notes how large they are.
Comments stay. Two more of them are read here and nowhere else:

    # without: triton torchaudio     dependencies that the engine does without
    # indexes: default               pip's own index alone, whatever this machine adds to it
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from xinf.runtime.lock import folded, read_lock  # noqa: E402

# Where pip is told of more places to find wheels in, such as one for a CPU's torch.
ADDED_PLACES = ("PIP_CONFIG_FILE", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL")


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


def told(path: Path, key: str) -> list[str]:
    """The words of a comment such as `# without: ...`."""
    found = re.search(rf"^# {key}: (.*)$", path.read_text(), re.MULTILINE)
    return found[1].split() if found else []


def use_default_index() -> None:
    for name in ADDED_PLACES:
        os.environ.pop(name, None)
    os.environ["PIP_CONFIG_FILE"] = os.devnull


def resolve(wants: tuple[str, ...], minor: str, scratch: Path, without: set[str]) -> list[str]:
    """Exact requirements for `wants`, sorted by name."""
    report = scratch / "report.json"
    target = ["--target", str(scratch / "none"), "--python-version", minor]
    dry = ["--dry-run", "--ignore-installed", "--only-binary=:all:", "--report", str(report)]
    pip("install", *dry, *target, *wants)
    found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    exact = (f"{each['name']}=={each['version']}" for each in found)
    return sorted((each for each in exact if wheel_name(each) not in without), key=str.lower)


def sizes(requirements: list[str], minor: str, scratch: Path) -> dict[str, int]:
    """Bytes of each requirement's wheel for `minor`; fails if one has none."""
    into = scratch / minor
    only = ["--no-deps", "--only-binary=:all:", "--python-version", minor]
    pip("download", *only, "--dest", str(into), *requirements)
    by_name = {wheel_name(path.name.split("-")[0]): path.stat().st_size for path in into.iterdir()}
    return {each: by_name[wheel_name(each)] for each in requirements}


def wheel_name(requirement: str) -> str:
    return folded(requirement.partition("==")[0])


def main() -> None:
    (variant,) = sys.argv[1:]
    path = ROOT / "configs" / "runtimes" / f"{variant}.lock"
    lock = read_lock(path)
    without = {wheel_name(each) for each in told(path, "without")}
    if told(path, "indexes") == ["default"]:
        use_default_index()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        requirements = resolve(lock.wants, lock.pythons[0], scratch, without)
        known = [sizes(requirements, minor, scratch) for minor in lock.pythons]
    comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
    pins = [f"{each}  # bytes={max(size[each] for size in known)}" for each in requirements]
    path.write_text("\n".join([*comments, *pins]) + "\n")
    print(f"{path.relative_to(ROOT)}: {len(pins)} packages")


if __name__ == "__main__":
    main()
