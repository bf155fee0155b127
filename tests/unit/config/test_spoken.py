"""Variables and flags are texts; what they mean depends on the setting."""

from pathlib import Path

from tests.support.config import problems, settings


def test_a_text_stays_a_text_where_the_setting_is_one(tmp_path: Path) -> None:
    assert settings(tmp_path, environ={"XINF_SERVER__HOST": "1"}).server.host == "1"


def test_a_text_is_read_as_toml_where_the_setting_is_not_a_text(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        environ={
            "XINF_SERVER__ALLOWED_HOSTS": '["box", "box.local"]',
            "XINF_SERVER__LOAD_TIMEOUT": "90",
            "XINF_MEMORY__RESERVE": "500MB",
            "XINF_DEFAULTS__CONTEXT": "auto",
            "XINF_ENGINES__LLAMACPP__THREADS": "3",
        },
    )
    assert found.server.allowed_hosts == ("box", "box.local")
    assert found.server.load_timeout == 90.0
    assert found.memory.reserve == 500_000_000
    assert found.defaults.context is None
    assert found.engines.llamacpp.threads == 3


def test_variables_without_a_double_underscore_are_not_settings(tmp_path: Path) -> None:
    mine = {"XINF_CONFIG": "/x", "XINF_STATE_DIR": "/y", "XINF_DEBUG": "1", "OTHER__PORT": "2"}
    assert problems(tmp_path, environ=mine) == ()


def test_a_variable_finds_the_model_whose_name_it_cannot_spell(tmp_path: Path) -> None:
    toml = "[models.'qwen2.5-coder']\nengine = 'sim'\n"
    (spec,) = settings(tmp_path, toml, {"XINF_MODELS__QWEN2_5_CODER__REPLICAS": "3"}).model_specs()
    assert (spec.name, spec.replicas) == ("qwen2.5-coder", 3)


def test_a_variable_can_declare_a_model_and_keeps_the_case_of_its_environment(
    tmp_path: Path,
) -> None:
    (spec,) = settings(
        tmp_path, environ={"XINF_MODELS__ECHO__ENGINE": "sim", "XINF_MODELS__ECHO__ENV__Abc": "1"}
    ).model_specs()
    assert (spec.name, spec.engine, dict(spec.env)) == ("echo", "sim", {"Abc": "1"})


def test_a_flag_s_key_may_be_quoted(tmp_path: Path) -> None:
    (spec,) = settings(tmp_path, overrides={'models."a.b".engine': "sim"}).model_specs()
    assert spec.name == "a.b"
