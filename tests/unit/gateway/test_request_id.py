from __future__ import annotations

import pytest

from xinf.gateway.request_id import request_id


@pytest.mark.parametrize("offered", ["a", "req_1", "00-4bf9:2f/x.y+z=", "x" * 128])
def test_a_harmless_id_is_kept(offered: str) -> None:
    assert request_id(offered) == offered


@pytest.mark.parametrize("offered", [None, "", "a b", "a\nb", "ä", "x" * 129, "a;b", "\udcff"])
def test_anything_else_is_replaced_by_a_new_one(offered: str | None) -> None:
    made = request_id(offered)
    assert made.startswith("req_")
    assert made != request_id(offered)
