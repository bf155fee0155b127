from pathlib import Path

import pytest

from tests.support.wheels import make_wheel, use_index
from xinf.clock import SystemClock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Step
from xinf.runtime.pip import download, failure

REFUSED = (
    "WARNING: Retrying (Retry(total=2, connect=None, read=None)) after connection broken by "
    "'NewConnectionError: Failed to establish a new connection: [Errno 111] Connection refused'\n"
    "ERROR: Could not find a version that satisfies the requirement tiny (from versions: none)\n"
    "ERROR: No matching distribution found for tiny"
)
FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
UNKNOWN = (
    "WARNING: Location 'file:///x' is ignored\n"
    "ERROR: Could not find a version that satisfies the requirement tiny==9 (from versions: 1)\n"
    "ERROR: No matching distribution found for tiny==9\n"
    "[notice] A new release of pip is available"
)


@pytest.mark.parametrize(
    ("tail", "code", "said"),
    [
        (REFUSED, ErrorCode.NO_NETWORK, "cannot be reached"),
        (FULL, ErrorCode.DISK_FULL, "disk is full"),
        (UNKNOWN, ErrorCode.RUNTIME_UNAVAILABLE, "No matching distribution found for tiny==9"),
        ("", ErrorCode.RUNTIME_UNAVAILABLE, "without a word"),
    ],
)
def test_what_pip_died_of_becomes_an_error_with_a_next_step(
    tail: str, code: ErrorCode, said: str
) -> None:
    error = failure("runtime tiny", tail)
    assert error.code is code
    assert said in error.cause
    assert error.next_step


async def test_a_download_tells_how_far_it_is_and_leaves_only_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_index(tmp_path / "index", monkeypatch)
    wheel = make_wheel(tmp_path / "index", "tiny", "1.0", {"tiny.py": b""})
    steps: list[Step] = []
    into = tmp_path / "into"
    await download(["tiny==1.0"], into, steps.append, SystemClock(), what="tiny", total_bytes=7)
    assert steps[0] == Step("tiny", 0, 7)
    assert [path.name for path in into.iterdir()] == [wheel.name]


async def test_a_package_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_index(tmp_path / "index", monkeypatch)
    with pytest.raises(XinfError, match="No matching distribution found for tiny==9") as caught:
        await download(["tiny==9"], tmp_path, lambda step: None, SystemClock(), what="tiny")
    assert caught.value.code is ErrorCode.RUNTIME_UNAVAILABLE


async def test_an_index_that_nobody_answers_at_is_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Port 9 of this machine: nobody listens there.
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setattr("xinf.runtime.pip.RETRIES", 1)
    with pytest.raises(XinfError) as caught:
        await download(["tiny==1"], tmp_path, lambda step: None, SystemClock(), what="tiny")
    assert caught.value.code is ErrorCode.NO_NETWORK
