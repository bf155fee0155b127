"""`python -m xinf.registry.hub_child REPO REVISION PATTERN`: fetch a model from the hub, and end.

A process of its own, because huggingface_hub blocks, cannot be cancelled, and is large. It speaks
JSON lines on its standard output: {"done", "total"} again and again, then {"path", "commit"} or
{"error", "cause", "next_step"}. A token never is in any of them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Any

from huggingface_hub import HfApi, constants, try_to_load_from_cache
from huggingface_hub import snapshot_download as download  # pyright: ignore[reportUnknownVariableType]
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import tqdm

from xinf.core.units import format_bytes
from xinf.registry.hub_errors import Told, explain
from xinf.registry.hub_files import NoModel, is_folder, needed

Say = Callable[[Mapping[str, str | int]], None]

API_TIMEOUT_S = 30.0
# Progress in smaller steps than this is nobody's concern.
STEP_BYTES = 256 * 1024


def main(arguments: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, leave)
    repo, revision, pattern = arguments
    try:
        path, commit = fetch(repo, revision, pattern, say)
    except Exception as error:  # the other process tells the user, whatever it is
        told = explain(error, repo, revision)
        say({"error": str(told.code), "cause": told.cause, "next_step": told.next_step})
        return 1
    say({"path": str(path), "commit": commit})
    return 0


def leave(number: int, frame: FrameType | None) -> None:
    """End at once, whatever the downloading threads are at, and take half a file with us: the
    hub's client gives each try a new name, so that nobody would ever go on with it.
    """
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            held = link.readlink()
            if held.suffix == ".incomplete":
                held.unlink()
    os._exit(128 + number)


def say(line: Mapping[str, str | int]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def fetch(repo: str, revision: str, pattern: str, tell: Say) -> tuple[Path, str]:
    """The model's file or folder, and the commit it is of. What is there already is not fetched."""
    try:
        info = HfApi().model_info(
            repo, revision=revision, files_metadata=True, timeout=API_TIMEOUT_S
        )
    except Exception:
        # Whatever keeps us from the hub: what somebody fetched before is as good.
        there = cached(repo, revision, pattern)
        if there is None:
            raise
        return there
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    files = needed(sizes, pattern)
    commit = info.sha or revision
    missing = [file for file in files if not is_there(repo, file, commit)]
    meter = Meter(sum(sizes[file] for file in files), tell)
    meter.add(meter.total - sum(sizes[file] for file in missing))
    check_disk(sum(sizes[file] for file in missing))
    folder = download(
        repo, revision=revision, allow_patterns=list(map(literal, files)), tqdm_class=meter.bar()
    )
    meter.finish()
    return place(Path(folder), files), commit


def cached(repo: str, revision: str, pattern: str) -> tuple[Path, str] | None:
    """What any tool has put into the standard cache, if it is whole."""
    home = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")
    ref = home / "refs" / revision
    commit = ref.read_text().strip() if ref.is_file() else revision
    folder = home / "snapshots" / commit
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    try:
        files = needed(names, pattern)
    except NoModel:
        return None
    return (place(folder, files), commit) if is_whole(folder, files) else None


def is_whole(folder: Path, files: Sequence[str]) -> bool:
    """Whether every part that an index names is there, and what says how to load them."""
    if not is_folder(files):
        return True
    indexes = (folder / file for file in files if file.endswith(".index.json"))
    wanted = {part for index in indexes for part in _parts(index)}
    return "config.json" in files and all((folder / part).is_file() for part in wanted)


def _parts(index: Path) -> set[str]:
    weight_map: Mapping[str, str] = json.loads(index.read_text()).get("weight_map", {})
    return set(weight_map.values())


def is_there(repo: str, file: str, commit: str) -> bool:
    return isinstance(try_to_load_from_cache(repo, file, revision=commit), str)


def place(folder: Path, files: Sequence[str]) -> Path:
    return folder if is_folder(files) else folder / files[0]


def literal(name: str) -> str:
    """`name` as a pattern that matches nothing else."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def check_disk(wanted: int) -> None:
    """Raises Told if that many bytes more do not fit into the hub's cache."""
    home = Path(constants.HF_HUB_CACHE)
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    if free < wanted:
        need = f"needs {format_bytes(wanted)} in {home}, where {format_bytes(free)} are free"
        raise Told.disk_full(need)


class Meter:
    """Bytes of all files together, whichever thread fetches them."""

    def __init__(self, total: int, tell: Say) -> None:
        self.total = total
        self._tell = tell
        self._lock = Lock()
        self._done = 0
        self._told = -STEP_BYTES

    def add(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._done - self._told >= STEP_BYTES:
                self._told = self._done
                self._tell({"done": min(self._done, self.total), "total": self.total})

    def finish(self) -> None:
        self._tell({"done": self.total, "total": self.total})

    def bar(self) -> type[tqdm]:
        """A progress bar that draws nothing and counts here.

        The hub's client moves two of them at once: what came over the network, and what it made of
        that on the disk. The second one is the model.
        """
        meter = self

        class Bar(tqdm):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                title = str(kwargs.get("desc", ""))
                self._counts = kwargs.get("unit") == "B" and not title.startswith("Downloading")
                kwargs["disable"] = True
                super().__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]

            def update(self, n: float | None = 1) -> bool | None:
                if self._counts:
                    meter.add(int(n or 0))
                return super().update(n)

        return Bar


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
