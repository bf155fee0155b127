"""The SQL of everyday: reading and writing entries, reading and compacting the journal."""

from __future__ import annotations

# A transaction: one revision for all that it changes. Taking the revision first also makes this
# connection the writer, so that what is read afterwards stands until the commit.
BEGIN_WRITE = "begin immediate"
BEGIN_READ = "begin"
TAKE_REVISION = "update head set revision = revision + 1, is_open = 1"
GIVE_BACK = "update head set is_open = 0"

HEAD = "select revision, compacted from head"

GET = "select key, value, revision from entry where key = ?"
REVISION_OF = "select revision from entry where key = ?"
# An identical value is no change: nothing is journalled and nobody is woken.
PUT = """
insert into entry (key, value) values (:key, :value)
on conflict (key) do update set value = excluded.value where value <> excluded.value
"""
DELETE = "delete from entry where key = ?"

# No UTF-8 text has a byte ff, so `prefix || ff` comes after every key that begins with the prefix.
LIST = """
select key, value, revision from entry
where key >= :prefix and key < :prefix || cast(x'ff' as text)
order by key
"""

# Where a page of the journal ends: at the revision of its last row, so that a transaction is never
# split; at the head if there are fewer rows.
PAGE_END = """
select revision from change where revision > :after order by revision limit 1 offset :rows
"""
PAGE = """
select revision, key, value from change
where revision > :after and revision <= :end
and key >= :prefix and key < :prefix || cast(x'ff' as text)
order by revision, id
"""

# First the journal is declared forgotten up to a revision, then its rows go, a slice at a time.
RAISE_COMPACTED = "update head set compacted = max(compacted, min(revision, ?))"
HAS_DUST = "select 1 from change where revision <= (select compacted from head) limit 1"
SWEEP = """
delete from change where id in (
    select id from change where revision <= (select compacted from head)
    order by revision limit ?
)
"""

SYNC_FULL = "pragma synchronous = full"
SYNC_NORMAL = "pragma synchronous = normal"
DATA_VERSION = "pragma data_version"

# Sees also the rows that the permanent triggers write. Fires before the commit, and for changes
# that are rolled back, hence it only sets a flag; and only for this connection.
MARK_CHANGED = """
create temp trigger change_made after insert on main.change begin select xinf_change_made(); end
"""

LEASE = "select holder, epoch, counter from lease where name = ?"
TAKE_LEASE = """
insert into lease (name, holder, epoch, counter) values (:name, :holder, 1, 1)
on conflict (name) do update
set holder = excluded.holder, epoch = epoch + 1, counter = counter + 1 where counter = :seen
"""
RENEW_LEASE = """
update lease set counter = counter + 1 where name = ? and holder = ? and epoch = ?
"""
RELEASE_LEASE = """
update lease set counter = counter + 1, holder = null where name = ? and holder = ? and epoch = ?
"""

APPEND_EVENT = """
insert into event (at, kind, subject, model, severity, message) values (?, ?, ?, ?, ?, ?)
"""
# By number, which is the order of appending: clocks of two processes may disagree a little.
PRUNE_EVENTS = "delete from event where id <= (select max(id) from event) - ?"
LIST_EVENTS = """
select id, at, kind, subject, model, severity, message from event
where id > :after and at >= :since
and (:about = '' or model = :about or subject = :about)
and (:kind = '' or kind = :kind or kind like :kind || '.%')
and case severity when 'info' then 0 when 'warn' then 1 else 2 end >= :rank
order by id desc limit :last
"""
HAS_TABLE = "select 1 from sqlite_master where type = 'table' and name = ?"
