import sysconfig
from pathlib import Path

import pytest

from xinf.core.errors import ErrorCode, XinfError
from xinf.runtime.lock import RuntimeLock, parse_lock
from xinf.runtime.needs import Driver, check_needs, no_drivers

TEXT = "# wants: tiny\n# python: 3.11\n# verify: tiny\n# needs: {needs}\ntiny==1.0  # bytes=1\n"


def needing(*needs: str) -> RuntimeLock:
    return parse_lock("tiny-cuda", TEXT.format(needs=" ".join(needs)))


def refusal(lock: RuntimeLock, driver: Driver | None = None) -> XinfError:
    with pytest.raises(XinfError) as caught:
        check_needs(lock, no_drivers if driver is None else lambda kind: driver)
    assert caught.value.code is ErrorCode.RUNTIME_UNAVAILABLE
    assert "tiny-cuda" in caught.value.thing
    return caught.value


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH that holds nothing until a test puts something there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    return tmp_path


def put(program: Path) -> None:
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)


def test_a_compiler_is_looked_for_on_the_path(programs: Path) -> None:
    lock = needing("compiler")
    error = refusal(lock)
    assert "no C++ compiler" in error.cause
    assert "g++" in error.next_step
    put(programs / "clang++")
    check_needs(lock, no_drivers)


def test_a_compiler_that_was_named_must_be_there(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(programs / "g++")
    monkeypatch.setenv("CXX", "g++-99")
    assert "g++-99" in refusal(needing("compiler")).cause
    put(programs / "g++-99")
    check_needs(needing("compiler"), no_drivers)


def test_headers_are_those_of_the_python_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    error = refusal(needing("headers"))
    assert str(tmp_path / "Python.h") in error.cause
    assert f"python{sysconfig.get_python_version()}-dev" in error.next_step
    (tmp_path / "Python.h").touch()
    check_needs(needing("headers"), no_drivers)


@pytest.mark.parametrize(
    ("version", "least", "is_enough"),
    [
        ("580.95.05", "570", True),
        ("570.26", "570.26", True),
        ("570.9", "570.26", False),
        ("550.163.01", "570", False),
        ("unknown", "570", True),
    ],
)
def test_driver_versions_are_compared_as_numbers(version: str, least: str, is_enough: bool) -> None:
    lock, driver = needing(f"cuda>={least}"), Driver(version)
    if is_enough:
        check_needs(lock, lambda kind: driver)
    else:
        cause = refusal(lock, driver).cause
        assert version in cause
        assert least in cause


def test_a_driver_that_does_not_work_is_told_with_its_reason() -> None:
    error = refusal(needing("cuda"), Driver(problem="the driver is not loaded"))
    assert "the driver is not loaded" in error.cause
    assert "CPU" in error.next_step


def test_a_runtime_without_needs_asks_nothing(programs: Path) -> None:
    def ask(kind: str) -> Driver:
        raise AssertionError("nobody needs a driver")

    check_needs(parse_lock("tiny-cpu", TEXT.replace("# needs: {needs}\n", "")), ask)
