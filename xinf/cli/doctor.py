"""`xinf doctor`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.options import ConfigFile, Json
from xinf.cli.output import show, show_json
from xinf.core.errors import XinfError

if TYPE_CHECKING:
    from xinf.config.paths import Paths
    from xinf.config.settings import Settings
    from xinf.core.findings import Finding
    from xinf.daemon.doctor.facts import SettingsSeen
    from xinf.device.compatibility import Compatibility

Quick = Annotated[
    bool, typer.Option("--quick", help="Do not try GPUs on each other, which takes seconds.")
]


def doctor(config: ConfigFile = None, quick: Quick = False, as_json: Json = False) -> None:
    """Find out what is amiss on this machine, and what to do about it.

    Driver, devices, versions, peer-to-peer, engines that were left behind, runtimes, settings,
    store, port, disks and memory. Only looks; xinf need not be running.

    \b
      xinf doctor
      xinf doctor --json | jq -r '.findings[] | select(.severity == "fail") | .message'

    \b
    Exit codes: 0 fine, 1 something will not work.
    """
    import asyncio
    from dataclasses import asdict

    from xinf.core.findings import Severity

    findings = asyncio.run(_examined(config, probe=not quick))
    if as_json:
        show_json({"findings": [asdict(finding) for finding in findings]})
    else:
        from xinf.cli.show.findings import findings_view

        show(findings_view(findings))
    if any(finding.severity is Severity.FAIL for finding in findings):
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Start:
    """By which settings to look. Wrong ones are a finding, and the defaults stand in for them."""

    paths: Paths
    settings: Settings
    seen: SettingsSeen
    compatibility: Compatibility


async def _examined(config: Path | None, *, probe: bool) -> tuple[Finding, ...]:
    from xinf.clock import SystemClock
    from xinf.daemon.doctor.examine import examine
    from xinf.daemon.doctor.gather import Place, gather
    from xinf.device.backends import all_backends
    from xinf.device.inventory import Inventory
    from xinf.runtime.locks import Locks

    start, clock = _start(config), SystemClock()
    inventory = Inventory(all_backends(clock), clock)
    place = Place(start.paths, start.settings, os.environ, inventory, clock, Locks())
    return examine(await gather(place, start.seen, probe=probe), start.compatibility)


def _start(config: Path | None) -> _Start:
    from dataclasses import replace

    from xinf.config.load import load_settings
    from xinf.config.paths import client_paths, find_paths
    from xinf.config.problems import ConfigInvalid
    from xinf.daemon.doctor.facts import SettingsSeen

    paths, problems = client_paths(os.environ, Path.cwd()), ()
    settings = load_settings(paths, {})
    seen = SettingsSeen()
    try:
        paths = find_paths(os.environ, Path.cwd(), config)
        seen = replace(seen, file=str(paths.config_file or ""))
        settings = load_settings(paths, os.environ)
    except ConfigInvalid as error:
        problems = tuple(map(str, error.problems))
    except XinfError as error:
        problems = (str(error),)
    compatibility, problem = _rules(paths, settings)
    seen = replace(seen, problems=problems, compatibility_problem=problem)
    return _Start(paths, settings, seen, compatibility)


def _rules(paths: Paths, settings: Settings) -> tuple[Compatibility, str]:
    """The rules in force, or those that ship and what is wrong with the user's own."""
    from xinf.daemon.circumstances import compatibility_files
    from xinf.device.compatibility_file import load_compatibility

    files = compatibility_files(settings, paths)
    try:
        return load_compatibility(files), ""
    except XinfError as error:
        return load_compatibility(files[:1]), str(error)
