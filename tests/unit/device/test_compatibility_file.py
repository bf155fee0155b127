from pathlib import Path

import pytest

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.nodes import Device
from xinf.core.workload import Verdict, Workload
from xinf.device.compatibility import Compatibility, judge
from xinf.device.compatibility_file import load_compatibility

CARD = Device("GPU-1", "cuda", 0, "Card", 1, 0, "12.0")
BASE = """
[nearest]
int8 = ["none"]

[[support]]
name = "cards"
engine = "vllm"
kind = "cuda"
weights = ["none"]
dtypes = ["bfloat16"]

[[rules]]
name = "one"
when = { engine = "vllm", devices = ">=2" }
set = { args = { flag = true }, env = { NAME = "1" } }
reason = "because"
link = "https://example.org"
"""


def load(folder: Path, *texts: str) -> Compatibility:
    files = [folder / f"{number}.toml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    return load_compatibility(files)


def said(file: Compatibility, **wish: object) -> Verdict:
    return judge(file, Workload("vllm", **wish), CARD, {})  # type: ignore[arg-type]


def test_rows_and_rules_are_read(tmp_path: Path) -> None:
    file = load(tmp_path, BASE)
    assert said(file).dtype == "bfloat16"
    assert said(file, quantization="int8").nearest == "an unquantized source"
    (rule,) = said(file, devices=2).rules
    assert (rule.name, rule.reason, rule.link) == ("one", "because", "https://example.org")
    assert (rule.args, rule.env) == ({"flag": True}, {"NAME": "1"})


def test_a_later_file_replaces_by_name(tmp_path: Path) -> None:
    mine = """
    [[support]]
    name = "cards"
    engine = "vllm"
    kind = "cuda"
    weights = ["none", "int8"]
    dtypes = ["float16"]
    [[rules]]
    name = "one"
    when = { devices = ">=2" }
    warn = "careful"
    reason = "I said so"
    """
    file = load(tmp_path, BASE, mine)
    assert said(file, quantization="int8") == Verdict(dtype="float16")
    (rule,) = said(file, devices=2).rules
    assert (rule.reason, rule.args) == ("careful: I said so", {})
    assert len(file.support) == len(file.rules) == 1


def test_a_later_file_takes_out_what_it_disables(tmp_path: Path) -> None:
    mine = '[[rules]]\nname = "one"\ndisabled = true\n'
    assert said(load(tmp_path, BASE, mine), devices=2).rules == ()


def test_new_rows_come_first_and_new_rules_last(tmp_path: Path) -> None:
    mine = """
    [[support]]
    name = "mine"
    engine = "vllm"
    weights = ["none"]
    dtypes = ["float32"]
    [[rules]]
    name = "two"
    when = { devices = ">=2" }
    set = { env = { NAME = "2" } }
    reason = "mine"
    """
    file = load(tmp_path, BASE, mine)
    assert said(file).dtype == "float32"
    assert [rule.name for rule in said(file, devices=2).rules] == ["one", "two"]


def test_an_empty_file_extends_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, BASE, "") == load(tmp_path, BASE)


def row(kind: str, text: str) -> str:
    return f'[[{kind}]]\nname = "mine"\n{text}\n'


RULE = 'reason = "r"\nwarn = "w"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[rules]", ["not TOML", "line 1"]),
        ("[rules]", ["rules"]),
        ("[[rule]]", ["rule", "unknown key"]),
        (
            row("rules", RULE + 'when = { compute_capability = ">=x" }'),
            ["rules[mine].when", "'>=x' is no range"],
        ),
        (
            row("rules", RULE + 'when = { kv_type = "fp8" }'),
            ["rules[mine].when", "unknown key kv_type", "did you mean kv_dtype?"],
        ),
        (row("rules", RULE + "when = { devices = 2 }"), ["rules[mine].when", "2"]),
        (row("rules", RULE + "when = 3"), ["rules[mine].when", "3 is not a table"]),
        (row("rules", RULE), ["rules[mine]", "when it applies"]),
        (row("rules", 'reason = "r"\nwhen = { kind = "cuda" }'), ["one of refuse, set and warn"]),
        (
            row("rules", RULE + 'refuse = "n"\nwhen = { kind = "cuda" }'),
            ["rules[mine]", "one of refuse, set and warn"],
        ),
        (row("rules", RULE + "set = { args = 3 }"), ["rules[mine].set.args", "3"]),
        (row("rules", RULE + "set = { flags = {} }"), ["rules[mine].set.flags", "unknown key"]),
        (row("rules", 'disabled = "yes"'), ["rules[mine].disabled", "'yes'"]),
        (row("support", 'engine = "vllm"'), ["support[mine]", "an engine and weights"]),
        (row("support", 'engine = "vllm"\nweights = "fp8"'), ["support[mine].weights", "'fp8'"]),
        (row("support", "engine = []\n"), ["support[mine].engine"]),
        ('[[support]]\nengine = "vllm"', ["support[0].name", "missing"]),
        ('[[rules]]\nname = "Not So"', ["rules[Not So].name", "'Not So'"]),
        (row("rules", "disabled = true") * 2, ['"mine" stands there twice']),
        ("[nearest]\nint8 = [1]", ["nearest.int8.0", "1"]),
    ],
)
def test_what_is_wrong_is_told_with_file_key_and_value(
    tmp_path: Path, text: str, told: list[str]
) -> None:
    with pytest.raises(XinfError) as caught:
        load(tmp_path, BASE, text)
    assert caught.value.code is ErrorCode.CONFIG_INVALID
    assert str(caught.value).startswith(str(tmp_path / "1.toml"))
    assert [word for word in told if word not in str(caught.value)] == []


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(XinfError, match="No such file"):
        load_compatibility([tmp_path / "none.toml"])
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(XinfError, match="not TOML"):
        load_compatibility([tmp_path / "binary.toml"])
