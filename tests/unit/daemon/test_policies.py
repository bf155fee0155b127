from pathlib import Path

from tests.support.config import settings
from xinf.core.units import GIB
from xinf.daemon.policies import agent_policy, declared_models, engine_defaults, own_pythons


def test_what_is_set_for_an_engine_reaches_it_by_its_own_names(tmp_path: Path) -> None:
    defaults = engine_defaults(settings(tmp_path))
    assert defaults["vllm"] == {"parallel": 1, "kv_cache_memory_bytes": GIB}
    assert defaults["llamacpp"] == {"parallel": 4, "context": 4096}
    toml = "[engines.vllm]\nkv_cache = '2GiB'\nmax_num_seqs = 8\n"
    told = engine_defaults(settings(tmp_path, toml))["vllm"]
    assert told == {"parallel": 1, "kv_cache_memory_bytes": 2 * GIB, "max_num_seqs": 8}


def test_an_interpreter_of_one_s_own_stands_in_for_every_runtime_of_its_engine(
    tmp_path: Path,
) -> None:
    assert own_pythons(settings(tmp_path)) == {}
    toml = "[engines.vllm]\npython = '/opt/v/bin/python'\n"
    mine = Path("/opt/v/bin/python")
    assert own_pythons(settings(tmp_path, toml)) == {"vllm-cuda": mine, "vllm-cpu": mine}


def test_with_nothing_declared_the_default_model_is_served_by_the_engine_that_was_asked_for(
    tmp_path: Path,
) -> None:
    (model,) = declared_models(settings(tmp_path, overrides={"defaults.engine": "vllm"}))
    assert (model.name, model.engine) == ("smollm2", "vllm")


def test_how_long_a_start_waits_for_memory_is_a_setting(tmp_path: Path) -> None:
    assert agent_policy(settings(tmp_path)).memory_wait_s == 60
    shorter = settings(tmp_path, "[agent]\nmemory_wait = '5s'\n")
    assert agent_policy(shorter).memory_wait_s == 5
