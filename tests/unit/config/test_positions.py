import tomllib

import pytest
from hypothesis import given

from tests.support.toml import tables
from xinf.config.layers import leaves
from xinf.config.positions import key_lines, split_key
from xinf.config.render import to_toml

TRICKY = '''a.b."c d" = 1 # x = 2
[m."q.2"] # [no]
x = """a
y = 1
"b" \\""" [no]
"""""
y = [1, {z = 2, w = "}"}, # k = 3
 "]", [3],
]
[[list]]
q = 'x#'
when = 1979-05-27 07:32:00
'''


def test_every_key_is_on_the_line_where_it_is_written() -> None:
    tomllib.loads(TRICKY)
    assert key_lines(TRICKY) == {
        ("a",): 1,
        ("a", "b"): 1,
        ("a", "b", "c d"): 1,
        ("m",): 2,
        ("m", "q.2"): 2,
        ("m", "q.2", "x"): 3,
        ("m", "q.2", "y"): 7,
        ("m", "q.2", "y", "z"): 7,
        ("m", "q.2", "y", "w"): 7,
        ("list",): 10,
        ("list", "q"): 11,
        ("list", "when"): 12,
    }


@given(tables())
def test_any_toml_is_scanned_and_every_key_is_found(table: dict[str, object]) -> None:
    text = to_toml(table)
    found = key_lines(text)
    lines = text.split("\n")
    for path, value in leaves(table).items():
        line = lines[found[path] - 1]
        if value == {}:
            assert line.startswith("[")
        else:
            assert tomllib.loads(line) == {path[-1]: value}


@pytest.mark.parametrize(
    ("dotted", "path"),
    [
        ("server.port", ("server", "port")),
        ('models."q.5" . x', ("models", "q.5", "x")),
        ("'a b'", ("a b",)),
    ],
)
def test_a_dotted_key_has_the_parts_that_toml_says(dotted: str, path: tuple[str, ...]) -> None:
    assert split_key(dotted) == path


@pytest.mark.parametrize("text", ["", "a..b", "a b", "a=1\nb", ".a", "[a]", "a #"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a key"):
        split_key(text)
