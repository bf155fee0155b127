"""Plans, config files and explanations as a test says them, behind the admin API's own handlers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.support.gateway import LIMITS
from xinf.core.changes import Applied, Outlook, Preview
from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.states import ModelState
from xinf.core.why import Explanation, Seating
from xinf.gateway.planning import Planning


@dataclass
class FakePlanner:
    """Answers everything; `asked` has what it was told."""

    outlook: Outlook = field(default_factory=lambda: Outlook(Preview()))
    refusal: XinfError | None = None
    asked: list[tuple[str, str, Path]] = field(default_factory=list[tuple[str, str, Path]])
    known: dict[str, Explanation] = field(default_factory=dict[str, Explanation])

    async def preview(self, text: str, file: Path) -> Outlook:
        self.asked.append(("plan", text, file))
        if self.refusal is not None:
            raise self.refusal
        return self.outlook

    async def apply(self, text: str, file: Path) -> Applied:
        self.asked.append(("apply", text, file))
        return Applied("/etc/xinf.toml", "/etc/xinf.toml.before")

    async def why(self, name: str) -> Explanation:
        if name not in self.known:
            raise XinfError(ErrorCode.NOT_FOUND, cause=f"no model {name}")
        return self.known[name]

    def planning(self, clock: Clock) -> Planning:
        return Planning(self, self, self, LIMITS, clock)


def explanation(model: str = "coder", state: ModelState = ModelState.READY, **more) -> Explanation:
    plain = {
        "model": model,
        "aliases": (),
        "state": state,
        "reason": "",
        "asked_by": "config file",
        "activation": "auto",
        "engine": "sim",
        "source": "",
        "seating": Seating(),
    }
    return Explanation(**{**plain, **more})
