from xinf.core.facts import Weights, facts_name


def test_numbers_take_what_the_format_takes_and_packed_bytes_what_they_are() -> None:
    weights = Weights(numbers=10, packed=7, numbers_whole=3, packed_whole=1)
    assert (weights.divided_bytes(2), weights.whole_bytes(2)) == (27, 7)
    assert (weights.divided_bytes(4), weights.whole_bytes(4)) == (47, 13)


def test_a_source_of_any_spelling_has_a_name_of_its_own() -> None:
    names = {facts_name(source) for source in ("hf:a/b", "hf:a/b@v1", "path:/a/b", "path:/" * 99)}
    assert len(names) == 4
    assert all(name.isalnum() for name in names)
    assert facts_name("hf:a/b") == facts_name("hf:a/b")
