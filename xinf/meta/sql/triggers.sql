-- The journal is written here and nowhere else, so that no writer can forget it: not xinf, not a
-- person with the sqlite3 shell. Dropped and made again at every open, because rebuilding a table
-- (sqlite-utils' transform) drops its triggers without a word.
--
-- xinf opens a transaction by taking the next revision and setting head.is_open; all its changes
-- share that revision. Whoever does not know this gets a revision of its own for every row.

create trigger entry_inserted after insert on entry begin
    update head set revision = revision + 1 where not is_open;
    update entry set revision = (select revision from head) where key = new.key;
    insert into change (revision, key, kind, value)
        select revision, new.key, 'insert', new.value from head;
end;

create trigger entry_updated after update of key, value on entry begin
    update head set revision = revision + 1 where not is_open;
    update entry set revision = (select revision from head) where key = new.key;
    insert into change (revision, key, kind, value)
        select revision, old.key, 'delete', null from head where old.key <> new.key;
    insert into change (revision, key, kind, value)
        select revision, new.key, 'update', new.value from head;
end;

create trigger entry_deleted after delete on entry begin
    update head set revision = revision + 1 where not is_open;
    insert into change (revision, key, kind, value)
        select revision, old.key, 'delete', null from head;
end;
