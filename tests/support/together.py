"""How a run on several cores is divided among workers: what shares something stays together.

Groups by mark, pytest-xdist's own way to say this, are lost since pytest 9.2, without a word.
"""

from __future__ import annotations

from pathlib import PurePath

from xdist.scheduler import LoadScopeScheduling

# The suite that every engine is held to has three files and one engine of each kind.
ONE_SUITE = "tests/contract/test_engine_*.py"


def group(nodeid: str) -> str:
    """The tests of one group run in one worker: those of a file share its fixtures."""
    file = nodeid.partition("::")[0]
    return ONE_SUITE if PurePath(file).match(ONE_SUITE) else file


class Together(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
