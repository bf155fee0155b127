"""Which files hold which logs. Their names are the launcher's and the daemon's; they are only read.

An engine's log is `<model>-<index>.log`, appended to at every start of that replica. The daemon's
is `xinf.log`; when it is full it becomes `xinf.log.1` and begins anew. A worker that is a process
of its own has `worker.log` in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.placement import model_of, replica_name

DAEMON = "xinf.log"
_OWN = ("xinf", "worker")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose logs: the daemon's without a model, all replicas' without an index."""

    model: str = ""
    index: int | None = None

    @property
    def name(self) -> str:
        if not self.model:
            return "xinf"
        return self.model if self.index is None else replica_name(self.model, self.index)


@dataclass(frozen=True, slots=True)
class Log:
    """One log. `older` is the file that it continues, if there is one."""

    name: str
    file: Path
    older: Path | None = None


def parse_wanted(text: str | None) -> Wanted:
    """NAME, NAME/REPLICA or nothing; raises ValueError for what is none of them."""
    if text is None:
        return Wanted()
    model, slash, index = text.partition("/")
    if not model or (slash and not index.isdecimal()):
        raise ValueError(f"{text!r} is neither a model nor a replica such as echo/0")
    return Wanted(model, int(index) if slash else None)


def find_logs(log_dir: Path, wanted: Wanted) -> tuple[Log, ...]:
    """The logs that are there now, in the order of their replicas."""
    if not wanted.model:
        own = (_own_log(log_dir, name) for name in _OWN)
        return tuple(log for log in own if log.file.exists())
    return tuple(
        Log(replica, file) for replica, file in _replicas(log_dir) if _is_wanted(replica, wanted)
    )


def is_expected(wanted: Wanted, known: Iterable[str]) -> bool:
    """Whether there may be a log of it soon, going by the replicas that are `known`."""
    return not wanted.model or any(_is_wanted(replica, wanted) for replica in known)


def nothing_found(wanted: Wanted, log_dir: Path, known: Iterable[str]) -> XinfError:
    """Why there is nothing to show, and what there is. `known`: replicas that may lack a log."""
    there = [name for name, _ in _replicas(log_dir)]
    own = {name for name in (*there, *known) if model_of(name) == wanted.model}
    models = sorted({model_of(name) for name in (*there, *known)})
    if not wanted.model:
        cause, next_step = f"there is no {log_dir / DAEMON}", "It is written by `xinf up`"
    elif is_expected(wanted, known):
        cause, next_step = "it has not run yet", "Wait for it with --follow"
    elif own:
        cause, next_step = (
            "there is no such replica",
            f"There are: {', '.join(sorted(own, key=_index))}",
        )
    elif models:
        cause, next_step = "there is no log of that name", f"There are: {', '.join(models)}"
    else:
        cause, next_step = "no engine has run here yet", "Start one with `xinf up`"
    return XinfError(
        ErrorCode.NOT_FOUND, thing=f"log of {wanted.name}", cause=cause, next_step=next_step
    )


def _own_log(log_dir: Path, name: str) -> Log:
    older = log_dir / f"{name}.log.1"
    return Log(name, log_dir / f"{name}.log", older if older.exists() else None)


def _is_wanted(replica: str, wanted: Wanted) -> bool:
    return model_of(replica) == wanted.model and wanted.name in (wanted.model, replica)


def _index(replica: str) -> int:
    return int(replica.rpartition("/")[2])


def _replicas(log_dir: Path) -> list[tuple[str, Path]]:
    """Every replica that has a log, in order."""
    found: list[tuple[str, int, Path]] = []
    for file in log_dir.glob("*-*.log"):
        model, _, index = file.stem.rpartition("-")
        if model and index.isdecimal():
            found.append((model, int(index), file))
    return [(replica_name(model, index), file) for model, index, file in sorted(found)]
