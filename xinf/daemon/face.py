"""What faces clients: the router with its views of the store, and what the doors are made of."""

from __future__ import annotations

import socket
import uuid
from typing import Any

from xinf import __version__
from xinf.config.source import Reading
from xinf.core.clock import Clock
from xinf.daemon import policies
from xinf.daemon.applying import Applying
from xinf.daemon.explaining import Explaining
from xinf.daemon.lock import holder
from xinf.daemon.planner import Planner
from xinf.daemon.preview import Previews
from xinf.daemon.reload import Reload
from xinf.daemon.roles import Role
from xinf.daemon.signals import Signals
from xinf.daemon.traffic import RouterTraffic
from xinf.gateway.admin import About, Admin
from xinf.gateway.apps import PublicParts, build_admin_app, build_public_app
from xinf.gateway.health import Readiness
from xinf.gateway.history import History
from xinf.gateway.limits import Limits
from xinf.gateway.planning import Planning
from xinf.gateway.serve import Doors, url_of
from xinf.gateway.snapshot import Snapshots
from xinf.meta.events import EventTable
from xinf.meta.mirror import Mirror
from xinf.meta.records import Records
from xinf.registry.inspector import Inspector
from xinf.router.admission import Admission
from xinf.router.connect import connect
from xinf.router.directory import ModelDirectory
from xinf.router.endpoints import EndpointTable
from xinf.router.overview import Overview
from xinf.router.policies import POLICIES
from xinf.router.router import Router


class Face:
    """Everything between a client and an engine's session. `mirrors` and `table` need to run."""

    def __init__(self, start: Reading, records: Records, reload: Reload, clock: Clock) -> None:
        self._start = start
        self._settings = start.settings
        self._state_dir = start.paths.state_dir
        self._records = records
        self._reload = reload
        self._clock = clock
        self.models = records.models.mirror()
        self.engines = records.engines.mirror()
        self.plans = records.plans.mirror()
        self.progress = records.progress.mirror()
        self.nodes = records.nodes.mirror()
        self._directory = ModelDirectory(self.models)
        self._overview = Overview(self.models, self.engines, self.plans, self.progress)
        self.table = EndpointTable(self.engines, connect, clock)
        self._readiness = Readiness(self._overview, self.table)
        policy = POLICIES[self._settings.router.policy]
        self._admission = Admission(self._directory, self._overview, self.table, policy, clock)

    @property
    def mirrors(self) -> tuple[Mirror[Any], ...]:
        return (self.models, self.engines, self.plans, self.progress, self.nodes)

    @property
    def traffic(self) -> RouterTraffic:
        return RouterTraffic(self._admission, self.table)

    def doors(
        self,
        public_socket: socket.socket,
        admin_socket: socket.socket,
        signals: Signals,
        events: EventTable,
        planner: Planner,
    ) -> Doors:
        settings, clock = self._settings, self._clock
        limits = policies.limits(settings)
        public = PublicParts(
            router=Router(self._admission, self.table, settings.router.retries, clock),
            directory=self._directory,
            overview=self._overview,
            readiness=self._readiness,
            doorkeeper=policies.doorkeeper(settings),
            limits=limits,
            patience=policies.patience(settings),
            version=__version__,
            clock=clock,
        )
        about = About(url_of(public_socket), __version__, uuid.uuid4().hex, clock.now())
        admin = Admin(
            about=about,
            config=self._reload,
            worker=lambda: holder(self._state_dir, Role.WORKER),
            intents=self._records.models,
            snapshots=self._snapshots(planner),
            limits=limits,
            clock=clock,
            ending=signals,
        )
        return Doors(
            public=build_public_app(public),
            public_socket=public_socket,
            admin=build_admin_app(
                admin,
                History(events, self._own_name, clock),
                self._planning(planner, events, limits),
            ),
            admin_socket=admin_socket,
            limits=limits,
            drain_s=settings.server.drain_timeout,
        )

    def _snapshots(self, planner: Planner) -> Snapshots:
        return Snapshots(
            self._overview,
            self.table,
            self._readiness,
            self.nodes,
            waiting=self._admission.waiting,
            others=lambda: planner.others,
            reserve=planner.policy.reserve_bytes,
        )

    def _planning(self, planner: Planner, events: EventTable, limits: Limits) -> Planning:
        explaining = Explaining(
            planner=planner,
            overview=self._overview,
            directory=self._directory,
            events=events,
            waiting=self._admission.waiting,
            file=lambda: self._reload.file,
        )
        inspector = Inspector(self._start.paths.cache_dir, self._clock)
        return Planning(
            previews=Previews(planner, self._start, inspector, self._clock),
            applying=Applying(self._start.source, self._reload),
            explaining=explaining,
            limits=limits,
            clock=self._clock,
        )

    def _own_name(self, name_or_alias: str) -> str:
        found = self._directory.resolve(name_or_alias)
        return found[0] if found else name_or_alias
