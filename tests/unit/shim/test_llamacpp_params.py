"""Against a stand-in with the shape of CommonParams; the real one is held by integration tests."""

from enum import Enum
from types import SimpleNamespace

import pytest

from xinf.shim.backends.llamacpp.params import Plan, fill
from xinf.shim.options import BadOptions


class Cache(Enum):
    GGML_TYPE_F16 = 1
    GGML_TYPE_Q8_0 = 8
    GGML_TYPE_IQ8_0 = 9


PLAN = Plan(model="/m.gguf", alias="smol", socket="/s/l.sock", context=2048, parallel=4)


def params() -> SimpleNamespace:
    return SimpleNamespace(
        model=SimpleNamespace(path=""),
        model_alias=set(),
        hostnames=["127.0.0.1"],
        port=8080,
        n_ctx=0,
        n_parallel=1,
        n_batch=2048,
        n_keep=0,
        cache_type_k=Cache.GGML_TYPE_F16,
        rope_freq_base=0.0,
        swa_full=False,
        chat_template="",
        antiprompt=[],
        cpuparams=SimpleNamespace(n_threads=-1),
        cpuparams_batch=SimpleNamespace(n_threads=-1),
    )


def filled(**args: object) -> SimpleNamespace:
    made = params()
    fill(made, PLAN, args)
    return made


def test_every_request_gets_the_whole_context() -> None:
    made = filled()
    assert (made.n_ctx, made.n_parallel) == (4 * 2048, 4)
    assert (made.hostnames, made.model.path) == (["/s/l.sock"], "/m.gguf")
    assert made.model_alias == {"smol"}
    assert made.n_batch == 256


def test_threads_are_counted_unless_told() -> None:
    assert filled().cpuparams.n_threads >= 1
    made = filled(threads=3)
    assert (made.cpuparams.n_threads, made.cpuparams_batch.n_threads) == (3, 3)
    assert filled(threads=3, batch_threads=5).cpuparams_batch.n_threads == 5


def test_an_argument_reaches_the_field_of_its_name_in_its_type() -> None:
    made = filled(
        n_batch=128,
        rope_freq_base=10000,
        swa_full=True,
        chat_template="{{ x }}",
        antiprompt=("a", "b"),
        cache_type_k="q8_0",
    )
    assert (made.n_batch, made.rope_freq_base, made.swa_full) == (128, 10000.0, True)
    assert (made.chat_template, made.antiprompt) == ("{{ x }}", ["a", "b"])
    assert made.cache_type_k is Cache.GGML_TYPE_Q8_0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"n_batchs": 1}, "Did you mean n_batch"),
        ({"thread": 1}, "Did you mean threads"),
        ({"n_ctx": 1}, "use the model's `context`"),
        ({"n_parallel": 1}, "use `parallel`"),
        ({"hostnames": ["0.0.0.0"]}, "reached through xinf alone"),
        ({"n_batch": "many"}, "must be of type int"),
        ({"n_batch": True}, "must be of type int"),
        ({"n_batch": 1.5}, "must be of type int"),
        ({"swa_full": 1}, "must be of type bool"),
        ({"rope_freq_base": "x"}, "must be of type float"),
        ({"antiprompt": "x"}, "must be of type list"),
        ({"cache_type_k": "q9"}, "GGML_TYPE_F16, GGML_TYPE_Q8_0"),
        ({"threads": 0}, "at least 1"),
        ({"threads": "auto"}, "at least 1"),
    ],
)
def test_an_argument_that_cannot_be_is_refused_before_anything_loads(
    args: dict[str, object], said: str
) -> None:
    with pytest.raises(BadOptions, match=said):
        filled(**args)
