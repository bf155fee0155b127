"""The foreground of `up`, with a daemon that is only a coroutine and real signals."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.admin import FakeDaemon, model, moment, replica
from xinf.cli.failures import first_told
from xinf.cli.serving import serve
from xinf.clock import SystemClock
from xinf.config.source import ConfigSource, Reading
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.states import EngineState, ModelState
from xinf.daemon.signals import Signals


def serving(home: Path, run: Callable[[Signals], Awaitable[None]]) -> bool:
    """`up` with `run` as its daemon; whether it is to start again."""

    async def daemon(start: Reading, signals: Signals) -> None:
        async with asyncio.timeout(30):
            await run(signals)

    start = ConfigSource(os.environ, home).read()
    return asyncio.run(serve(daemon, start, SystemClock()))


def until_said(capsys: pytest.CaptureFixture[str], said: list[str], text: str) -> Awaitable[None]:
    """Until `text` was printed; everything that was printed is added to `said`."""

    async def wait() -> None:
        while text not in "".join(said):
            out, err = capsys.readouterr()
            said.append(err + out)  # within one look, progress came before the banner
            await asyncio.sleep(0.001)

    return wait()


def test_it_says_where_it_is_when_everything_is_ready(
    home: Path, daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.models = [model("echo")]
    daemon.moments = [
        moment([model(state=ModelState.LOADING)], [replica(state=EngineState.LOADING)]),
        moment([model()], [replica()], ready=True),
    ]
    said: list[str] = []

    async def run(signals: Signals) -> None:
        await until_said(capsys, said, "OPENAI_API_KEY=xinf")

    serving(home, run)
    told = "".join(said)
    assert "echo/0: loading\necho/0: ready\n" in told
    assert "xinf serves http://127.0.0.1:5090/v1" in told
    assert "curl http://127.0.0.1:5090/v1/chat/completions" in told


def test_a_model_that_fails_does_not_keep_the_others_from_being_announced(
    home: Path, daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = model("good"), model("bad", ModelState.FAILED, reason="boom")
    broken = replica("bad/0", EngineState.FAILED, reason="boom")
    daemon.models = [good, bad]
    daemon.moments = [moment([good, bad], [replica("good/0"), broken])]
    said: list[str] = []
    serving(home, lambda signals: until_said(capsys, said, "OPENAI_API_KEY=xinf"))
    assert "model bad failed: boom\n`xinf why bad` tells more\n" in "".join(said)
    assert '"model": "good"' in "".join(said)


def test_another_xinf_on_the_same_socket_is_not_announced_as_ours(
    home: Path, daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.pid = 1
    daemon.moments = [moment(ready=True)]

    async def run(signals: Signals) -> None:
        while len(daemon.requests) < 2:
            await asyncio.sleep(0.001)

    serving(home, run)
    assert {asked.path for asked in daemon.requests} == {"/admin/v1/status"}
    assert capsys.readouterr().out == ""


def test_what_the_daemon_raises_is_told_and_nothing_else(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run(signals: Signals) -> None:
        await asyncio.sleep(0)
        raise XinfError(ErrorCode.PORT_IN_USE, cause="port 5090 is taken")

    with pytest.raises(BaseExceptionGroup) as caught:
        serving(home, run)
    told = first_told(caught.value)
    assert told is not None
    assert told.code is ErrorCode.PORT_IN_USE
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_drains_and_the_second_hurries(
    home: Path, capsys: pytest.CaptureFixture[str], sign: signal.Signals
) -> None:
    seen: list[tuple[bool, bool]] = []

    async def run(signals: Signals) -> None:
        os.kill(os.getpid(), sign)
        await signals.drain.wait()
        seen.append((signals.drain.is_set(), signals.hurry.is_set()))
        os.kill(os.getpid(), sign)
        await signals.hurry.wait()

    before = signal.getsignal(sign)
    serving(home, run)
    assert seen == [(True, False)]
    assert signal.getsignal(sign) == before
    drains, hurries, stopped = capsys.readouterr().err.splitlines()
    assert drains == "draining: what runs may finish within 30 s; Ctrl-C again hurries"
    assert hurries == "hurrying: what still runs is cut off"
    assert stopped == "xinf has stopped"


def test_a_signal_while_it_restarts_means_the_end(home: Path) -> None:
    seen: list[tuple[bool, bool]] = []

    async def run(signals: Signals) -> None:
        signals.restart()
        os.kill(os.getpid(), signal.SIGTERM)
        while signals.again.is_set():
            await asyncio.sleep(0.001)
        seen.append((signals.drain.is_set(), signals.hurry.is_set()))

    assert serving(home, run) is False
    assert seen == [(True, False)]


def test_a_restart_is_told_to_whoever_started_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run(signals: Signals) -> None:
        signals.restart()

    assert serving(home, run) is True
    assert capsys.readouterr().err == "xinf starts again\n"


def test_a_hangup_asks_to_look_at_the_config_file(home: Path) -> None:
    async def run(signals: Signals) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        await signals.reread.wait()
        assert not signals.drain.is_set()

    before = signal.getsignal(signal.SIGHUP)
    assert serving(home, run) is False
    assert signal.getsignal(signal.SIGHUP) == before


def test_nohup_keeps_a_hangup_away(home: Path) -> None:
    async def run(signals: Signals) -> None:
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        serving(home, run)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
