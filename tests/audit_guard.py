"""The log's guard in the database, lifted as somebody with the database in hands would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection


def lift_the_guard(connection: Connection) -> None:
    """Take the database's own refusal to change the log away, as its owner can."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("DROP TRIGGER audit_event_no_update"))
        connection.execute(text("DROP TRIGGER audit_event_no_delete"))
    else:
        connection.execute(text("DROP TRIGGER audit_event_append_only ON audit_event"))
