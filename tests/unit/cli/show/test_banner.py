import json
import shlex

from tests.support.admin import model
from xinf.cli.show.banner import banner, example_curl
from xinf.core.states import ModelState

WHOLE = """xinf serves http://127.0.0.1:5090/v1
  smollm2-135m  ready on llamacpp
  big           failed (needs 70.0 GiB; short by 39.2 GiB)

Try it:

curl http://127.0.0.1:5090/v1/chat/completions \\
  -H 'Content-Type: application/json' \\
  -d '{"model": "smollm2-135m", "temperature": 0, "messages": [{"role": "system", \
"content": "You are a helpful assistant."}, {"role": "user", \
"content": "What is the capital of France?"}]}'

For the OpenAI SDKs and everything built on them:

export OPENAI_BASE_URL=http://127.0.0.1:5090/v1
export OPENAI_API_KEY=xinf
"""
TOO_LARGE = "needs 70.0 GiB; cuda:0, the roomiest, has 30.8 GiB when empty; short by 39.2 GiB"


def test_the_whole_banner() -> None:
    models = [
        model("smollm2-135m", engine="llamacpp"),
        model("big", ModelState.FAILED, reason=TOO_LARGE),
    ]
    assert banner("http://127.0.0.1:5090", models) == WHOLE
    assert banner("http://127.0.0.1:5090/v1/", models) == WHOLE


def test_the_curl_can_be_pasted_into_a_shell_whatever_the_model_is_called() -> None:
    words = shlex.split(example_curl("http://[::1]:1/v1", "it's"))
    assert words[:2] == ["curl", "http://[::1]:1/v1/chat/completions"]
    assert json.loads(words[-1])["model"] == "it's"
    assert json.loads(words[-1])["temperature"] == 0


def test_the_example_uses_the_first_model_that_is_ready() -> None:
    text = banner("http://x", [model("a", ModelState.FAILED), model("b"), model("c")])
    assert '"model": "b"' in text


def test_without_a_ready_model_there_is_nothing_to_paste() -> None:
    assert "curl" not in banner("http://x", [model("a", ModelState.FAILED)])
    assert "no model yet: xinf launch" in banner("http://x", [])
