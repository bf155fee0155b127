from xinf.config.layers import Entry, Layer, Origin, lay_over, leaves, origin_of, tree

FILE, ENV = Origin("file", "f:1"), Origin("env", "X")


def layer(origin: Origin, **values: object) -> Layer:
    return {path: Entry(value, origin) for path, value in leaves(values).items()}


def test_the_last_word_about_each_leaf_wins() -> None:
    merged = lay_over([layer(FILE, a={"x": 1, "y": 2}), layer(ENV, a={"y": 3})])
    assert tree(merged) == {"a": {"x": 1, "y": 3}}
    assert origin_of(merged, ("a", "x")) == FILE
    assert origin_of(merged, ("a", "y")) == ENV


def test_a_value_replaces_a_table_and_a_table_replaces_a_value() -> None:
    table, value = layer(FILE, a={"x": 1}), layer(ENV, a=5)
    assert tree(lay_over([table, value])) == {"a": 5}
    assert tree(lay_over([value, table])) == {"a": {"x": 1}}


def test_an_empty_table_adds_itself_but_takes_nothing_away() -> None:
    assert tree(lay_over([layer(FILE, a={})])) == {"a": {}}
    assert tree(lay_over([layer(FILE, a={"x": 1}), layer(ENV, a={})])) == {"a": {"x": 1}}
    assert tree(lay_over([layer(FILE, a={}), layer(ENV, a={"x": 1})])) == {"a": {"x": 1}}


def test_the_origin_of_a_table_is_whoever_spoke_in_it_first() -> None:
    merged = lay_over([layer(FILE, a={"x": 1}), layer(ENV, a={"y": 1})])
    assert origin_of(merged, ("a",)) == FILE
    assert origin_of(merged, ("a", "missing")) == FILE
    assert origin_of(merged, ("b",)) is None
