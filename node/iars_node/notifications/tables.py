"""The table of who is told outside of the pages. The address is sealed: it is a person's own."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from iars_node.db import Instant, metadata

notification_choice = Table(
    "notification_choice",
    metadata,
    Column("account_id", ForeignKey("account.id"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("rhythm", String(8), nullable=False),
    Column("hour", Integer, nullable=False),
    # When its person was at the pages last: what was there then needs no message.
    Column("here_at", Instant, nullable=False),
    Column("look_at", Instant, nullable=False),
    Column("told_at", Instant),
)
Index("ix_notification_choice_look_at", notification_choice.c.look_at)
