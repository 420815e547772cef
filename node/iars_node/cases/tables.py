"""The tables of persons, cases and their content. Nothing of a case's content stands here in the open."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from iars_node.db import ID, Instant, metadata

person = Table(
    "person",
    metadata,
    Column("id", ID, primary_key=True),
    Column("merged_into", ID, ForeignKey("person.id"), nullable=True, index=True),
    Column("created_at", Instant, nullable=False),
)

person_merge = Table(
    "person_merge",
    metadata,
    Column("id", ID, primary_key=True),
    Column("from_person", ID, ForeignKey("person.id"), nullable=False, index=True),
    Column("into_person", ID, ForeignKey("person.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("by", String(64), nullable=False),
    Column("undone_at", Instant, nullable=True),
    Column("undone_by", String(64), nullable=True),
)

# Two persons of whom somebody said that they are not one, the smaller id first: not to be asked again.
person_difference = Table(
    "person_difference",
    metadata,
    Column("one_person", ID, ForeignKey("person.id"), primary_key=True),
    Column("other_person", ID, ForeignKey("person.id"), primary_key=True, index=True),
    Column("at", Instant, nullable=False),
    Column("by", String(64), nullable=False),
)

household = Table(
    "household",
    metadata,
    Column("id", ID, primary_key=True),
    Column("created_at", Instant, nullable=False),
)

household_member = Table(
    "household_member",
    metadata,
    Column("household_id", ID, ForeignKey("household.id"), primary_key=True),
    Column("person_id", ID, ForeignKey("person.id"), primary_key=True, index=True),
    Column("relation", String(20), nullable=False),
)

case_file = Table(
    "case_file",
    metadata,
    Column("id", ID, primary_key=True),
    Column("person_id", ID, ForeignKey("person.id"), nullable=False, index=True),
    Column("reference", String(16), nullable=False, unique=True),
    # The organisation's own file number: found again by its blind index, shown by opening the sealed one.
    Column("external_number_blind", LargeBinary(16), nullable=True, unique=True),
    Column("external_number_key_id", LargeBinary(16), nullable=True),
    Column("external_number_sealed", LargeBinary, nullable=True),
    Column("state", String(8), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("closure_reason", String(30), nullable=True),
    Column("opened_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("site_id", ID, nullable=True),
    Column("team_id", ID, nullable=True),
    Column("assigned_to", ID, nullable=True),
    Column("version", Integer, nullable=False),
    Column("training", Boolean, nullable=False),
    # Since when it is closed: what is kept how long is counted from here.
    Column("closed_at", Instant, nullable=True),
    Index("ix_case_file_closed", "closed_at"),
    Index("ix_case_file_recent", "updated_at", "id"),
    Index("ix_case_file_assigned", "assigned_to", "state", "updated_at"),
    Index("ix_case_file_team", "team_id", "state", "updated_at"),
)

# One sealed document for each scope and source: {field: {value, at, by}} in deterministic CBOR.
case_content = Table(
    "case_content",
    metadata,
    Column("case_id", ID, ForeignKey("case_file.id"), primary_key=True),
    Column("scope", String(32), primary_key=True),
    Column("source", String(64), primary_key=True),
    Column("key_id", LargeBinary(16), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("updated_by", String(64), nullable=False),
    Column("basis", String(20), nullable=False),
    Column("locked_at", Instant, nullable=True),
    # What came under a grant locks at the grant's end by itself: every reading compares it with the clock.
    Column("ends_at", Instant, nullable=True),
    Column("erased_at", Instant, nullable=True),
)

note = Table(
    "note",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ID, ForeignKey("case_file.id"), nullable=False),
    Column("scope", String(32), nullable=False),
    Column("source", String(64), nullable=False),
    Column("key_id", LargeBinary(16), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("author", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_note_case", "case_id", "at"),
)

# A follow-up: what is to be done by a day, sealed under the part that it touches, and who has done it.
case_task = Table(
    "case_task",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ID, ForeignKey("case_file.id"), nullable=False),
    Column("scope", String(32), nullable=False),
    Column("key_id", LargeBinary(16), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("assigned_to", ID, nullable=True),
    Column("created_by", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant, nullable=True),
    Column("done_by", String(64), nullable=True),
    Index("ix_case_task_case", "case_id", "due_at"),
    Index("ix_case_task_due", "assigned_to", "done_at", "due_at"),
)

# Who looked into a case that is not theirs, until when, and who has looked at that since.
case_opening = Table(
    "case_opening",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ID, ForeignKey("case_file.id"), nullable=False),
    Column("account_id", ID, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("key_id", LargeBinary(16), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("seen_at", Instant, nullable=True),
    Column("seen_by", ID, nullable=True),
    Column("reviewed_at", Instant, nullable=True),
    Column("reviewed_by", ID, nullable=True),
    Index("ix_case_opening_account", "account_id", "case_id", "ends_at"),
    Index("ix_case_opening_case", "case_id", "opened_at"),
    Index("ix_case_opening_unreviewed", "reviewed_at", "opened_at"),
)

# The words of a case, blind. The primary key is the search path and is the table itself on SQLite; the
# second index erases a key's words with the key.
search_word = Table(
    "search_word",
    metadata,
    Column("column", String(10), primary_key=True),
    Column("blind", LargeBinary(16), primary_key=True),
    Column("case_id", ID, ForeignKey("case_file.id"), primary_key=True),
    Column("key_id", LargeBinary(16), primary_key=True, index=True),
    sqlite_with_rowid=False,
)
