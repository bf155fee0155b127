import json
from pathlib import Path

from xinf.shim.backends.vllm.facts import capabilities, count_parameters


def weights(path: Path, tensors: dict[str, list[int]]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    for name, shape in tensors.items():
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\0" * 64)


def test_parameters_are_counted_from_the_headers_of_all_files(tmp_path: Path) -> None:
    weights(tmp_path / "model-1.safetensors", {"a": [2, 3], "b": [5]})
    weights(tmp_path / "model-2.safetensors", {"c": []})
    assert count_parameters(tmp_path) == 12


def test_what_is_no_header_is_not_counted(tmp_path: Path) -> None:
    assert count_parameters(tmp_path) == 0
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 64)
    assert count_parameters(tmp_path) == 0
    (tmp_path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"[]")
    assert count_parameters(tmp_path) == 0


def test_a_chat_model_makes_text_and_an_encoder_vectors() -> None:
    chat = capabilities(("generate",), has_tool_parser=True)
    assert {name for name, each in chat.items() if each.supported} == {
        "chat", "completions", "logprobs", "structured_output", "tools", "cancel_in_prefill",
        "metrics", "kv_events",
    }  # fmt: skip
    encoder = capabilities(("embed",), has_tool_parser=False)
    assert {name for name, each in encoder.items() if each.supported} == {
        "embeddings", "cancel_in_prefill", "metrics",
    }  # fmt: skip
    assert encoder["tools"].reason == encoder["chat"].reason


def test_what_is_missing_has_a_reason() -> None:
    for tasks in (("generate",), ("embed",), ("classify",)):
        told = capabilities(tasks, has_tool_parser=False)
        assert all(each.reason for each in told.values() if not each.supported)
