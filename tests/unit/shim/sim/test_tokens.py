from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from xinf.shim.backends.sim.tokens import Story, pieces, token_id, tokenize


@given(st.text())
def test_pieces_join_to_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


@given(st.text(alphabet="a é.\n", max_size=200))
def test_no_piece_is_longer_than_a_word(text: str) -> None:
    assert all(0 < len(piece) <= 16 for piece in pieces(text))


def test_words_and_marks_are_tokens() -> None:
    assert pieces("Hello, big world!") == ["Hello", ",", " big", " world", "!"]


def test_a_prompt_is_never_empty() -> None:
    assert len(tokenize("")) == 1


def test_half_a_surrogate_pair_is_a_token_like_any_other() -> None:
    assert 0 <= token_id("\ud800") < 2**32


def test_the_same_prompt_leads_to_the_same_text_and_another_to_another() -> None:
    def text(prompt: str) -> str:
        return "".join(islice(Story(tokenize(prompt)).tokens(), 40))

    assert text("one") == text("one")
    assert text("one") != text("two")


def test_a_wrong_story_is_another_one() -> None:
    story = Story(tokenize("one"))
    assert list(islice(story.tokens(), 40)) != list(islice(story.tokens(is_wrong=True), 40))


@given(st.text(max_size=50))
def test_a_story_ends_with_a_full_stop_at_its_own_length(prompt: str) -> None:
    story = Story(tokenize(prompt))
    told = list(islice(story.tokens(), story.length))
    assert 12 <= len(told) < 65
    assert told[-1] == "."


@given(st.text(max_size=50))
def test_the_tokens_of_a_story_are_pieces_of_its_text(prompt: str) -> None:
    story = Story(tokenize(prompt))
    told = list(islice(story.tokens(), story.length))
    assert pieces("".join(told)) == told
