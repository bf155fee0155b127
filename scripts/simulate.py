"""Play a scenario through the real scheduler, and tell what became of its requests.

    python scripts/simulate.py scripts/scenarios/desk.toml
    python scripts/simulate.py scripts/scenarios/pair.toml --compare
    python scripts/simulate.py scripts/scenarios/mixed.toml --strategy pack --seed 7 --story

No engine and no device is needed, and hours take seconds. See docs/scheduling.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.simulator.arrivals import requests
from scripts.simulator.picture import comparison, story, whole_report
from scripts.simulator.play import Play
from scripts.simulator.report import Report, report
from scripts.simulator.scenario import Scenario
from scripts.simulator.tables import read_scenario
from xinf.config.problems import ConfigInvalid
from xinf.scheduler.strategies import STRATEGIES

USAGE = 2
WIDTH_MAX = 100


def main(arguments: Sequence[str] | None = None) -> int:
    told = _arguments(arguments)
    try:
        scenario = read_scenario(told.file)
    except ConfigInvalid as error:
        print("\n".join(map(str, error.problems)), file=sys.stderr)
        return USAGE
    if told.seed is not None:
        scenario = replace(scenario, seed=told.seed)
    chosen = tuple(STRATEGIES) if told.compare else (told.strategy or scenario.policy.strategy,)
    reports = [played(scenario, strategy) for strategy in chosen]
    if told.json:
        print(json.dumps([each.as_json() for each in reports], indent=2))
    else:
        _show(reports, told)
    return 0


def played(scenario: Scenario, strategy: str) -> Report:
    chosen = replace(scenario, policy=replace(scenario.policy, strategy=strategy))
    arriving = requests(chosen.arrivals, chosen.duration_s, chosen.seed)
    return report(chosen, Play(chosen, arriving).run())


def _show(reports: Sequence[Report], told: argparse.Namespace) -> None:
    console = Console(highlight=False)
    width = min(console.width, WIDTH_MAX)
    for each in reports:
        console.print(whole_report(each, width, told.height), "")
        if told.story:
            console.print(story(each.events), "", soft_wrap=True)
    if len(reports) > 1:
        console.print(comparison(reports))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Play a scenario through the real scheduler.")
    parser.add_argument("file", type=Path, help="a scenario, e.g. scripts/scenarios/desk.toml")
    parser.add_argument("--seed", type=int, help="other chances than the file's own")
    parser.add_argument("--strategy", choices=sorted(STRATEGIES))
    parser.add_argument("--compare", action="store_true", help="all strategies, side by side")
    parser.add_argument("--story", action="store_true", help="each change of the plan, and why")
    parser.add_argument("--height", type=int, default=6, help="lines for each device")
    parser.add_argument("--json", action="store_true", help="a list of reports, one a strategy")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
