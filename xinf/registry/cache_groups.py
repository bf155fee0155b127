"""What an engine keeps of each sequence, from a model's anatomy.

Numbers for each token and layer: keys and values of all KV heads, 2 x heads x width (Shazeer 2019,
"Fast Transformer Decoding"; grouped heads: Ainslie 2023, "GQA"). Latent attention keeps one vector
and the rotated part beside it for all heads (DeepSeek-V2, 2024, section 2.1). A sliding window
bounds the tokens; a state does not depend on them.
"""

from __future__ import annotations

from collections import Counter

from xinf.core.memory import CacheGroup
from xinf.registry.anatomy import Anatomy
from xinf.registry.layers import Layer


def cache_groups(anatomy: Anatomy, state_number_bytes: float = 2.0) -> tuple[CacheGroup, ...]:
    """Layers that keep the same thing, those that keep most first. None for an encoder.

    `window` is the model's own; how much more of it an engine keeps is the engine's business.
    """
    counts = Counter(anatomy.layers)
    full = counts[Layer.FULL] + counts[Layer.BOTH]
    sliding = counts[Layer.SLIDING]
    if anatomy.window is None:
        full, sliding = full + sliding, 0
    groups = (
        _tokens(anatomy, full, None),
        _tokens(anatomy, sliding, anatomy.window),
        _states(anatomy, counts[Layer.STATE] + counts[Layer.BOTH], state_number_bytes),
    )
    return tuple(group for group in groups if group is not None)


def _tokens(anatomy: Anatomy, layers: int, window: int | None) -> CacheGroup | None:
    if not layers:
        return None
    latent = anatomy.latent
    if latent is not None:
        return CacheGroup(layers, latent.rank + latent.rope, window)
    numbers = 2 * anatomy.kv_heads * anatomy.head_dim
    return CacheGroup(layers, numbers, window, heads=max(anatomy.kv_heads, 1))


def _states(anatomy: Anatomy, layers: int, number_bytes: float) -> CacheGroup | None:
    state = anatomy.state
    if not layers or state is None:
        return None
    return CacheGroup(layers, state_bytes=round(state.numbers * number_bytes), heads=state.heads)
