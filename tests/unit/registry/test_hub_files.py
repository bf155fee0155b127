import pytest

from xinf.registry.hub_files import NoModel, is_folder, needed

REST = ("config.json", "tokenizer.json", "merges.txt", "chat_template.jinja")
NOISE = (".gitattributes", "README.md", "modeling_own.py", "onnx/model.onnx", "onnx/config.json")


def test_safetensors_and_what_belongs_to_them_are_needed_and_nothing_else() -> None:
    weights = ("model-1-of-2.safetensors", "model-2-of-2.safetensors")
    index = "model.safetensors.index.json"
    other = ("pytorch_model.bin", "tf_model.h5", "model.gguf", "original/weights.pth")
    files = needed({*weights, index, *REST, *NOISE, *other})
    assert set(files) == {*weights, index, *REST}
    assert is_folder(files)


def test_weights_that_are_there_twice_are_taken_once() -> None:
    names = {"consolidated.safetensors", "model.safetensors", "config.json"}
    assert needed(names) == ("config.json", "model.safetensors")
    assert "consolidated.safetensors" in needed(names - {"model.safetensors"})


def test_other_weights_are_taken_where_there_are_no_safetensors() -> None:
    assert needed({"pytorch_model.bin", "config.json"}) == ("config.json", "pytorch_model.bin")


def test_the_modules_of_a_sentence_encoder_belong_to_it() -> None:
    modules = {"modules.json", "1_Pooling/config.json", "2_Dense/model.safetensors"}
    names = {"model.safetensors", *modules, "2_Dense/pytorch_model.bin", "openvino/m.xml"}
    assert set(needed(names)) == {"model.safetensors", *modules}


def test_a_lone_gguf_file_is_a_model_by_itself() -> None:
    files = needed({"m-Q4_K_M.gguf", "README.md", "config.json"})
    assert files == ("m-Q4_K_M.gguf",)
    assert not is_folder(files)


def test_of_several_gguf_files_one_must_be_named() -> None:
    names = {"m-Q4_K_M.gguf", "m-Q8_0.gguf"}
    with pytest.raises(NoModel, match=r"m-Q4_K_M\.gguf, m-Q8_0\.gguf; name one"):
        needed(names)
    assert needed(names, "*Q8_0.gguf") == ("m-Q8_0.gguf",)
    with pytest.raises(NoModel, match="2 files match"):
        needed(names, "*.gguf")
    with pytest.raises(NoModel, match=r"no file matches 'x'; there are m-Q4"):
        needed(names, "x")


def test_a_repository_without_weights_is_no_model() -> None:
    with pytest.raises(NoModel, match=r"neither .*; there are README\.md"):
        needed({"README.md"})
    with pytest.raises(NoModel, match="there are no files"):
        needed(())
