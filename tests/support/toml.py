"""Any TOML that our writer can be asked to write."""

from __future__ import annotations

from hypothesis import strategies as st

# Everything but what TOML has no place for: lone surrogates.
texts = st.text(st.characters(codec="utf-8"), max_size=12)
scalars = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def tables() -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(texts, values, max_size=5)
