import pytest

from xinf.core.models import ModelIntent, ModelSpec, SimSpec
from xinf.core.units import GIB
from xinf.daemon.wanted import Known, wanted_model

KINDS = frozenset({"cpu"})


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
