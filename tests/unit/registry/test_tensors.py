from tests.support.published import config
from xinf.core.facts import Weights
from xinf.registry.anatomy import read_anatomy
from xinf.registry.config_json import Table
from xinf.registry.quantization import Scheme
from xinf.registry.tensor import Tensor, biased
from xinf.registry.tensors import compute_weights, weigh


def test_many_alike_are_counted_as_often() -> None:
    weight, bias = biased("x", rows=3, columns=2, has_bias=True, times=4)
    assert (weight.numbers, bias.numbers) == (24, 12)
    assert weight.repeated(5).numbers == 120
    assert len(list(biased("x", 3, 2, has_bias=False))) == 1


def test_only_matrices_of_layers_are_packed_and_only_where_nothing_spares_them() -> None:
    scheme = Scheme("half", bits=8, rows=0, scale_bytes=0, spared=("kept",))
    tensors = (
        Tensor("packed", 10, 10),
        Tensor("kept", 10, 10),
        Tensor("whole", 4, 10, is_whole=True),
        Tensor("embeddings", 20, 10, is_linear=False),
        Tensor.vector("norm", 10),
    )
    found = weigh(tensors, scheme)
    assert found == Weights(numbers=300, packed=100, numbers_whole=10, packed_whole=40)
    assert weigh(tensors, None) == Weights(numbers=400, numbers_whole=50)


def test_an_architecture_that_nobody_knows_is_taken_for_a_decoder_as_llama_s() -> None:
    known = compute_weights(read_anatomy(config("llama-3.1-8b")), None)
    new = compute_weights(read_anatomy(config("llama-3.1-8b", model_type="brand_new")), None)
    assert new == known


def test_layers_of_mamba_s_second_kind_are_counted() -> None:
    """64 wide: into 2 x 128 and 2 x 2 x 16 and 4 heads, out of 128; convolution and vectors."""
    told = {
        "hidden_size": 64,
        "num_hidden_layers": 1,
        "vocab_size": 10,
        "intermediate_size": 1,
        "layer_types": ["mamba"],
        "mamba_n_heads": 4,
        "mamba_d_head": 32,
        "mamba_d_state": 16,
        "mamba_n_groups": 2,
        "mamba_d_conv": 4,
    }
    mixed = 128 + 2 * 2 * 16
    mamba = 64 * (128 + mixed + 4) + mixed * 5 + 3 * 4 + 128 + 64 * 128
    rest = 2 * 10 * 64 + 64 + 2 * 64 + 3 * 64
    assert compute_weights(read_anatomy(Table(told)), None).parameters == mamba + rest
