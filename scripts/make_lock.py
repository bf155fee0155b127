"""Make or refresh an engine runtime's lock: `python scripts/make_lock.py llamacpp-cpu`.

Resolves the `# wants:` of configs/runtimes/VARIANT.lock anew for the oldest Python named there,
then makes sure that every pin has a wheel for the other ones too, and notes how large they are.
Comments stay.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from xinf.runtime.lock import read_lock  # noqa: E402


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


def resolve(wants: tuple[str, ...], minor: str, scratch: Path) -> list[str]:
    """Exact requirements for `wants`, sorted by name."""
    report = scratch / "report.json"
    target = ["--target", str(scratch / "none"), "--python-version", minor]
    dry = ["--dry-run", "--ignore-installed", "--only-binary=:all:", "--report", str(report)]
    pip("install", *dry, *target, *wants)
    found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    return sorted(f"{each['name']}=={each['version']}" for each in found)


def sizes(requirements: list[str], minor: str, scratch: Path) -> dict[str, int]:
    """Bytes of each requirement's wheel for `minor`; fails if one has none."""
    into = scratch / minor
    only = ["--no-deps", "--only-binary=:all:", "--python-version", minor]
    pip("download", *only, "--dest", str(into), *requirements)
    by_name = {path.name.split("-")[0].lower(): path.stat().st_size for path in into.iterdir()}
    return {each: by_name[wheel_name(each)] for each in requirements}


def wheel_name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "_", requirement.partition("==")[0]).lower()


def main() -> None:
    (variant,) = sys.argv[1:]
    path = ROOT / "configs" / "runtimes" / f"{variant}.lock"
    lock = read_lock(path)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        requirements = resolve(lock.wants, lock.pythons[0], scratch)
        known = [sizes(requirements, minor, scratch) for minor in lock.pythons]
    comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
    pins = [f"{each}  # bytes={max(size[each] for size in known)}" for each in requirements]
    path.write_text("\n".join([*comments, *pins]) + "\n")
    print(f"{path.relative_to(ROOT)}: {len(pins)} packages")


if __name__ == "__main__":
    main()
