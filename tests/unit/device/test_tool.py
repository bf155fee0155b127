"""Real programs, as bad as vendors' are."""

import os
from pathlib import Path

import pytest

from tests.support.devices import put_tool
from xinf.device.tool import OUTPUT_MAX, REMEMBERED_S, Remembered, Tool

# Starts a child, notes both, and waits for ever; neither minds being asked to end.
HANGS = """
trap '' TERM INT HUP
sh -c 'trap "" TERM INT HUP; echo $$ > "$PIDS/child"; while :; do sleep 60; done' &
echo $$ > "$PIDS/tool"
while :; do sleep 60; done
"""
# What a tool started goes on in a session of its own and keeps standard output open.
LEAVES_A_CHILD = """
setsid sh -c 'echo $$ > "$PIDS/child"; exec sleep 60' &
until [ -s "$PIDS/child" ]; do :; done
echo told
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("PIDS", str(tmp_path))
    return tmp_path


def is_running(pid_file: Path) -> bool:
    """Whether it computes still; a zombie that init has yet to collect does not."""
    stat = Path(f"/proc/{pid_file.read_text().strip()}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_end(pid_file: Path) -> None:
    """Signals are on their way for a moment. One that never comes is the test's own timeout."""
    while is_running(pid_file):
        os.sched_yield()


def test_what_a_tool_writes_is_returned(tools: Path) -> None:
    put_tool(tools, "good-smi", 'echo "$1 and $2 in $LC_ALL"; echo noise >&2')
    assert Tool("good-smi").ask("-q", "two words") == "-q and two words in C\n"


def test_a_tool_that_hangs_is_ended_with_all_that_it_started(tools: Path) -> None:
    put_tool(tools, "slow-smi", HANGS)
    tool = Tool("slow-smi", limit_s=0.5)
    with pytest.raises(OSError, match=r"^slow-smi did not answer within 0\.5 s$"):
        tool.ask()
    wait_for_end(tools / "tool")
    wait_for_end(tools / "child")
    with pytest.raises(OSError, match="did not answer"):  # it is gone, so it may be tried again
        tool.ask()


def test_a_tool_that_cannot_be_ended_is_not_started_again(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As one that hangs in the kernel: no signal reaches it.
    monkeypatch.setattr("xinf.device.tool._kill", lambda process: None)
    hangs_once = 'if [ -e "$PIDS/tool" ]; then exit 0; fi; echo $$ > "$PIDS/tool"; exec sleep 60'
    put_tool(tools, "stuck-smi", hangs_once)
    tool = Tool("stuck-smi", limit_s=0.5)
    with pytest.raises(OSError, match="did not answer"):
        tool.ask()
    with pytest.raises(OSError, match="stuck-smi still hangs since it was last asked"):
        tool.ask()
    os.kill(int((tools / "tool").read_text()), 9)
    wait_for_end(tools / "tool")
    assert tool.ask() == ""


def test_a_child_that_stays_behind_holds_nobody_up(tools: Path) -> None:
    put_tool(tools, "forking-smi", LEAVES_A_CHILD)
    try:
        assert Tool("forking-smi").ask() == "told\n"
    finally:
        os.kill(int((tools / "child").read_text()), 9)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'no such device' >&2; exit 9", "(exit code 9): no such device"),
        ("echo 'driver is not loaded'; exit 1", "(exit code 1): driver is not loaded"),
        ("exit 3", "(exit code 3): it does not say why"),
        ("kill -SEGV $$", "(signal 11): it does not say why"),
    ],
)
def test_a_tool_that_fails_is_told_with_its_own_last_words(
    tools: Path, script: str, told: str
) -> None:
    put_tool(tools, "bad-smi", script)
    with pytest.raises(OSError) as error:
        Tool("bad-smi").ask()
    assert str(error.value) == f"bad-smi failed {told}"


def test_a_tool_that_is_missing_or_cannot_be_run_is_told(tools: Path) -> None:
    with pytest.raises(OSError, match="absent-smi is not installed, or not on PATH"):
        Tool("absent-smi").ask()
    (tools / "empty-smi").write_bytes(b"\x7fELF nonsense")
    (tools / "empty-smi").chmod(0o755)
    with pytest.raises(OSError, match="empty-smi"):
        Tool("empty-smi").ask()


def test_a_tool_that_writes_without_end_is_stopped(tools: Path) -> None:
    put_tool(tools, "endless-smi", "exec cat /dev/zero")
    with pytest.raises(OSError, match="endless-smi failed"):
        Tool("endless-smi").ask()


def test_what_is_no_text_is_returned_as_well_as_can_be(tools: Path) -> None:
    put_tool(tools, "odd-smi", r"printf '\377\376 42 C'")
    told = Tool("odd-smi").ask()
    assert told.endswith(" 42 C")
    assert len(told) < OUTPUT_MAX


class Source:
    """Answers with a number that grows, or fails; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_broken = False
        self.now = 100.0
        self.remembered = Remembered(self.ask, lambda: self.now)

    def ask(self) -> int:
        self.asked += 1
        if self.is_broken:
            raise OSError("broken")
        return self.asked


def test_an_answer_is_remembered_until_it_is_old() -> None:
    source = Source()
    assert [source.remembered.get("slots") for _ in range(3)] == [1, 1, 1]
    source.now += REMEMBERED_S - 1
    assert source.remembered.get("slots") == 1
    source.now += 1
    assert source.remembered.get("slots") == 2


def test_an_answer_is_remembered_until_the_machine_changes() -> None:
    source = Source()
    assert source.remembered.get(("0000:01:00.0",)) == 1
    assert source.remembered.get(("0000:01:00.0", "0000:02:00.0")) == 2
    assert source.remembered.get(("0000:01:00.0", "0000:02:00.0")) == 2


def test_a_failure_is_remembered_too_and_forgotten_in_time() -> None:
    source = Source()
    source.is_broken = True
    for _ in range(3):
        with pytest.raises(OSError, match="broken"):
            source.remembered.get("slots")
    assert source.asked == 1
    source.is_broken = False
    source.now += REMEMBERED_S
    assert source.remembered.get("slots") == 2
