from xinf.tui.palette import MODEL_COLORS, model_colors

NAMES = [f"model-{number}" for number in range(len(MODEL_COLORS))]


def test_as_long_as_there_are_colors_no_two_models_share_one() -> None:
    assert set(model_colors(NAMES).values()) == set(MODEL_COLORS)


def test_more_models_than_colors_begin_anew() -> None:
    chosen = model_colors([*NAMES, "one", "more"])
    assert len(chosen) == len(MODEL_COLORS) + 2
    assert set(chosen.values()) == set(MODEL_COLORS)


def test_a_color_is_a_model_s_own_whatever_order_they_come_in() -> None:
    assert model_colors(["b", "a", "b"]) == model_colors(["a", "b"])


def test_a_model_that_comes_later_in_the_alphabet_changes_no_color() -> None:
    before = model_colors(["a", "b"])
    assert model_colors(["a", "b", "c"]).items() >= before.items()
