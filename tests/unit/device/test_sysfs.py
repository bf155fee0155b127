from pathlib import Path

import pytest

from xinf.device.sysfs import number, program, text


def test_a_word_is_read_without_its_line_break(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("amdgpu\n")
    assert text(tmp_path / "word") == "amdgpu"


@pytest.mark.parametrize(
    ("told", "is_number"),
    [(b"42\n", True), (b"0", True), (b"-1\n", False), (b"", False), (b"0x10", False)],
)
def test_only_a_number_is_a_number(tmp_path: Path, told: bytes, is_number: bool) -> None:
    (tmp_path / "file").write_bytes(told)
    assert number(tmp_path / "file") == (int(told) if is_number else None)


def test_what_cannot_be_read_is_empty(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert text(tmp_path / "binary") == text(tmp_path / "absent") == text(tmp_path) == ""
    assert number(tmp_path / "absent") is None


def test_a_process_has_a_name_until_it_ends(tmp_path: Path) -> None:
    (tmp_path / "300").mkdir()
    (tmp_path / "300" / "comm").write_text("VLLM::EngineCor\n")
    assert program(tmp_path, 300) == "VLLM::EngineCor"
    assert program(tmp_path, 301) == ""
