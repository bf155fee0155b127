"""The loop: time jumps from event to event, and after each one everything is decided anew.

What `daemon.planner`, `agent.reconciler` and `router.admission` do in tasks of their own happens
here in turn until nothing changes any more, and only then does time go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from scripts.simulator.agenda import Agenda, look_again
from scripts.simulator.arrivals import Request
from scripts.simulator.engines import Engine
from scripts.simulator.gate import STOP_PATIENCE_S, Gate
from scripts.simulator.lines import Lines
from scripts.simulator.machine import Machine
from scripts.simulator.scenario import Scenario
from scripts.simulator.tally import End, Held, Tally, holdings
from xinf.agent.diff import StartEngine, StopEngine, diff
from xinf.core.nodes import NodeStatus, Sighting
from xinf.core.placement import Obstacle, PlacementPlan, ReplicaAssignment
from xinf.core.states import EngineState
from xinf.scheduler.holdings import foreign
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import ClusterSnapshot, Demand

# The planner's own: however quiet it is, it looks again.
RESYNC_S = 5.0
# Whoever needs more turns than this in one instant goes round in circles.
TURNS_MAX = 1000


class GoesRound(AssertionError):
    """Decisions that undo each other without end."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What was decided on, and what was decided: for those who watch."""

    snapshot: ClusterSnapshot
    plan: PlacementPlan


Watch = Callable[[Moment], None]


class Play:
    """One scenario from its beginning to its end. `watch` sees every plan."""

    def __init__(
        self, scenario: Scenario, requests: tuple[Request, ...], watch: Watch = lambda _: None
    ) -> None:
        self.tally = Tally()
        self._scenario = scenario
        self._watch = watch
        self._models = {model.name: model for model in scenario.models}
        self._machine = Machine(scenario.devices, scenario.programs)
        self._gate = Gate()
        self._lines = Lines()
        self._engines: dict[str, Engine] = {}
        self._running: dict[int, Request] = {}
        self._plan = PlacementPlan()
        self._foreign: Mapping[str, int] = {}
        self._agenda = Agenda()
        self._awaited = len(requests)
        self._looks_at = -1.0
        for request in requests:
            self._agenda.at(request.at, partial(self._arrive, request))
        for program in scenario.programs:
            self._agenda.at(program.start_s, look_again)
            self._agenda.at(program.end_s, look_again)

    def run(self) -> Tally:
        """Play to the end: everybody has been answered or has gone, or the grace is over."""
        self._settle(is_news=True)
        while self._agenda.next_at <= self._scenario.end_s and not self._is_over():
            self._pass_until(self._agenda.next_at)
            self._settle(is_news=self._agenda.happen())
        is_waited_for = bool(self._lines.waiting() or self._running)
        end_s = self._scenario.end_s if is_waited_for else self._scenario.duration_s
        self._pass_until(max(self._now, end_s))
        for request in self._lines.waiting():
            self.tally.became(request, End.WAITING, self._now)
        self.tally.ended_at = self._now
        return self.tally

    @property
    def _now(self) -> float:
        return self._agenda.now

    def _is_over(self) -> bool:
        is_quiet = not self._awaited and not self._lines.waiting() and not self._running
        return is_quiet and self._agenda.next_at > self._scenario.duration_s

    def _pass_until(self, at: float) -> None:
        self.tally.passed(tuple(self._engines.values()), at - self._now)
        self._agenda.now = at

    # What happens by itself

    def _arrive(self, request: Request) -> bool:
        self._awaited -= 1
        self.tally.arrived(request)
        self._lines.join(request)
        if self._scenario.patience_s <= self._scenario.end_s:
            self._agenda.after(self._scenario.patience_s, partial(self._give_up, request))
        return False

    def _give_up(self, request: Request) -> bool:
        if self._lines.leave(request):
            self.tally.became(request, End.GAVE_UP, self._now)
            return True
        return False

    def _answered(self, engine: Engine, request: Request) -> bool:
        del self._running[request.number]
        engine.inflight.remove(request.number)
        engine.last_used = self._now
        self.tally.became(request, End.SERVED, self._now)
        self._drained(engine)
        return engine.is_leaving

    def _loaded(self, engine: Engine) -> bool:
        if engine.state is EngineState.LOADING:
            engine.move(EngineState.READY, self._now)
            self._gate.leave(engine)
        return True

    def _gone(self, engine: Engine) -> bool:
        engine.is_done = True
        self._gate.leave(engine)
        del self._engines[engine.replica]
        return True

    # What is decided

    def _settle(self, is_news: bool) -> None:
        """Go on until nobody has anything to do. Requests that are served as usual are no news."""
        self._serve()
        if not is_news and not self._demand():
            return
        for _ in range(TURNS_MAX):
            self._serve()
            node = self._machine.look(self._engines.values(), self._now)
            is_news = self._decide(node)
            is_news |= self._reconcile()
            is_news |= self._pass_gate(node)
            if not is_news:
                break
        else:
            raise GoesRound(f"at {self._now:g} s: {self._plan}")
        self._note(node)
        self._look_later()

    def _serve(self) -> None:
        for model in self._models:
            while (request := self._lines.next(model)) and (engine := self._place(model)):
                self._lines.leave(request)
                self._running[request.number] = request
                self.tally.became(request, End.RUNNING, self._now)
                engine.inflight.add(request.number)
                engine.last_used = self._now
                self._agenda.after(request.service_s, partial(self._answered, engine, request))

    def _place(self, model: str) -> Engine | None:
        open_ones = [
            engine
            for engine in self._engines.values()
            if engine.model.name == model and engine.has_place
        ]
        return min(open_ones, key=lambda each: (len(each.inflight), each.replica), default=None)

    def _decide(self, node: NodeStatus) -> bool:
        """Whether the plan is another one."""
        snapshot = self._snapshot(node)
        self._foreign = foreign(snapshot)
        after = plan(snapshot, self._scenario.policy)
        self._watch(Moment(snapshot, after))
        self.tally.planned(self._plan, after, self._now)
        is_news = after != self._plan
        self._plan = after
        return is_news

    def _snapshot(self, node: NodeStatus) -> ClusterSnapshot:
        demand = self._demand()
        return ClusterSnapshot(
            nodes=(node,),
            wanted=tuple(
                replace(model.wanted, demand=demand.get(model.name))
                for model in self._scenario.models
            ),
            current=self._plan,
            engines=tuple(each.view() for each in self._engines.values()),
            foreign_before=self._foreign,
            now=self._now,
        )

    def _demand(self) -> Mapping[str, Demand]:
        engines = self._engines.values()
        return self._lines.demand(
            frozenset(each.model.name for each in engines if each.is_connected)
        )

    def _reconcile(self) -> bool:
        """Whether anything was to do for the agent."""
        records = [engine.record() for engine in self._engines.values()]
        done = [
            self._act(each) for each in diff(self._plan.assignments, records, self._now).actions
        ]
        return any(done)

    def _act(self, action: object) -> bool:
        match action:
            case StartEngine(assignment):
                self._begin(assignment)
                return True
            case StopEngine(replica) if not self._engines[replica].is_stop_asked:
                self._ask_to_stop(self._engines[replica])
                return True
            case _:
                return False

    def _begin(self, assignment: ReplicaAssignment) -> None:
        engine = Engine(assignment, self._models[assignment.model], self._now)
        self._engines[engine.replica] = engine
        self._gate.join(engine, self._now, is_stop=False)

    def _ask_to_stop(self, engine: Engine) -> None:
        engine.is_stop_asked = True
        match engine.state:
            case EngineState.PROVISIONING:
                self._gone(engine)
            case EngineState.READY:
                self._gate.join(engine, self._now, is_stop=True)
                self._agenda.after(STOP_PATIENCE_S, look_again)
            case _:
                self.tally.wasted[engine.model.name] += 1
                self._gate.hold(engine, self._now)
                self._end(engine)

    def _pass_gate(self, node: NodeStatus) -> bool:
        """Whether somebody's turn has come; what that does to memory is seen at the next look."""
        engine = self._gate.next(Sighting(node.devices), self._now)
        if engine is None:
            return False
        if engine.is_stop_asked:
            engine.move(EngineState.DRAINING, self._now)
            self._drained(engine)
        else:
            self.tally.loads[engine.model.name] += 1
            engine.move(EngineState.LOADING, self._now)
            self._agenda.after(engine.model.load_s, partial(self._loaded, engine))
        return True

    def _drained(self, engine: Engine) -> None:
        if engine.state is EngineState.DRAINING and not engine.inflight:
            self._end(engine)

    def _end(self, engine: Engine) -> None:
        engine.move(EngineState.STOPPING, self._now)
        self._agenda.after(engine.model.stop_s, partial(self._gone, engine))

    def _note(self, node: NodeStatus) -> None:
        strangers = [
            (program.device, Held(program.name, taken, is_program=True))
            for program, taken in self._machine.taken
            if taken
        ]
        for device in node.devices:
            own = holdings(device.uuid, self._engines.values())
            others = (held for uuid, held in strangers if uuid == device.uuid)
            self.tally.seen(device.uuid, (*own, *others), self._now)

    def _look_later(self) -> None:
        """Nobody rings for an engine that has become idle: it matters only to those who have no
        place, and to programs that want more.
        """
        is_wished = any(each.obstacle is not Obstacle.ON_DEMAND for each in self._plan.unplaced)
        if (is_wished or self._machine.is_short(self._now)) and self._looks_at <= self._now:
            self._looks_at = self._now + RESYNC_S
            self._agenda.at(self._looks_at, look_again)
