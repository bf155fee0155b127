"""NVIDIA's driver, imitated, and a process that looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nvml import Driver, install
from tests.support.nvml.watch import Watch


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    return install(tmp_path_factory.mktemp("nvml"))


@pytest.fixture(scope="session")
def watching(driver: Driver) -> Iterator[Watch]:
    watch = Watch(driver.environment)
    yield watch
    watch.close()


@pytest.fixture
def watch(driver: Driver, watching: Watch, tmp_path: Path) -> Watch:
    """One that has seen nothing yet, on a machine whose bus is hidden."""
    driver.tell()
    watching.begin(tmp_path)
    return watching
