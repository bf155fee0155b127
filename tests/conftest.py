"""What holds for every test."""

from __future__ import annotations

import os
import signal
from typing import Any

import hypothesis
import pytest

# A busy machine is no defect, so examples have no deadline; CI tries the same ones every time.
hypothesis.settings.register_profile("xinf", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("xinf")

# Who starts the tests in the background or under nohup has these ignored, and so would have every
# process that a test starts and then asks to end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run what takes minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; give --long"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """How a run on several cores is divided."""
    from tests.support.together import Together

    return Together(config, log)
