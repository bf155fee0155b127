from dataclasses import replace

from tests.support.engines import CPU, GPUS
from xinf.agent.sightings import held_by, loss, with_owners
from xinf.core.nodes import DeviceProcess, Sighting

ONE, TWO = GPUS
IDS = {ONE.uuid: "cuda:0"}


def test_every_process_is_marked_with_its_replica() -> None:
    processes = (DeviceProcess(7, "python", 5), DeviceProcess(8, "game", 6))
    seen = Sighting((replace(ONE, processes=processes), CPU), ("a problem",), ("GPU-9",))
    marked = with_owners(seen, lambda pid: "a/0" if pid == 7 else "")
    assert [each.owner for each in marked.devices[0].processes] == ["a/0", ""]
    assert (marked.devices[1], marked.problems, marked.lost) == (CPU, seen.problems, seen.lost)


def test_what_a_replica_holds_is_the_sum_over_its_processes_on_each_device() -> None:
    mine = tuple(DeviceProcess(pid, "python", pid, owner="a/0") for pid in (7, 8))
    other = DeviceProcess(9, "python", 100, owner="a/1")
    devices = (replace(ONE, processes=(*mine, other)), replace(TWO, processes=(mine[0],)), CPU)
    assert held_by("a/0", devices) == {ONE.uuid: 15, TWO.uuid: 7}
    assert held_by("b/0", devices) == {}


def test_a_loss_names_the_device_and_what_is_known_of_it() -> None:
    problems = ("NVML is slow", f"{ONE.uuid}: GPU is lost")
    seen = Sighting((TWO,), problems, lost=(ONE.uuid,))
    assert loss(seen, [TWO.uuid, ONE.uuid], IDS) == ("cuda:0 (GPU-0) is lost: GPU-0: GPU is lost")
    assert loss(replace(seen, problems=()), [ONE.uuid], {}) == "device GPU-0 is lost"


def test_a_device_that_only_cannot_be_asked_is_not_lost() -> None:
    assert loss(Sighting((ONE,), (f"{ONE.uuid} does not answer",)), [ONE.uuid], IDS) == ""
