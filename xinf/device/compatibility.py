"""What runs where: a workload on a device, judged by configs/engine_compatibility.toml.

Two kinds of rows. *Support* says that an engine runs weights of some form on some devices, in which
number formats, and from which versions on; what no row says is refused. *Rules* refuse, set or warn
where their condition holds, each with its reason. Nothing about any engine, card or version is
written here: it all stands in the file.

Decides only. `compatibility_file` reads the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from xinf.core.nodes import Device
from xinf.core.placement import AppliedRule
from xinf.core.workload import Verdict, Workload
from xinf.device.conditions import Facts, holds
from xinf.device.rules import ANY, DeviceClass, Rule, Support, class_of, facts_of

AUTO = "auto"
# What is told in place of a row where there is none.
UNKNOWN = "unknown"
# How number formats are called elsewhere, as here.
_SPELLED = {"half": "float16", "fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}


_Key = tuple[Workload, DeviceClass, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Compatibility:
    """All rows, in order. `nearest` names, by a form of weights, what comes closest to it."""

    support: tuple[Support, ...] = ()
    rules: tuple[Rule, ...] = ()
    nearest: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    # Verdicts that were reached before: a plan asks for the same ones a thousand times.
    _reached: dict[_Key, Verdict] = field(
        default_factory=dict[_Key, Verdict], repr=False, compare=False
    )

    def reach(self, key: _Key) -> Verdict:
        verdict = self._reached.get(key)
        if verdict is None:
            verdict = self._reached[key] = _judge(self, *key)
        return verdict


def judge(
    compatibility: Compatibility,
    workload: Workload,
    device: Device,
    circumstances: Mapping[str, str],
) -> Verdict:
    """Whether `device` runs `workload`, and what that takes. Total: never raises.

    `circumstances` are versions of what an engine is made of and what else was found out, by the
    names in `compatibility_file.CIRCUMSTANCES`; what is missing is unknown, and unknown is no
    reason to refuse.
    """
    return compatibility.reach((workload, class_of(device), frozenset(circumstances.items())))


class Verdicts:
    """What `compatibility` says of workloads on each of `devices`, asked often.

    `circumstances` are given by kind of device: a runtime for another kind has other versions.
    """

    def __init__(
        self,
        compatibility: Compatibility,
        devices: Sequence[Device],
        circumstances: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._compatibility = compatibility
        told = {kind: frozenset(each.items()) for kind, each in circumstances.items()}
        nothing: frozenset[tuple[str, str]] = frozenset()
        self._places = [
            (device.uuid, class_of(device), told.get(device.kind, nothing)) for device in devices
        ]
        self._given: dict[Workload, Mapping[str, Verdict]] = {}

    def of(self, workload: Workload) -> Mapping[str, Verdict]:
        """The verdict by the UUID of the device."""
        given = self._given.get(workload)
        if given is None:
            reach = self._compatibility.reach
            given = {uuid: reach((workload, of, told)) for uuid, of, told in self._places}
            self._given[workload] = given
        return given


def _judge(
    compatibility: Compatibility,
    workload: Workload,
    device: DeviceClass,
    circumstances: frozenset[tuple[str, str]],
) -> Verdict:
    facts = facts_of(workload, device, dict(circumstances))
    row, objection = _supported(compatibility, workload, device, facts)
    dtype = _dtype(row, workload, device)
    facts["dtype"] = dtype
    refusing = next((r for r in compatibility.rules if r.refusal and r.applies(facts)), None)
    if refusing is not None:
        objection = Verdict(_sentence(refusing), refusing.nearest)
    elif not objection.refusal and row is not None:
        objection = _unmet(row, workload, device, facts) or objection
    if not objection.refusal:
        return Verdict(dtype=dtype, rules=(*objection.rules, *_applied(compatibility, row, facts)))
    nearest = objection.nearest or _nearest(compatibility, workload, device, circumstances)
    return Verdict(refusal=objection.refusal, nearest=nearest, dtype=workload.dtype)


def _supported(
    compatibility: Compatibility, workload: Workload, device: DeviceClass, facts: Facts
) -> tuple[Support | None, Verdict]:
    """The row that speaks for this, or what speaks against it. Unknown words are let through."""
    answers = [(row, holds(row.when, facts)) for row in compatibility.support]
    here = [row for row, answer in answers if answer is not False]
    form = workload.quantization
    row = next((row for row in here if form in row.weights or ANY in row.weights), None)
    if row is not None:
        # Whether the row is about this device is not known: then nothing of it is claimed.
        is_open = holds(row.when, facts) is None
        return (Support(row.name, row.when, row.weights) if is_open else row), Verdict()
    of_engine = [row for row in compatibility.support if _is_of(row, workload.engine)]
    if not of_engine:
        return None, _unheard(f"nothing is known of engine {workload.engine!r}")
    if not here:
        return None, Verdict(f"{workload.engine} does not run on {_words(device)}")
    if not any(form in row.weights for row in of_engine) and form not in compatibility.nearest:
        return None, _unheard(f"nothing is known of weights in {form!r}")
    told = f"{workload.engine} does not run {form} weights on {_words(device)}"
    return None, Verdict(told)


def _is_of(row: Support, engine: str) -> bool:
    return holds({"engine": row.when.get("engine", ())}, {"engine": engine}) is True


def _dtype(row: Support | None, workload: Workload, device: DeviceClass) -> str:
    """What is computed in: as wished, or the best that engine and device have in common."""
    wished = _SPELLED.get(workload.dtype, workload.dtype)
    if wished != AUTO or row is None:
        return wished
    common = [dtype for dtype in row.dtypes if dtype in device.dtypes]
    return next(iter(common or row.dtypes), AUTO)


def _unmet(row: Support, workload: Workload, device: DeviceClass, facts: Facts) -> Verdict | None:
    """What of the row is not met."""
    place, dtype = _words(device), facts["dtype"]
    missing = next((n for n, terms in row.needs.items() if holds({n: terms}, facts) is False), "")
    if missing:
        wanted = " or ".join(term.text for term in row.needs[missing])
        cause = f"{workload.engine} needs {missing} {wanted} on {place}, and it is {facts[missing]}"
        return Verdict(cause, f"{missing} {wanted}")
    if dtype != AUTO and row.dtypes and dtype not in row.dtypes:
        runs = " or ".join(row.dtypes)
        cause = f"{workload.engine} computes these weights in {runs} on {place}, not in {dtype}"
        return Verdict(cause, f'dtype = "{row.dtypes[0]}"')
    cache = _SPELLED.get(workload.kv_dtype, workload.kv_dtype)
    if cache != AUTO and cache not in row.kv_dtypes and ANY not in row.kv_dtypes:
        cause = f"{workload.engine} keeps no KV cache in {cache} on {place}"
        return Verdict(cause, f'kv_dtype = "{AUTO}"')
    return None


def _applied(
    compatibility: Compatibility, row: Support | None, facts: Facts
) -> Iterator[AppliedRule]:
    if row is not None and row.caveat:
        yield AppliedRule(row.name, row.caveat, row.link)
    for rule in compatibility.rules:
        if not rule.refusal and rule.applies(facts):
            yield AppliedRule(rule.name, rule.reason, rule.link, rule.args, rule.env)


def _nearest(
    compatibility: Compatibility,
    workload: Workload,
    device: DeviceClass,
    circumstances: frozenset[tuple[str, str]],
) -> str:
    """The form of weights closest to the wish that does run there, or else another engine."""
    # Without what comes closest to those in turn, so that no two rows can lead in a circle.
    plain = Compatibility(compatibility.support, compatibility.rules)

    def runs(other: Workload) -> bool:
        verdict = _judge(plain, other, device, circumstances)
        return not verdict.refusal and all(rule.name != UNKNOWN for rule in verdict.rules)

    free = replace(workload, dtype=AUTO, kv_dtype=AUTO)
    for wish, more in ((workload, ""), (free, ', with dtype and kv_dtype = "auto"')):
        for form in compatibility.nearest.get(workload.quantization, ()):
            if runs(replace(wish, quantization=form)):
                return _source_with(form) + more
    for engine in _engines(compatibility.support) if compatibility.nearest else ():
        if runs(replace(workload, engine=engine)):
            return f'engine = "{engine}"'
    return ""


def _source_with(form: str) -> str:
    return f"a source with {form} weights" if form != "none" else "an unquantized source"


def _engines(support: Sequence[Support]) -> list[str]:
    """Those that compute something: one that runs anything anywhere only pretends to."""
    real = [row for row in support if ANY not in row.weights]
    return list(dict.fromkeys(term.text for row in real for term in row.when.get("engine", ())))


def _unheard(cause: str) -> Verdict:
    reason = f"{cause}, so it is tried and not judged"
    return Verdict(rules=(AppliedRule(UNKNOWN, reason),))


def _sentence(rule: Rule) -> str:
    """A refusal with its reason; the reader may follow the link."""
    return f"{rule.refusal}: {rule.reason}" + (f" ({rule.link})" if rule.link else "")


def _words(device: DeviceClass) -> str:
    told = device.compute_capability or device.arch
    what = "compute capability" if device.compute_capability else device.kind
    return f"{device.name} ({what} {told})" if told else f"{device.name} ({device.kind})"
