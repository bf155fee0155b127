"""Three voices speak about one model: the file, a launch, and a spoken override."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xinf.core.models import (
    MODEL_NAME,
    Activation,
    ModelIntent,
    ModelSpec,
    Override,
    declare,
    launch,
    load,
    terminate,
)

IN_FILE = ModelSpec("coder", source="path:/models/a.gguf")
EDITED = ModelSpec("coder", source="path:/models/b.gguf")
ON_CALL = ModelSpec("coder", source="path:/models/a.gguf", activation=Activation.MANUAL)
SPOKEN = ModelSpec("coder", source="path:/models/c.gguf", activation=Activation.MANUAL)
NOBODY = ModelIntent()

specs = st.sampled_from([IN_FILE, EDITED, ON_CALL, SPOKEN])
intents = st.builds(
    ModelIntent,
    declared=st.none() | specs,
    launched=st.none() | specs,
    override=st.none() | st.sampled_from(Override),
)


def test_a_declared_model_is_wanted_because_the_file_says_so() -> None:
    intent = declare(NOBODY, IN_FILE)
    assert intent.is_wanted
    assert intent.spec == IN_FILE
    assert intent.owner == "config file"


def test_a_manual_model_waits_for_its_load_command() -> None:
    declared = declare(NOBODY, ON_CALL)
    assert not declared.is_wanted
    loaded = load(declared)
    assert loaded.is_wanted
    assert loaded.owner == "load command"


def test_a_model_that_was_launched_is_wanted_whatever_its_activation_says() -> None:
    intent = launch(NOBODY, SPOKEN)
    assert intent.is_wanted
    assert intent.owner == "launch command"


def test_a_launch_speaks_over_the_file_and_a_terminate_over_both() -> None:
    both = launch(declare(NOBODY, IN_FILE), SPOKEN)
    assert both.spec == SPOKEN
    ended = terminate(both)
    assert not ended.is_wanted
    assert ended.spec == IN_FILE
    assert ended.owner == "terminate command"


def test_a_terminated_model_of_no_file_is_forgotten() -> None:
    assert terminate(launch(NOBODY, SPOKEN)).is_empty


def test_load_undoes_terminate() -> None:
    declared = declare(NOBODY, IN_FILE)
    assert load(terminate(declared)) == declared


def test_a_restart_with_the_same_file_leaves_the_override_alone() -> None:
    ended = terminate(declare(NOBODY, IN_FILE))
    assert declare(ended, IN_FILE) == ended


def test_editing_the_table_takes_the_override_back() -> None:
    ended = terminate(declare(NOBODY, IN_FILE))
    assert declare(ended, EDITED) == ModelIntent(declared=EDITED)


def test_a_table_that_is_gone_leaves_only_what_was_launched() -> None:
    both = launch(declare(NOBODY, IN_FILE), SPOKEN)
    assert declare(both, None) == ModelIntent(launched=SPOKEN)
    assert declare(declare(NOBODY, IN_FILE), None).is_empty


@given(intents)
def test_nothing_is_wanted_after_terminate_and_saying_it_twice_changes_nothing(
    intent: ModelIntent,
) -> None:
    once = terminate(intent)
    assert not once.is_wanted
    assert terminate(once) == once


@given(intents, specs)
def test_what_is_launched_is_wanted_as_launched(intent: ModelIntent, spec: ModelSpec) -> None:
    after = launch(intent, spec)
    assert after.is_wanted
    assert after.spec == spec


@given(intents)
def test_whatever_is_described_can_be_loaded(intent: ModelIntent) -> None:
    assert load(intent).is_wanted == (not intent.is_empty)


@given(intents, st.none() | specs)
def test_the_file_is_always_heard_and_never_touches_a_launch(
    intent: ModelIntent, spec: ModelSpec | None
) -> None:
    after = declare(intent, spec)
    assert after.declared == spec
    assert after.launched == intent.launched
    assert declare(after, spec) == after


def test_names_are_what_fits_in_a_url_and_on_a_command_line() -> None:
    assert all(MODEL_NAME.fullmatch(name) for name in ("a", "qwen3-32b", "smollm2", "v1.5_x"))
    refused = ("", "A", "-a", ".a", "a/b", "a:b", "a b", "ä")
    assert not any(MODEL_NAME.fullmatch(name) for name in refused)
