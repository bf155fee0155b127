from dataclasses import replace

import pytest

from xinf.core.facts import ModelFacts, facts_name
from xinf.core.footprints import MeasuredFootprint, by_fingerprint
from xinf.core.models import Activation, ModelIntent, ModelSpec, Override, SimSpec
from xinf.core.units import GIB
from xinf.core.workload import Verdict, Workload
from xinf.daemon.wanted import Known, wanted_model

KINDS = frozenset({"cpu"})
LLAMA = ModelSpec("a", source="path:/models/llama", engine="vllm")


def sim(name: str, gib: int = 1, **more: object) -> ModelSpec:
    return ModelSpec(name, engine="sim", sim=SimSpec(memory_bytes=gib * GIB), **more)  # type: ignore[arg-type]


def test_a_model_that_nothing_can_run_carries_its_problem() -> None:
    intent = ModelIntent(declared=ModelSpec("a", source="nonsense"))
    found = wanted_model("a", intent, Known(KINDS))
    assert found.config is None
    assert found.problem


def test_a_changed_setting_changes_the_fingerprint_and_a_priority_does_not() -> None:
    def fingerprint(**more: object) -> str:
        return wanted_model("a", ModelIntent(declared=sim("a", **more)), Known(KINDS)).fingerprint

    assert fingerprint() == fingerprint(priority=5, replicas=3)
    assert fingerprint() != fingerprint(engine_args={"parallel": 4})
    assert fingerprint() != fingerprint(env={"A": "b"})


def test_a_model_s_own_arguments_win_over_the_engine_s() -> None:
    spec = sim("a", engine_args={"parallel": 4})
    defaults = {"sim": {"parallel": 8, "block_size": 32}}
    config = wanted_model("a", ModelIntent(declared=spec), Known(KINDS, defaults)).config
    assert config is not None
    assert config.args["parallel"] == 4


@pytest.mark.parametrize(("kinds", "told"), [({"cpu"}, True), ({"cpu", "cuda"}, False)])
def test_the_size_of_a_cache_is_a_setting_on_the_cpu_and_the_plan_s_on_a_gpu(
    kinds: set[str], told: bool
) -> None:
    defaults = {"vllm": {"kv_cache_memory_bytes": 7, "max_num_seqs": 8}}
    spec = ModelSpec("a", source="hf:org/name")
    config = wanted_model("a", ModelIntent(declared=spec), Known(frozenset(kinds), defaults)).config
    assert config is not None
    assert config.args == {"max_num_seqs": 8, **({"kv_cache_memory_bytes": 7} if told else {})}


def test_a_wrong_argument_reaches_vllm_which_refuses_it() -> None:
    spec = ModelSpec("a", source="hf:org/name", engine_args={"context": 5})
    config = wanted_model("a", ModelIntent(declared=spec), Known(KINDS)).config
    assert config is not None
    assert config.args == {"context": 5}


def judged(workload: Workload) -> dict[str, Verdict]:
    """A card that has no bfloat16 beside one that has everything."""
    lacks = workload.dtype == "bfloat16"
    return {
        "old": Verdict(refusal="no bfloat16" if lacks else "", dtype="float16"),
        "new": Verdict(dtype="bfloat16"),
    }


@pytest.mark.parametrize(
    ("own", "old", "new"),
    [("bfloat16", "float16", "auto"), ("float32", "auto", "auto"), ("", "auto", "auto")],
)
def test_auto_is_the_model_s_own_number_format_unless_a_device_lacks_it(
    own: str, old: str, new: str
) -> None:
    facts = {facts_name(LLAMA.source): ModelFacts(LLAMA.source, dtype=own)}
    known = Known(frozenset({"cuda"}), facts=facts, judge=judged)
    verdicts = wanted_model("a", ModelIntent(declared=LLAMA), known).verdicts
    assert (verdicts["old"].dtype, verdicts["new"].dtype) == (old, new)


def test_a_number_format_that_was_asked_for_is_judged_as_such() -> None:
    known = Known(frozenset({"cuda"}), judge=judged)
    asked = ModelIntent(declared=replace(LLAMA, dtype="bfloat16"))
    assert wanted_model("a", asked, known).verdicts["old"].refusal == "no bfloat16"


def test_what_was_measured_of_the_same_thing_is_known_by_the_device_s_name() -> None:
    intent = ModelIntent(declared=sim("a"))
    mark = wanted_model("a", intent, Known(KINDS)).fingerprint
    other = MeasuredFootprint("k", "a", "other", "some cpu", "cpu", "sim", 9, at=2.0)
    mine = replace(other, fingerprint=mark, memory_bytes=7)
    found = wanted_model("a", intent, Known(KINDS, footprints=by_fingerprint([other, mine])))
    assert found.measured == {"some cpu": 7}


def test_a_command_asks_for_what_would_wait_for_a_request() -> None:
    lazy = sim("a", activation=Activation.ON_DEMAND)
    asked = ModelIntent(declared=lazy, override=Override.LOAD)
    assert wanted_model("a", ModelIntent(declared=lazy), Known(KINDS)).activation == "on_demand"
    assert wanted_model("a", asked, Known(KINDS)).activation == "auto"
