from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.admin import FakeDaemon
from tests.support.cli import environment, running


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with environment(monkeypatch) as root:
        yield root


@pytest.fixture
def daemon(home: Path) -> Iterator[FakeDaemon]:
    with running() as daemon:
        yield daemon
