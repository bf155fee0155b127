"""The composition root: everything that does I/O is built here, in this order, and handed down.

Reading `run_daemon` from top to bottom is reading the architecture: locks and a port before
anything else, then the store, then the loops (plan, reconcile, route), then the doors. It ends in
reverse: the doors first, so that what was accepted is finished, then the engines, then the store.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, closing, suppress
from functools import partial
from pathlib import Path

from xinf.agent.agent import Agent, AgentParts
from xinf.agent.launcher import LocalLauncher
from xinf.agent.process import adopt_orphans
from xinf.agent.provision import LocalProvision
from xinf.clock import SystemClock
from xinf.config.paths import Paths, ensure_private
from xinf.config.settings import Settings
from xinf.config.source import Reading
from xinf.core.clock import Clock
from xinf.daemon import policies
from xinf.daemon.declare import declare_models
from xinf.daemon.face import Face
from xinf.daemon.judging import Judging
from xinf.daemon.liveness import Liveness, lease_of
from xinf.daemon.lock import holder, role_lock
from xinf.daemon.logs import logging_to
from xinf.daemon.loops import Chore, Control, live
from xinf.daemon.picture import Picture, Ways
from xinf.daemon.planner import Planner
from xinf.daemon.reload import Reload
from xinf.daemon.roles import BOTH, Role
from xinf.daemon.scout import Scout
from xinf.daemon.signals import Signals
from xinf.daemon.telling import tell_of_nodes, telling
from xinf.daemon.traffic import RouterTraffic
from xinf.device.backends import all_backends
from xinf.device.inventory import SHARED_S, Inventory
from xinf.engine.channel import EngineChannel
from xinf.gateway.serve import bind_admin, bind_public
from xinf.meta.compaction import keep_short
from xinf.meta.leases import Lease
from xinf.meta.records import Records
from xinf.meta.sqlite import open_store
from xinf.observe.events import Tell
from xinf.registry.fetch import ModelFiles
from xinf.registry.inspector import Inspector
from xinf.runtime.needs import Driver
from xinf.runtime.provision import Runtimes

log = logging.getLogger("xinf.daemon")

NODE = "local"


async def run_daemon(
    start: Reading,
    signals: Signals,
    *,
    roles: AbstractSet[Role] = BOTH,
    say: Callable[[str], None],
) -> None:
    """Serve until `signals` say so, then leave no process and no socket behind. Raises XinfError.

    `say` is told what a person should know meanwhile, a line at a time.
    """
    settings, paths, clock = start.settings, start.paths, SystemClock()
    async with AsyncExitStack() as owned:
        for directory in (paths.state_dir, paths.runtime_dir):
            ensure_private(directory)
        for role in sorted(roles):
            owned.enter_context(role_lock(paths.state_dir, role))
        owned.callback(_leave, paths, roles)
        door = (
            owned.enter_context(closing(bind_public(settings.server.host, settings.server.port)))
            if Role.CONTROL in roles
            else None
        )
        owned.enter_context(logging_to(_log_file(paths, roles)))

        store = await owned.enter_async_context(
            open_store(paths.store_file, clock, busy_timeout_s=settings.storage.busy_timeout)
        )
        events = await owned.enter_async_context(telling(store, roles, clock, store.notice))
        records = Records(store)
        chores: list[Chore] = [events.run]
        agent = None
        if Role.WORKER in roles:
            adopt_orphans()
            agent = build_agent(settings, paths, records, clock, events.tell)
            await agent.prepare()
            chores.append(Lease(store, lease_of(NODE), _holder(), clock).keep)
        control = None
        if door is not None:
            declare = partial(declare_models, records)
            await declare(policies.declared_models(settings))
            admin_door = owned.enter_context(closing(bind_admin(paths.admin_socket)))
            reload = Reload(start, declare, say, clock, events.tell)
            face = Face(start, records, reload, clock)
            tell_of_nodes(face.nodes, events.tell, clock)
            planner = build_planner(start, records, face.traffic, clock, events.tell)
            doors = face.doors(door, admin_door, signals, store, planner)
            control = Control(planner, face, doors, reload)
            chores += [Liveness(records, store, clock).run, partial(keep_short, store, clock)]
            chores.append(Scout(records, Inspector(paths.cache_dir, clock), clock).run)
        log.info("running as %s, pid %d", " and ".join(sorted(roles)), os.getpid())
        await live(control, agent, chores, signals=signals, clock=clock)
        log.info("ended in order")


def build_planner(
    start: Reading, records: Records, traffic: RouterTraffic, clock: Clock, tell: Tell
) -> Planner:
    """The plan loop, as the settings want it. Raises CONFIG_INVALID for a wrong file of rules."""
    settings = start.settings
    ways = Ways(policies.engine_defaults(settings), Judging(settings, start.paths, clock).bench)
    picture = Picture(records, ways, traffic, clock)
    planner = Planner(records, picture, policies.plan_policy(settings), clock, tell)
    traffic.subscribe(planner.ring)
    return planner


def build_agent(
    settings: Settings, paths: Paths, records: Records, clock: Clock, tell: Tell
) -> Agent:
    """The agent of this machine, with real processes, devices and downloads."""
    inventory = Inventory(all_backends(clock), clock)
    provision = LocalProvision(
        runtimes=Runtimes(
            paths.cache_dir,
            clock,
            policies.own_pythons(settings),
            driver_of=lambda kind: Driver(*inventory.driver(kind)),
        ),
        files=ModelFiles(paths.cache_dir, clock),
        cache_dir=paths.cache_dir,
        visible_env=inventory.visible_env,
        orphan_lease_s=settings.agent.orphan_lease,
    )
    parts = AgentParts(
        node=NODE,
        policy=policies.agent_policy(settings),
        clock=clock,
        provision=provision,
        launcher=LocalLauncher(paths.engine_socket_dir, paths.log_dir, clock),
        connect=EngineChannel,
        sample_devices=partial(inventory.sample, SHARED_S),
        socket_dir=paths.engine_socket_dir,
        tell=tell,
    )
    return Agent(parts, records)


def _holder() -> str:
    """A name for this process that no other ever had: pids come again."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def _log_file(paths: Paths, roles: AbstractSet[Role]) -> Path:
    """A worker of its own has a log of its own: two processes cannot rotate one file."""
    return paths.log_dir / ("worker.log" if Role.CONTROL not in roles else "xinf.log")


def _leave(paths: Paths, roles: AbstractSet[Role]) -> None:
    """Remove the sockets' directory, unless the other role uses it or left something there."""
    if all(holder(paths.state_dir, role) is None for role in BOTH - roles):
        with suppress(OSError):
            paths.runtime_dir.rmdir()
