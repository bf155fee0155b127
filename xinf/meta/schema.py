"""The shape of the store's file: tables by migration, triggers and views made to fit at every open.

    entry   every key as it stands
    change  the journal: every change of an entry, with the revision of its transaction
    head    one row: the last revision, the revision up to which the journal is compacted, and
            whether a transaction of xinf's own is under way (never 1 for anyone else to see)
    lease   who holds which lease (see `meta.leases`); not journalled, for it moves all the time
    event   what happened, for people (see `meta.events`); not journalled, nothing follows from it

A migration is only ever added at the end. A file that knows one that we do not is of a newer xinf.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib import resources

from sqlite_utils import Database, Migrations

VIEWS = ("v_models", "v_engines", "v_events")


def install(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest schema. All or nothing; a current file keeps its content."""
    db = _database(connection)
    connection.execute("begin immediate")
    try:
        migrations().apply(db)
        _make_triggers(connection)
        for view in VIEWS:
            db.create_view(view, _sql(f"{view}.sql").strip(), replace=True)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def unknown_migrations(connection: sqlite3.Connection) -> frozenset[str]:
    """What was done to this file by a newer xinf. Only reads."""
    known = migrations()
    in_file = {migration.name for migration in known.applied(_database(connection))}
    with_us = _names(known)
    return frozenset(in_file - with_us)


def migrations() -> Migrations:
    """Every step from an empty file to today's tables, in order."""
    steps = Migrations("xinf")

    @steps(name="0001_entries")
    def entries(db: Database) -> None:  # pyright: ignore[reportUnusedFunction]
        db.table("entry").create(
            {"key": str, "value": str, "revision": int},
            pk="key",
            not_null={"value", "revision"},
            defaults={"revision": 0},
        )
        change = db.table("change").create(
            {"id": int, "revision": int, "key": str, "kind": str, "value": str},
            pk="id",
            not_null={"revision", "key", "kind"},
        )
        change.create_index(["revision"])
        head = db.table("head").create(
            {"id": int, "revision": int, "compacted": int, "is_open": int},
            pk="id",
            not_null={"revision", "compacted", "is_open"},
        )
        head.insert({"id": 1, "revision": 0, "compacted": 0, "is_open": 0})

    @steps(name="0002_leases")
    def leases(db: Database) -> None:  # pyright: ignore[reportUnusedFunction]
        db.table("lease").create(
            {"name": str, "holder": str, "epoch": int, "counter": int},
            pk="name",
            not_null={"epoch", "counter"},
        )

    @steps(name="0003_events")
    def events(db: Database) -> None:  # pyright: ignore[reportUnusedFunction]
        columns = {"kind": str, "subject": str, "model": str, "severity": str, "message": str}
        db.table("event").create(
            {"id": int, "at": float, **columns}, pk="id", not_null={"at", *columns}
        )

    return steps


def _names(steps: Migrations) -> set[str]:
    return {migration.name for migration in steps.pending(Database(memory=True))}


def _make_triggers(connection: sqlite3.Connection) -> None:
    standing = connection.execute(
        "select name from sqlite_master where type = 'trigger' and tbl_name = 'entry'"
    )
    for (name,) in standing.fetchall():
        connection.execute(f'drop trigger "{name}"')
    for statement in _statements(_sql("triggers.sql")):
        connection.execute(statement)


def _statements(script: str) -> Iterator[str]:
    """One at a time: `executescript` would commit the transaction around it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _sql(name: str) -> str:
    return (resources.files("xinf.meta") / "sql" / name).read_text(encoding="utf-8")


def _database(connection: sqlite3.Connection) -> Database:
    return Database(connection, recursive_triggers=False, execute_plugins=False)
