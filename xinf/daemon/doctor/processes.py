"""Processes of engines that xinf started, and whether anybody still looks after them.

A shim is known by its command line, what it started by the shim's own import path in its
environment, which no stranger has. vLLM's processes write their title over that: they are known by
the files of xinf's runtimes that they have mapped. All are attended while the process that started
them lives, and a shim also while there is a worker of the state directory that it was started for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xinf.agent.process import PROC, ProcessStat, read_stat
from xinf.config.paths import client_paths
from xinf.daemon.doctor.facts import ProcessSeen
from xinf.daemon.doctor.listeners import name_of
from xinf.daemon.lock import holder
from xinf.daemon.roles import Role
from xinf.runtime.users import processes_in

# Whoever takes in processes whose own parent is gone.
_FOSTER = frozenset({"systemd", "init"})
# What vLLM calls EngineCore and workers.
_TITLE = "VLLM::"


@dataclass(frozen=True, slots=True)
class _Process:
    stat: ProcessStat
    command: tuple[str, ...]
    environ: Mapping[str, str]

    @property
    def is_shim(self) -> bool:
        return "xinf.shim" in self.command and "--socket" in self.command

    @property
    def is_titled(self) -> bool:
        return self.command[0].startswith(_TITLE)

    @property
    def is_engine(self) -> bool:
        tree = self.environ.get("PYTHONPATH", "").partition(os.pathsep)[0]
        return self.is_shim or bool(tree and (Path(tree) / "xinf" / "shim" / "death.py").is_file())


def engine_processes(runtimes: Path, proc: Path = PROC) -> tuple[ProcessSeen, ...]:
    """All of them that belong to this user; `runtimes` is where engines' environments lie. Blocks;
    never raises.
    """
    own = list(_own(proc))
    ours = _titled_in(runtimes, own, proc)
    found = {each.stat.pid: each for each in own if each.is_engine or each.stat.pid in ours}
    return tuple(
        ProcessSeen(
            each.stat.pid,
            each.stat.session,
            name_of(each.stat.pid, proc),
            _is_attended(each, found, proc),
        )
        for each in found.values()
    )


def _titled_in(runtimes: Path, own: Sequence[_Process], proc: Path) -> frozenset[int]:
    if not any(each.is_titled for each in own):
        return frozenset()
    inside = processes_in([runtimes], proc)
    return frozenset(each.stat.pid for each in own if each.is_titled and each.stat.pid in inside)


def _is_attended(process: _Process, engines: Mapping[int, _Process], proc: Path) -> bool:
    """Whether the first of its ancestors that is no part of an engine is somebody who cares."""
    first = process
    while (parent := engines.get(first.stat.parent)) is not None:
        first = parent
    parent_pid = first.stat.parent
    if parent_pid > 1 and name_of(parent_pid, proc) not in _FOSTER:
        return True
    if not first.is_shim:
        return False
    state_dir = client_paths(first.environ, _folder_of(first.stat.pid, proc)).state_dir
    return holder(state_dir, Role.WORKER) is not None


def _own(proc: Path) -> Iterator[_Process]:
    for entry in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            if entry.stat().st_uid != os.getuid():
                continue
            command = _texts(entry / "cmdline")
            pairs = (text.partition("=") for text in _texts(entry / "environ"))
            environ = {name: value for name, _, value in pairs}
        except OSError:
            continue
        stat = read_stat(int(entry.name), proc)
        if stat is not None and stat.is_alive:
            yield _Process(stat, command, environ)


def _texts(file: Path) -> tuple[str, ...]:
    return tuple(file.read_bytes().decode(errors="replace").split("\0"))


def _folder_of(pid: int, proc: Path) -> Path:
    try:
        return (proc / str(pid) / "cwd").readlink()
    except OSError:
        return Path("/")
