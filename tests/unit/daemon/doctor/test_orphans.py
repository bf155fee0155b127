from xinf.core.findings import Severity
from xinf.core.nodes import Device, DeviceProcess
from xinf.core.units import GIB
from xinf.daemon.doctor.facts import ProcessSeen
from xinf.daemon.doctor.orphans import check_orphans

CARD = Device(
    "GPU-1",
    "cuda",
    1,
    "Card",
    32 * GIB,
    30 * GIB,
    processes=(
        DeviceProcess(11, "VLLM::EngineCore", 24 * GIB),
        DeviceProcess(12, "VLLM::Worker", GIB),
        DeviceProcess(99, "game", 2 * GIB),
    ),
)


def seen(
    pid: int, session: int = 10, *, attended: bool = False, name: str = "python"
) -> ProcessSeen:
    return ProcessSeen(pid, session, name, attended)


def test_nothing_left_behind_is_fine() -> None:
    (finding,) = check_orphans([seen(11, attended=True)], [CARD])
    assert finding.severity is Severity.OK


def test_an_engine_is_one_finding_with_what_it_holds_and_how_to_end_it() -> None:
    left = [seen(11, name="VLLM::EngineCore"), seen(12, name="VLLM::Worker"), seen(21, 20)]
    first, second = check_orphans(left, [CARD])
    assert first.severity is second.severity is Severity.WARN
    assert "VLLM::EngineCore (pid 11), VLLM::Worker (pid 12)" in first.message
    assert "25.0 GiB of cuda:1" in first.message
    assert first.fix.endswith("pkill -KILL -s 10")
    assert "python (pid 21)" in second.message
    assert "GiB" not in second.message


def test_a_stranger_who_holds_memory_is_not_spoken_of() -> None:
    assert all("game" not in each.message for each in check_orphans([seen(11)], [CARD]))
