#!/usr/bin/env python3
"""Start xinf from a fresh clone: `python3 xinf.py up`, `python3 xinf.py test`.

Makes `.venv` beside this file, installs the package there and becomes `.venv/bin/python -m xinf`.
Standard library only, and nothing here that Python 3.6 could not read: an old Python must still
get a sentence instead of a traceback. (The package xinf/ wins over this file's name in imports.)
"""

import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.realpath(__file__))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "xinf-installed")  # written last: without it an install is unfinished
LOG = os.path.join(VENV, "xinf-install.log")
STOP_GRACE_S = 5
AGAIN = "then run it again: it continues where it stopped"
NETWORK = (
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError"
    r"|ame resolution|service not known|Network is unreachable|No route|Connection (refused|reset)"
)
# What pip says about a cause, and what we say.
CAUSES = (
    (r"No space left on device|Disk quota", "the disk is full. Free some space, " + AGAIN),
    (NETWORK, "no network, pip cannot reach its package index. Check the connection, " + AGAIN),
    ("", "see the lines above. Mend what they name, " + AGAIN),
)


def main(args: list) -> None:
    extra = "test" if args[:1] == ["test"] else ""
    check_python(args)
    try:
        if not is_installed(extra):
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            preflight(args, extra)
            with open(os.path.join(ROOT, ".venv.lock"), "w") as lock:
                take(lock)
                if not is_installed(extra):  # whoever held the lock may have done it
                    install(extra, lock.fileno())
    except KeyboardInterrupt:
        fail("interrupted. Run it again: it continues where it stopped")
    checks = [os.path.join(ROOT, "scripts", "check.py"), *args[1:]]
    os.execv(PYTHON, [PYTHON, *(checks if extra else ["-m", "xinf", *args])])


def fail(message: str) -> None:
    sys.exit(f"xinf: {message}.")


def say(line: str, end: str = "\n") -> None:
    """On stderr, for stdout belongs to the command. A line without an end is written over."""
    erase = "\r\033[K" if sys.stderr.isatty() else ""
    print(f"{erase}xinf: {line}", end=end, file=sys.stderr, flush=True)


def check_python(args: list) -> None:
    if not sys.platform.startswith("linux"):
        fail(f"it runs on Linux (WSL 2 included), and this is {sys.platform}")
    if sys.version_info >= (3, 11):  # noqa: UP036 - older ones do read this file
        return
    found = [name for name in (f"python3.{minor}" for minor in range(11, 20)) if runs(name, "")]
    advice = "Debian, Ubuntu: `sudo apt install python3.11 python3.11-venv`, and use that"
    if found:
        advice = f"Found {', '.join(found)}: run `{found[-1]} xinf.py {' '.join(args)}`"
    fail(f"Python {sys.version.split()[0]} is too old, 3.11 or newer is needed. {advice}")


def runs(python: str, code: str) -> bool:
    """Whether it works, not only exists: version switchers put empty stand-ins on the PATH."""
    quiet = subprocess.DEVNULL
    try:
        return subprocess.call([python, "-c", code], stdout=quiet, stderr=quiet) == 0
    except OSError:
        return False


def read(*path: str) -> str:
    try:
        with open(os.path.join(*path), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def identity() -> str:
    """What an install is made for: this place, this interpreter, these dependencies."""
    import hashlib

    parts = VENV, os.path.realpath(PYTHON), read(VENV, "pyvenv.cfg"), read(ROOT, "pyproject.toml")
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def is_installed(extra: str) -> bool:
    stamp = read(STAMP).split()
    return os.access(PYTHON, os.X_OK) and identity() in stamp and extra in ["", *stamp]


def venv_fault() -> str:
    """Why the environment must be made anew; empty if pip can go on in it."""
    made_at = re.search(r"^command = .* -m venv (?:--\S+ )*(.+)$", read(VENV, "pyvenv.cfg"), re.M)
    if made_at and os.path.realpath(made_at.group(1)) != VENV:
        return "it was made at another place"
    # Killed while it wrote packages, pip leaves some that look whole to it and are not.
    if re.search(r"^Installing collected(?!.*^Successfully)", read(LOG), re.M | re.S):
        return "an install was cut off"
    if not runs(PYTHON, "import sys, pip; sys.exit(sys.version_info < (3, 11))"):
        return "its Python does not work" if os.path.lexists(PYTHON) else "there is none"
    return ""


def preflight(args: list, extra: str) -> None:
    from pathlib import Path

    sys.path.insert(0, ROOT)
    from scripts import preflight

    found = preflight.problem(Path(ROOT), extra, args, needs_venv=bool(venv_fault()))
    if found:
        fail(found)


def take(lock: object) -> None:
    """Held until all who have `lock` closed it, pip too: a killed launcher leaves no gap."""
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        say("another xinf.py is installing here, waiting for it to end")
        fcntl.flock(lock, fcntl.LOCK_EX)


def install(extra: str, lock: int) -> None:
    import shutil

    fault = venv_fault()
    if fault:
        shutil.rmtree(VENV, ignore_errors=True)
        os.makedirs(VENV, exist_ok=True)
        python = getattr(sys, "_base_executable", sys.executable)  # ours may just have gone
        step(f"making .venv ({fault})", [python, "-m", "venv", VENV], lock)
    elif os.path.exists(STAMP):
        os.remove(STAMP)
    wanted = ".[test]" if extra else "."
    step(f"installing xinf ({wanted})", [PYTHON, "-m", "pip", "install", "-e", wanted], lock)
    with open(STAMP + ".new", "w") as stamp:
        stamp.write(f"{identity()} {extra}")
    os.replace(STAMP + ".new", STAMP)


def step(what: str, command: list, lock: int) -> None:
    """Run one command with its output in the log, while one line tells how far it is."""
    began = time.monotonic()
    say(what, end="" if sys.stderr.isatty() else "\n")
    with open(LOG, "w") as log:
        child = start(command, log, lock)
    try:
        while child.poll() is None:
            time.sleep(0.1)
            if sys.stderr.isatty():
                doing = re.findall(
                    r"^ *((?:Collect|Download|Build|Install)ing \S+)", read(LOG), re.M
                )
                say(f"{what}: {''.join(doing[-1:])[:50]} ({time.monotonic() - began:.0f} s)", "")
    finally:
        stop(child)
    if child.returncode:
        say("\n  ".join([f"last lines of {LOG}:", *read(LOG).splitlines()[-12:]]))
        fail(f"{what} failed: " + next(why for sign, why in CAUSES if re.search(sign, read(LOG))))
    say(f"{what}: done in {time.monotonic() - began:.0f} s")


def start(command: list, log: object, lock: int) -> subprocess.Popen:
    """In a session of its own, so that `stop` reaches what pip starts; it shares the lock."""
    settings = ("USER=0", "NO_INPUT=1", "PROGRESS_BAR=off", "DISABLE_PIP_VERSION_CHECK=1")
    env = dict(os.environ, **dict(f"PIP_{setting}".split("=") for setting in settings))
    common = {"cwd": ROOT, "env": env, "stdin": subprocess.DEVNULL, "start_new_session": True}
    return subprocess.Popen(command, stdout=log, stderr=log, pass_fds=[lock], **common)


def stop(child: subprocess.Popen) -> None:
    try:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGINT)
            child.wait(STOP_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
