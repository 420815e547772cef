"""Every query about exceptions, and about what controllers told of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from iars_node.consent import terms as stored_terms
from iars_node.consent.exception import KeptException
from iars_node.consent.tables import consent_exception, exception_outcome
from iars_node.vault.sealing import context

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from iars_node.vault.vault import Vault
    from iars_protocol.approvals import Outcome

_PLAIN = (
    "id", "case_id", "kind", "state", "is_emergency", "author", "decided_by", "recorded_at", "decide_by",
    "decided_at", "review_at", "tell_after", "told_at",
)  # fmt: skip
_BY_ID = select(consent_exception).where(consent_exception.c.id == bindparam("wanted"))


def place(exception_id: str) -> bytes:
    """Name the one place that an exception's reason belongs to."""
    return context("consent_exception", "sealed", exception_id)


def add(connection: Connection, vault: Vault, new: KeptException, key_id: bytes) -> None:
    """Write an exception, its reason sealed."""
    connection.execute(
        insert(consent_exception).values(
            **{name: getattr(new, name) for name in _PLAIN},
            terms=stored_terms.to_json(new.terms),
            expires_at=new.terms.expires,
            key_id=key_id,
            sealed=vault.seal(key_id, stored_terms.words_of(new.terms), place(new.id)),
        )
    )


def find(
    connection: Connection, vault: Vault, exception_id: str, *, for_update: bool = False
) -> KeptException | None:
    """Return an exception by its id; on demand, keep other writers of it waiting."""
    query = _BY_ID.with_for_update() if for_update else _BY_ID
    row = connection.execute(query, {"wanted": exception_id}).first()
    return None if row is None else _opened(vault, [row])[0]


def of_case(connection: Connection, vault: Vault, case_id: str) -> list[KeptException]:
    """Return a case's exceptions, the newest first."""
    rows = connection.execute(
        select(consent_exception)
        .where(consent_exception.c.case_id == case_id)
        .order_by(consent_exception.c.recorded_at.desc(), consent_exception.c.id)
    )
    return _opened(vault, rows.all())


def pending(connection: Connection, vault: Vault, now: datetime, limit: int) -> list[KeptException]:
    """Return the exceptions that wait for an approval, the one due first at the top."""
    rows = connection.execute(
        select(consent_exception)
        .where(consent_exception.c.state == "pending", consent_exception.c.decide_by > now)
        .order_by(consent_exception.c.decide_by, consent_exception.c.id)
        .limit(limit)
    )
    return _opened(vault, rows.all())


def due(connection: Connection, vault: Vault, now: datetime, limit: int) -> list[KeptException]:
    """Return the approved exceptions to be looked at again, or to be told to the person, the oldest first."""
    column = consent_exception.c
    is_to_be_told = column.told_at.is_(None) & (column.tell_after.is_(None) | (column.tell_after <= now))
    is_to_be_reviewed = (column.review_at <= now) & (column.expires_at > now)
    rows = connection.execute(
        select(consent_exception)
        .where(column.state == "approved", is_to_be_told | is_to_be_reviewed)
        .order_by(column.recorded_at, column.id)
        .limit(limit)
    )
    return _opened(vault, rows.all())


def count(connection: Connection, begin: datetime, end: datetime) -> dict[tuple[str, str], int]:
    """Return how many exceptions were recorded in a time, by kind and state."""
    rows = connection.execute(
        select(consent_exception.c.kind, consent_exception.c.state, func.count())
        .where(consent_exception.c.recorded_at >= begin, consent_exception.c.recorded_at < end)
        .group_by(consent_exception.c.kind, consent_exception.c.state)
    )
    return {(row[0], row[1]): row[2] for row in rows}


def change(connection: Connection, exception_id: str, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    """Change columns of an exception."""
    connection.execute(
        update(consent_exception).where(consent_exception.c.id == exception_id).values(**values)
    )


def _opened(vault: Vault, rows: Sequence[Row[Any]]) -> list[KeptException]:
    words = vault.open_many([(bytes(row.key_id), bytes(row.sealed), place(row.id)) for row in rows])
    return [
        KeptException(
            **{name: getattr(row, name) for name in _PLAIN}, terms=stored_terms.from_json(row.terms, said)
        )
        for row, said in zip(rows, words, strict=True)
    ]


def outcome_of(connection: Connection, peer: bytes, grant_id: str) -> Outcome | None:
    """Return what a controller told about one of its grants, or None."""
    found = connection.execute(
        select(exception_outcome.c.outcome).where(
            exception_outcome.c.peer == peer, exception_outcome.c.grant_id == grant_id
        )
    ).scalar_one_or_none()
    outcome: Outcome | None = found
    return outcome


def approver_of(connection: Connection, peer: bytes, grant_id: str) -> str:
    """Return who approved an exception at its controller, by the name it goes under there, or nothing."""
    found = connection.execute(
        select(exception_outcome.c.approver).where(
            exception_outcome.c.peer == peer, exception_outcome.c.grant_id == grant_id
        )
    ).scalar_one_or_none()
    return found or ""


def add_outcome(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    """Keep what a controller told."""
    connection.execute(insert(exception_outcome).values(**values))
