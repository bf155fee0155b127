"""A runtime's lock file: everything that its environment holds, to the exact version.

    # Words for people.
    # wants: xllamacpp aiohttp grpcio>=1.85.1      what scripts/make_lock.py resolves
    # python: 3.11 3.12                            minors that all pins have wheels for
    # verify: xllamacpp aiohttp grpc               what must import once it is installed
    # needs: compiler headers cuda>=570            what the machine must have (needs.py); optional
    # index: https://somewhere/whl/cpu             for wheels that pip's own indexes lack; optional
    aiohttp==3.14.5  # bytes=1929915

Sizes are those of the largest wheel among the minors: they tell progress and disk space, not truth.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

_HEADER = re.compile(r"# (?P<key>wants|python|verify|needs|index): (?P<value>.*)")
_NEED = re.compile(r"compiler|headers|cuda(>=\d+(\.\d+)*)?")
_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)\s+# bytes=(?P<bytes>\d+)")


class LockInvalid(ValueError):
    """A lock file that we shipped is wrong: our mistake."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One distribution. `bytes` is the size of its wheel."""

    name: str
    version: str
    bytes: int

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"

    @property
    def key(self) -> tuple[str, str]:
        """As `key_of` reads it from what was made of it."""
        return folded(self.name), self.version


@dataclass(frozen=True, slots=True)
class RuntimeLock:
    """`pythons` are minors such as "3.11"; `needs` what the machine itself must have. `index` is a
    place for the wheels that pip's own indexes lack, "" if there is none.
    """

    variant: str
    wants: tuple[str, ...]
    pythons: tuple[str, ...]
    verify: tuple[str, ...]
    pins: tuple[Pin, ...]
    needs: tuple[str, ...] = ()
    index: str = ""

    @property
    def download_bytes(self) -> int:
        return sum(pin.bytes for pin in self.pins)

    def environment_name(self, minor: str) -> str:
        """`<variant>-<8 hex>`: another lock or another Python is another environment."""
        text = "\n".join([minor, *self.verify, *(pin.requirement for pin in self.pins)])
        return f"{self.variant}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def folded(name: str) -> str:
    """The one spelling of a distribution's name (PEP 503), whatever it is written like."""
    return re.sub(r"[-_.]+", "-", name).lower()


def key_of(file_name: str) -> tuple[str, str]:
    """Name and version of the distribution that a wheel, or a folder `.dist-info`, is of."""
    name, _, rest = file_name.removesuffix(".dist-info").partition("-")
    return folded(name), rest.partition("-")[0]


def parse_lock(variant: str, text: str) -> RuntimeLock:
    """Raises LockInvalid with the line that is wrong."""
    headers: dict[str, tuple[str, ...]] = {}
    pins: list[Pin] = []
    for number, line in enumerate(text.splitlines(), start=1):
        header, pin = _HEADER.fullmatch(line), _PIN.fullmatch(line)
        if header:
            headers[header["key"]] = tuple(header["value"].split())
        elif pin:
            pins.append(Pin(pin["name"], pin["version"], int(pin["bytes"])))
        elif line.strip() and not line.startswith("#"):
            raise LockInvalid(
                f"{variant}.lock, line {number}: {line!r} is not NAME==VERSION  # bytes=N"
            )
    missing = {"wants", "python", "verify"} - headers.keys()
    if missing or not pins:
        raise LockInvalid(f"{variant}.lock lacks {', '.join(sorted(missing)) or 'pins'}")
    needs = headers.get("needs", ())
    unknown = [need for need in needs if not _NEED.fullmatch(need)]
    if unknown:
        raise LockInvalid(f"{variant}.lock needs {', '.join(unknown)}, which nobody can check")
    told = (headers["wants"], headers["python"], headers["verify"])
    return RuntimeLock(variant, *told, tuple(pins), needs, " ".join(headers.get("index", ())))


def read_lock(path: Path) -> RuntimeLock:
    return parse_lock(path.stem, path.read_text())
