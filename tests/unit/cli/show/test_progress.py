from dataclasses import replace

from tests.support.admin import at, model, replica
from xinf.cli.output import text_of
from xinf.cli.show.progress import changed_lines, progress_bars, said
from xinf.core.progress import Step
from xinf.core.states import EngineState, ModelState
from xinf.core.views import UNPLANNED

MIB = 1024**2
PROVISIONING, LOADING = EngineState.PROVISIONING, EngineState.LOADING


def test_bars_show_what_how_much_and_how_long() -> None:
    half = at("downloading xllamacpp", 17 * MIB, 34 * MIB, eta_s=12.0)
    replicas = [
        replica("smol/0", PROVISIONING, progress=half),
        replica("echo/0", LOADING, progress=at("reading weights", 0, 0)),
        replica("echo/1", EngineState.BACKOFF, reason="exit code 70, again in 4 s"),
        replica("echo/2", EngineState.STOPPED),
    ]
    models = [model("big", ModelState.QUEUED, reason="needs 9.0 GiB more"), model("echo")]
    assert text_of(progress_bars(models, replicas)).split("\n") == [
        "big     queued        needs 9.0 GiB more",
        f"smol/0  provisioning  downloading xllamacpp       {'━' * 14}               "
        " 17.0 MiB of 34.0 MiB, 12 s left",
        "echo/0  loading       reading weights",
        "echo/1  backoff       exit code 70, again in 4 s",
    ]


def test_what_is_not_counted_in_bytes_is_a_share() -> None:
    half = replace(at("reading weights", 0.5, 1.0), step=Step("reading weights", 0.5, 1.0, "share"))
    loading = replica("a/0", LOADING, progress=half)
    assert text_of(progress_bars([], [loading])).endswith(" 50%")
    assert changed_lines({}, said([], [loading])) == ("a/0: loading (reading weights)",)


def test_a_step_that_is_called_like_its_state_is_not_said_twice() -> None:
    assert changed_lines({}, said([], [replica("a/0", LOADING, progress=at("loading", 0, 0))])) == (
        "a/0: loading",
    )


def test_more_than_all_is_all() -> None:
    over = at("downloading", 35 * MIB, 34 * MIB)
    assert "━" * 28 in text_of(progress_bars([], [replica(state=LOADING, progress=over)]))


def test_a_line_for_each_new_state_or_step_and_none_for_mere_progress() -> None:
    def lines(before: list, after: list) -> tuple[str, ...]:  # type: ignore[type-arg]
        return changed_lines(said([], before), said([], after))

    start = [replica("a/0", PROVISIONING, progress=at("downloading", 0, 34 * MIB))]
    further = [replica("a/0", PROVISIONING, progress=at("downloading", 9 * MIB, 34 * MIB))]
    installing = [replica("a/0", PROVISIONING, progress=at("installing", 0, 0))]
    ready = [replica("a/0", reason="answers")]
    assert lines([], start) == ("a/0: provisioning (downloading, 34.0 MiB)",)
    assert lines(start, further) == ()
    assert lines(further, installing) == ("a/0: provisioning (installing)",)
    assert lines(installing, ready) == ("a/0: ready",)
    assert lines(ready, []) == ("a/0: gone",)


def test_a_queued_model_says_why_once() -> None:
    queued = said([model("a", ModelState.QUEUED, reason="short by 2.0 GiB")], [])
    assert changed_lines({}, queued) == ("a: queued (short by 2.0 GiB)",)
    assert changed_lines(queued, queued) == ()
    assert changed_lines(queued, {}) == ()


def test_what_no_plan_has_seen_yet_is_not_called_queued() -> None:
    assert said([model("a", ModelState.QUEUED, reason=UNPLANNED)], []) == {}


def test_a_state_is_told_once_and_without_the_step_of_the_one_before() -> None:
    warming = at("warming", 0, 0)
    states = [
        replica("a/0", EngineState.STARTING, progress=at("starting its process", 0, 0)),
        replica("a/0", EngineState.STARTING, progress=at("starting", 0, 0)),
        replica("a/0", LOADING, progress=at("starting", 0, 0), reason=""),
        replica("a/0", EngineState.READY, progress=warming),
    ]
    told = [said([], [each]) for each in states]
    pairs = zip([{}, *told], told, strict=False)
    assert [changed_lines(before, after) for before, after in pairs] == [
        ("a/0: starting (starting its process)",),
        (),
        ("a/0: loading",),
        ("a/0: ready",),
    ]
