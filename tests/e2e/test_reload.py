"""The config file of a running xinf: a save applies, and touches nothing that it does not name."""

import fcntl
import os
import signal
import subprocess
import sys
import termios

import pytest

from tests.support.instance import ECHO, Instance, home, running, until
from tests.support.terminal import terminal
from xinf.agent.process import session_members

OTHER = """
[models.other]
engine = "sim"
[models.other.sim]
tokens_per_second = {pace}
"""


@pytest.fixture(scope="module")
def it():
    with running(ECHO + OTHER.format(pace=900)) as instance:
        yield instance


def pids(instance: Instance) -> dict[str, int]:
    rows = instance.status()["replicas"]
    return {row["model"]: row["pid"] for row in rows if row["state"] == "ready"}


def problem(instance: Instance) -> str | None:
    return instance.status()["config_problem"]


def test_a_save_applies_and_leaves_the_engines_of_other_models_alone(it: Instance) -> None:
    before = pids(it)
    new = '[models.new]\nengine = "sim"\naliases = ["gpt-local"]\n'
    it.save(ECHO + OTHER.format(pace=800) + new)
    after = until(
        lambda: (
            (now := pids(it)).keys() == {"echo", "other", "new"}
            and now["other"] != before["other"]
            and now
        ),
        "the saved models",
    )
    assert after["echo"] == before["echo"]
    assert session_members(before["other"]) == ()
    assert it.chat("gpt-local")
    it.save(ECHO)
    gone = [after["other"], after["new"]]
    until(lambda: not any(session_members(pid) for pid in gone), "the end of the others")
    assert pids(it) == {"echo": before["echo"]}
    assert [model["name"] for model in it.ls()] == ["echo"]
    assert "xinf.toml: new: new; changed: other" in it.output
    assert "xinf.toml: gone: other, new" in it.output


def test_an_invalid_save_is_refused_everywhere_and_the_old_one_goes_on(it: Instance) -> None:
    it.save(ECHO)
    # An earlier test may have left a model that is still on its way out.
    before = until(lambda: found if (found := pids(it)).keys() == {"echo"} else None, "one engine")
    it.save(ECHO + '[server]\nload_timeout = "soon"\n')
    refused = f"the config file is refused, what was read before goes on: {it.root}"
    line = f"{it.root}/xinf.toml:5: server.load_timeout: "
    assert line in str(until(lambda: problem(it), "the refusal"))
    for said in (it.output, it.cli("ls").stderr):
        assert f"warning: {refused}" in said
        assert line in said
    # The view tells it among what is amiss, in lines of its own width.
    view = " ".join(it.cli("status", "--once").stdout.split())
    assert refused in view
    assert line in view
    assert line in (it.root / "state" / "logs" / "xinf.log").read_text()
    assert it.chat()
    assert pids(it) == before
    it.save(ECHO)
    until(lambda: problem(it) is None, "the file to be right again")
    assert it.cli("ls").stderr == ""
    assert pids(it) == before


def test_a_hangup_reads_the_file_and_ends_nothing(it: Instance) -> None:
    before = until(lambda: pids(it), "an engine")
    it.process.send_signal(signal.SIGHUP)
    it.save(ECHO + OTHER.format(pace=700))
    it.process.send_signal(signal.SIGHUP)
    until(lambda: "other" in pids(it), "the other model")
    assert pids(it)["echo"] == before["echo"]
    assert it.process.poll() is None


def test_a_terminal_that_is_closed_is_an_orderly_end() -> None:
    with home(ECHO) as (root, env, port), terminal() as term:
        process = subprocess.Popen(
            [sys.executable, "-m", "xinf", "up"],
            env=env,
            cwd=root,
            stdin=term.inside,
            stdout=term.inside,
            stderr=term.inside,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        it = Instance(root, port, env, process)
        term.until(lambda written: b"OPENAI_API_KEY" in written)
        (row,) = it.ps()
        # Who held the other end is gone: what a closed window or a lost connection does.
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, term.ours)
        os.close(nothing)
        assert process.wait(60) == 0
        assert session_members(row["pid"]) == ()
        assert [path for path in root.rglob("*") if path.is_socket()] == []
