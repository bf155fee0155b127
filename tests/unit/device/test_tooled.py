"""What holds for every kind that only a vendor's program tells about, with that program as a real
script."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.devices import put_slot
from tests.support.devices.tooled import Box, recording
from xinf.clock import SystemClock
from xinf.device.cpu import CpuBackend
from xinf.device.gcu import ENFLAME
from xinf.device.inventory import Inventory
from xinf.device.kunlun import KUNLUNXIN
from xinf.device.mlu import CAMBRICON
from xinf.device.musa import MOORE_THREADS
from xinf.device.npu import ASCEND
from xinf.device.tooled import Vendor


@dataclass(frozen=True, slots=True)
class Told:
    """A vendor with what its program wrote, by arguments, and the device nodes of that machine."""

    vendor: Vendor
    answers: dict[str, str]
    nodes: tuple[str, ...]


TOLD = (
    Told(ASCEND, {"info": recording("npu/910b3.txt")}, ("davinci0", "davinci1", "davinci2")),
    Told(CAMBRICON, {"info": recording("mlu/cnmon-5.txt")}, ("cambricon_dev0", "cambricon_dev1")),
    Told(ENFLAME, {"-q": recording("gcu/efsmi.txt")}, ("gcu0", "gcu1")),
    Told(
        MOORE_THREADS,
        {"-q -j": recording("musa/query.json"), "": recording("musa/table.txt")},
        ("mtgpu.0", "mtgpu.1"),
    ),
    Told(
        KUNLUNXIN,
        {"-q": recording("kunlun/query.txt"), "": recording("kunlun/table.txt")},
        ("xpu0", "xpu1"),
    ),
)
MORE = (
    Told(ASCEND, {"info": recording("npu/910c.txt")}, ()),
    Told(ASCEND, {"info": recording("npu/310p3.txt")}, ()),
    Told(ASCEND, {"info": recording("npu/910prob.txt")}, ()),
    Told(CAMBRICON, {"info": recording("mlu/cnmon-4.txt")}, ()),
    Told(ENFLAME, {"-q": recording("gcu/efsmi-old.txt")}, ()),
)


@pytest.fixture(params=TOLD, ids=lambda told: told.vendor.kind)
def told(request: pytest.FixtureRequest) -> Told:
    return request.param


@pytest.fixture
def box(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    return box_of(told.vendor, tmp_path, monkeypatch)


def box_of(vendor: Vendor, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    box = Box(vendor, folder)
    monkeypatch.setenv("PATH", f"{box.bin}{os.pathsep}{os.environ['PATH']}")
    return box


def test_without_card_and_node_there_is_nothing_and_nothing_is_run(box: Box, told: Told) -> None:
    box.tells(told.answers)
    assert not box.backend.detect()
    assert box.times_asked() == 0


def test_a_card_on_the_bus_is_enough_to_ask(box: Box, told: Told) -> None:
    box.tells(told.answers)
    box.slot("0000:c1:00.0")
    assert box.backend.detect()
    assert box.times_asked() == 0
    assert box.look().devices


@pytest.mark.parametrize("vendor", [ASCEND, KUNLUNXIN], ids=lambda vendor: vendor.kind)
def test_other_things_with_a_vendor_s_id_are_not_cards(vendor: Vendor, tmp_path: Path) -> None:
    box = Box(vendor, tmp_path)
    for number, (name, begin) in enumerate(vendor.pci.items()):
        if begin:
            put_slot(box.sys, f"0000:0{number}:00.0", name, "0x030000", device="0x1711")
    assert not box.backend.detect()
    for number, (name, begin) in enumerate(vendor.pci.items()):
        put_slot(box.sys, f"0000:1{number}:00.0", name, "0x120000", device=f"{begin or '0x3'}686")
    assert box.backend.detect()


def test_device_nodes_tell_where_the_bus_is_hidden(box: Box, told: Told) -> None:
    box.tells(told.answers)
    box.nodes(*told.nodes)
    assert box.backend.detect()
    seen = box.look()
    assert len(seen.devices) == len(told.nodes)
    assert seen.problems == ()


def test_every_device_has_a_name_of_its_own_and_a_number_from_0(box: Box, told: Told) -> None:
    box.tells(told.answers)
    box.nodes(*told.nodes)
    devices = box.look().devices
    assert [each.index for each in devices] == list(range(len(devices)))
    assert len({each.uuid for each in devices}) == len(devices)
    for each in devices:
        assert each.kind == told.vendor.kind
        assert 0 <= each.memory_used <= each.memory_total
        assert each.memory_total > 0
        assert each.name
        assert each.driver
        assert "float16" in each.dtypes


def test_a_process_is_given_ascending_numbers_of_its_devices(box: Box, told: Told) -> None:
    box.tells(told.answers)
    box.nodes(*told.nodes)
    uuids = [each.uuid for each in box.look().devices]
    variable = told.vendor.variable
    assert box.backend.visible_env(uuids[::-1]) == {
        variable: ",".join(str(number) for number in range(len(uuids)))
    }
    assert box.backend.visible_env(uuids[1:2]) == {variable: "1"}


def test_a_missing_program_is_told(told: Told, tmp_path: Path) -> None:
    absent = replace(told.vendor, program="no-such-program")
    box = Box(absent, tmp_path)
    box.nodes(*told.nodes)
    with pytest.raises(OSError, match="no-such-program is not installed"):
        box.look()


def test_a_program_that_hangs_is_cut_off_and_told(box: Box, told: Told) -> None:
    box.does("trap '' TERM\nsleep 60 & wait")
    box.nodes(*told.nodes)
    with pytest.raises(OSError, match=f"{told.vendor.program} did not answer within 0.5 s"):
        box.look()


def test_a_program_that_fails_is_told_with_its_words(box: Box, told: Told) -> None:
    box.does('echo "driver is not loaded" >&2; exit 1')
    box.nodes(*told.nodes)
    with pytest.raises(OSError, match="driver is not loaded"):
        box.look()


@pytest.mark.parametrize(
    "nonsense",
    ["", "No devices were found\n", "{}", "[1]", "|\x00|||\n" * 9],
    ids=["nothing", "words", "an empty object", "a list", "a broken table"],
)
def test_nonsense_is_told_as_such(box: Box, told: Told, nonsense: str) -> None:
    box.tells(dict.fromkeys(told.answers, nonsense))
    box.nodes(*told.nodes)
    with pytest.raises(OSError, match=told.vendor.program):
        box.look()


async def test_the_program_is_asked_again_after_a_while_or_when_the_machine_changed(
    box: Box, told: Told
) -> None:
    box.tells(told.answers)
    box.nodes(*told.nodes)
    box.look()
    once = box.times_asked()
    box.look()
    await box.clock.advance(29)
    box.look()
    assert box.times_asked() == once
    await box.clock.advance(1)
    box.look()
    assert box.times_asked() == 2 * once
    box.slot("0000:c1:00.0")
    box.look()
    assert box.times_asked() == 3 * once


async def test_a_failure_holds_as_long_as_an_answer(box: Box, told: Told) -> None:
    box.does(f'echo asked >> "{box.bin}/asked"; exit 1')
    box.nodes(*told.nodes)
    for _ in range(3):
        with pytest.raises(OSError, match="failed"):
            box.look()
    assert box.times_asked() == 1
    box.tells(told.answers)
    await box.clock.advance(30)
    assert box.look().devices


async def test_a_device_that_is_listed_no_more_is_lost_and_comes_back(box: Box, told: Told) -> None:
    box.nodes(*told.nodes)
    box.tells(told.answers)
    before = box.look()
    cut = {arguments: without_last(told, answer) for arguments, answer in told.answers.items()}
    box.tells(cut)
    await box.clock.advance(30)
    seen = box.look()
    assert [each.uuid for each in seen.devices] == [each.uuid for each in before.devices[:-1]]
    assert seen.lost == (before.devices[-1].uuid,)
    (problem,) = seen.problems
    assert before.devices[-1].uuid in problem
    assert box.backend.visible_env([before.devices[-1].uuid])  # an engine may just be starting
    box.tells(told.answers)
    await box.clock.advance(30)
    assert box.look() == before


async def test_a_device_of_which_nonsense_is_told_stands_as_it_was(box: Box, told: Told) -> None:
    box.nodes(*told.nodes)
    box.tells(told.answers)
    before = box.look()
    garbled = {arguments: garble_last(told, answer) for arguments, answer in told.answers.items()}
    box.tells(garbled)
    await box.clock.advance(30)
    seen = box.look()
    assert seen.devices == before.devices
    assert seen.lost == ()
    assert "cannot be understood" in seen.problems[0]


def test_a_node_whose_device_is_not_listed_is_told(box: Box, told: Told) -> None:
    box.tells(told.answers)
    extra = told.nodes[-1][:-1] + "9"
    box.nodes(*told.nodes, extra)
    (problem,) = box.look().problems
    count = len(told.nodes)
    assert (
        problem == f"{told.vendor.program} lists {count} of {count + 1} {box.backend.kind} devices"
    )


async def test_beside_a_program_that_fails_the_other_devices_are_seen(box: Box, told: Told) -> None:
    box.does("echo broken >&2; exit 1")
    box.nodes(*told.nodes)
    seen = await Inventory((box.backend, CpuBackend()), SystemClock()).sample()
    assert [each.kind for each in seen.devices] == ["cpu"]
    (problem,) = seen.problems
    assert problem.startswith(f"{told.vendor.kind} devices cannot be asked: ")
    assert problem.endswith(": broken")


@pytest.mark.parametrize("whole", [*TOLD, *MORE], ids=lambda told: told.vendor.kind)
@given(data=st.data())
def test_an_answer_that_is_cut_off_is_refused_or_understood_in_part(
    whole: Told, data: st.DataObject
) -> None:
    def cut(*arguments: str) -> str:
        answer = whole.answers.get(" ".join(arguments))
        if answer is None:
            raise OSError("it fails")
        return answer[: data.draw(st.integers(0, len(answer)))]

    complete = whole.vendor.read(lambda *arguments: whole.answers.get(" ".join(arguments), ""))
    expected = {each.uuid: each for each in complete.devices}
    try:
        seen = whole.vendor.read(cut)
    except OSError:
        return
    assert len(seen.devices) + len(seen.problems) <= len(complete.devices)
    for each in seen.devices:
        assert 0 <= each.memory_used <= each.memory_total
        assert each.memory_total in {known.memory_total for known in expected.values()}


@pytest.mark.parametrize("whole", [*TOLD, *MORE], ids=lambda told: told.vendor.kind)
@given(data=st.data())
def test_an_answer_with_garbage_in_it_is_never_more_than_refused(
    whole: Told, data: st.DataObject
) -> None:
    def spoilt(*arguments: str) -> str:
        lines = whole.answers.get(" ".join(arguments), "").splitlines()
        at = data.draw(st.integers(0, len(lines)))
        return "\n".join([*lines[:at], data.draw(st.text(max_size=40)), *lines[at + 1 :]])

    try:
        seen = whole.vendor.read(spoilt)
    except OSError:
        return
    for each in seen.devices:
        assert 0 <= each.memory_used <= each.memory_total
        assert all(process.memory_bytes >= 0 for process in each.processes)


def test_parts_of_a_card_that_tell_one_number_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = box_of(ENFLAME, tmp_path, monkeypatch)
    box.tells({"-q": recording("gcu/efsmi.txt").replace("TR6Y46010317", "TR6Y46010302")})
    box.nodes("gcu0", "gcu1")
    assert [each.uuid for each in box.look().devices] == [
        "GCU-TR6Y46010302@0000:17:00.0#0",
        "GCU-TR6Y46010302@0000:9b:00.0#1",
    ]


def test_a_device_has_the_memory_node_of_its_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = box_of(ASCEND, tmp_path, monkeypatch)
    box.tells({"info": recording("npu/910b3.txt")})
    box.slot("0000:81:00.0", numa=1)
    assert [each.numa_node for each in box.look().devices] == [None, None, 1]


LAST = {
    "npu": "| 2     910B3",
    "mlu": "Card 1",
    "gcu": "DEV ID 1",
    "musa": ',\n        {\n            "Index": "1"',
    "kunlun": "XPU 00000000:A5:00.0",
}


def without_last(told: Told, answer: str) -> str:
    """The answer without its last device; JSON is closed again."""
    begin = answer.find(LAST[told.vendor.kind])
    if begin < 0:
        return answer
    return answer[:begin] + ("]}" if told.vendor.kind == "musa" else "")


def garble_last(told: Told, answer: str) -> str:
    """The answer with other words for the memory of its last device."""
    begin = answer.find(LAST[told.vendor.kind])
    if begin < 0:
        return answer
    rest = answer[begin:]
    for old, new in (("/ 65536", "of it"), ("Total  ", "Sum"), ("Total Size", "Sum")):
        rest = rest.replace(old, new)
    rest = rest.replace('"Total"', '"Sum"')
    return answer[:begin] + rest
