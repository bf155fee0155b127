from rich.text import Text

from xinf.tui.columns import Column, Row, room_for_first, table, without

COLUMNS = (
    Column("NAME"),
    Column("STATE", 6),
    Column("N", 4, is_number=True, rank=1),
    Column("EXTRA", rank=2),
)


def row(*cells: str, detail: str = "") -> Row:
    return Row([Text(cell) for cell in cells], [Text(detail)] if detail else [])


def lines(rows: list[Row], width: int, wanted: int = 30) -> list[str]:
    first = room_for_first(COLUMNS, rows, wanted, width)
    return [line.plain for line in table(COLUMNS, rows, first, width)]


def test_columns_are_aligned_and_details_stand_below_their_row() -> None:
    shown = lines(
        [row("echo", "ready", "7", "x", detail="why"), row("b", "off", "1234", "y")], 80, 4
    )
    assert shown == [
        "NAME  STATE      N  EXTRA",
        "echo  ready      7  x",
        "why",
        "b     off     1234  y",
    ]


def test_the_least_important_column_goes_first_and_some_never_go() -> None:
    rows = [row("a-name-of-thirty-characters-ok", "ready", "7", "x")]
    assert lines(rows, 60)[0].split() == ["NAME", "STATE", "N", "EXTRA"]
    assert lines(rows, 40)[0].split() == ["NAME", "STATE", "N"]
    assert lines(rows, 36)[0].split() == ["NAME", "STATE"]
    assert lines(rows, 16) == ["NAME      STATE", "a-name-…  ready"]


def test_a_table_can_lack_a_column() -> None:
    columns, rows = without("N", COLUMNS, [row("a", "b", "c", "d")])
    assert [column.title for column in columns] == ["NAME", "STATE", "EXTRA"]
    assert [cell.plain for cell in rows[0].cells] == ["a", "b", "d"]


def test_a_row_s_last_words_are_there_as_far_as_there_is_room() -> None:
    said = Row([Text("a"), Text("off")], tail=Text("is loaded when asked for"))
    columns = [Column("MODEL"), Column("STATE")]
    wide, narrow, tight = (table(columns, [said], 5, width)[1].plain for width in (60, 26, 16))
    assert wide == "a      off    is loaded when asked for"
    assert narrow == "a      off    is loaded w…"
    assert tight == "a      off"
