from pathlib import Path

import pytest

from xinf.device.numa import node_of, nodes, numbers


@pytest.mark.parametrize(
    ("ranges", "found"),
    [
        ("0", (0,)),
        ("0-3", (0, 1, 2, 3)),
        ("0-1,4,6-7", (0, 1, 4, 6, 7)),
        ("", ()),
        ("nonsense", ()),
        ("3-1", ()),
        ("0,x-2,1", (0, 1)),
    ],
)
def test_the_kernel_s_ranges_are_read(ranges: str, found: tuple[int, ...]) -> None:
    assert numbers(ranges) == found


def test_nodes_with_memory_are_counted_and_none_where_there_are_no_nodes(tmp_path: Path) -> None:
    assert nodes(tmp_path) == ()
    folder = tmp_path / "devices" / "system" / "node"
    folder.mkdir(parents=True)
    (folder / "has_memory").write_text("0-1\n")
    assert nodes(tmp_path) == (0, 1)


@pytest.mark.parametrize(("told", "node"), [("1\n", 1), ("0\n", 0), ("-1\n", None), (None, None)])
def test_a_device_is_near_a_node_unless_the_kernel_does_not_say(
    tmp_path: Path, told: str | None, node: int | None
) -> None:
    slot = tmp_path / "bus" / "pci" / "devices" / "0000:01:00.0"
    slot.mkdir(parents=True)
    if told is not None:
        (slot / "numa_node").write_text(told)
    assert node_of(tmp_path, "0000:01:00.0") == node
