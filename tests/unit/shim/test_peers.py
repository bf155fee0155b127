"""The meeting itself is in tests/integration/test_peers.py: it needs PyTorch."""

import pytest

from xinf.shim.peers import SIZES, main


def test_it_wants_a_backend_a_rank_and_a_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nccl"]) == 2
    assert "BACKEND RANK MEETING_FILE" in capsys.readouterr().err


def test_what_fails_is_told_as_its_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    # No torch in xinf's own environment.
    assert main(["gloo", "0", "/nowhere"]) == 1
    assert "torch" in capsys.readouterr().out.splitlines()[-1]


def test_messages_are_small_and_larger_than_any_buffer() -> None:
    assert min(SIZES) * 4 < 1024
    assert max(SIZES) * 4 >= 64 * 1024 * 1024
