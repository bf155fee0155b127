from xinf.core.facts import Weights
from xinf.registry.counted import count_weights
from xinf.registry.safetensors import Stored


def plain(*shape: int, dtype: str = "BF16") -> Stored:
    size = 2
    for each in shape:
        size *= each
    return Stored(dtype, shape, size)


def test_matrices_are_divided_and_vectors_and_routers_held_whole() -> None:
    tensors = {
        "model.embed_tokens.weight": plain(10, 4),
        "model.layers.0.self_attn.q_proj.weight": plain(4, 4),
        "model.layers.0.mlp.gate_proj.weight": plain(8, 4),
        "model.layers.0.mlp.gate.weight": plain(2, 4),
        "model.layers.0.self_attn.kv_a_proj_with_mqa.weight": plain(3, 4),
        "model.norm.weight": plain(4),
    }
    counted = count_weights(tensors, 1, is_tied=False)
    assert counted.weights == Weights(numbers=40 + 16 + 32, numbers_whole=8 + 12 + 4)
    assert counted.parameters == 112


def test_packed_weights_and_their_scales_keep_their_bytes() -> None:
    tensors = {
        "model.layers.0.mlp.up_proj.qweight": Stored("I32", (4, 8), 128),
        "model.layers.0.mlp.up_proj.scales": Stored("F16", (1, 8), 16),
        "model.layers.0.mlp.up_proj.qzeros": Stored("I32", (1, 1), 4),
        "model.layers.0.mlp.down_proj.weight": Stored("F8_E4M3", (8, 8), 64),
        "model.layers.0.mlp.down_proj.weight_scale": Stored("F32", (1,), 4),
        "lm_head.weight": plain(10, 4),
    }
    counted = count_weights(tensors, 1, is_tied=False)
    assert counted.weights == Weights(numbers=40, packed=128 + 16 + 4 + 64, packed_whole=4)
    assert counted.parameters == 0


def test_a_head_that_is_tied_to_the_embeddings_and_buffers_are_left_out() -> None:
    tensors = {
        "model.embed_tokens.weight": plain(10, 4),
        "lm_head.weight": plain(10, 4),
        "model.layers.0.self_attn.rotary_emb.inv_freq": plain(4),
        "embeddings.position_ids": Stored("I64", (1, 512), 4096),
    }
    assert count_weights(tensors, 1, is_tied=True).weights == Weights(numbers=40)


def test_a_vision_encoder_and_layers_for_guessing_ahead_stand_apart() -> None:
    tensors = {
        "visual.blocks.0.attn.qkv.weight": plain(6, 2),
        "model.vision_tower.encoder.layers.40.mlp.fc1.weight": plain(5, 2),
        "multi_modal_projector.linear.weight": plain(3, 2),
        "model.layers.1.mlp.up_proj.weight": plain(4, 2),
        "model.layers.2.mlp.up_proj.weight": plain(7, 2),
        "mtp.fc.weight": plain(1, 2),
    }
    counted = count_weights(tensors, 2, is_tied=False)
    assert counted.vision == 12 + 10 + 6
    assert counted.weights == Weights(numbers=8)
    assert counted.drafts == Weights(numbers=14 + 2)
