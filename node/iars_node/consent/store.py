"""Every query about consents and grants."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, insert, select, update

from iars_node.consent import terms as stored_terms
from iars_node.consent.ended import from_json, to_json
from iars_node.consent.model import Consent, KeptGrant
from iars_node.consent.tables import consent, consent_grant
from iars_node.vault.sealing import context
from iars_protocol.consent import Grant, Signed

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from iars_node.vault.vault import Vault

_BY_ID = select(consent).where(consent.c.id == bindparam("wanted"))
_ADD_GRANT = insert(consent_grant)
_ISSUED = select(consent_grant).where(
    consent_grant.c.consent_id == bindparam("consent"), consent_grant.c.peer == bindparam("peer")
)
# Only what tells rows apart narrows these: SQLite, which has no statistics, may otherwise take the index that
# begins with the direction and read every grant.
_SUBJECTS_OF_CASE = select(consent_grant.c.subject, consent_grant.c.peer, consent_grant.c.direction).where(
    consent_grant.c.case_id == bindparam("wanted")
)
_CASES_OF_SUBJECT = select(consent_grant.c.case_id, consent_grant.c.direction).where(
    consent_grant.c.peer == bindparam("with_peer"), consent_grant.c.subject == bindparam("wanted")
)
_GRANT_BY_ID = select(consent_grant).where(consent_grant.c.id == bindparam("wanted"))


def place(consent_id: str) -> bytes:
    """Name the one place that a consent's free text belongs to."""
    return context("consent", "sealed", consent_id)


def add(connection: Connection, vault: Vault, new: Consent, key_id: bytes) -> None:
    """Write a consent, its free text sealed."""
    connection.execute(
        insert(consent).values(
            id=new.id,
            case_id=new.case_id,
            state=new.state,
            version=new.version,
            replaces=new.replaces,
            terms=stored_terms.to_json(new.terms),
            key_id=key_id,
            sealed=vault.seal(key_id, new.terms.reasons.encode(), place(new.id)),
            given_at=new.given_at,
            expires_at=new.terms.expires,
            recorded_by=new.recorded_by,
        )
    )


def find(connection: Connection, vault: Vault, consent_id: str) -> Consent | None:
    """Return a consent by its id."""
    row = connection.execute(_BY_ID, {"wanted": consent_id}).first()
    return None if row is None else _consents(vault, [row])[0]


def of_case(connection: Connection, vault: Vault, case_id: str) -> list[Consent]:
    """Return a case's consents, the newest first."""
    rows = connection.execute(
        select(consent)
        .where(consent.c.case_id == case_id)
        .order_by(consent.c.given_at.desc(), consent.c.version.desc(), consent.c.id)
    )
    return _consents(vault, rows.all())


def expiring_between(connection: Connection, vault: Vault, begin: datetime, end: datetime) -> list[Consent]:
    """Return the consents that expire from one moment on and before another."""
    rows = connection.execute(
        select(consent)
        .where(consent.c.expires_at >= begin, consent.c.expires_at < end)
        .order_by(consent.c.given_at, consent.c.id)
    )
    return _consents(vault, rows.all())


def _consents(vault: Vault, rows: list[Row[Any]] | Any) -> list[Consent]:  # noqa: ANN401 - rows of the table
    opened = vault.open_many([(bytes(row.key_id), bytes(row.sealed), place(row.id)) for row in rows])
    return [_consent(row, reasons) for row, reasons in zip(rows, opened, strict=True)]


def _consent(row: Row[Any], reasons: bytes | None) -> Consent:
    return Consent(
        row.id,
        row.case_id,
        row.state,
        row.version,
        row.replaces,
        # Erased free text reads as none: the codes beside it stay as the tombstone of what was agreed.
        stored_terms.from_json(row.terms, "" if reasons is None else reasons.decode()),
        row.given_at,
        row.recorded_by,
        from_json(row.ended),
    )


def add_grant(connection: Connection, kept: KeptGrant, expires_at: Any) -> None:  # noqa: ANN401 - a datetime column
    """Write a grant."""
    connection.execute(
        _ADD_GRANT,
        {
            "id": kept.id,
            "direction": kept.direction,
            "peer": kept.peer,
            "hash": kept.signed.hash,
            "signed": kept.signed.to_line(),
            "subject": kept.grant.subject,
            "consent_id": kept.consent_id,
            "case_id": kept.case_id,
            "expires_at": expires_at,
            "recorded_at": kept.recorded_at,
            "ended": to_json(kept.ended) or None,
            "onward": kept.grant.onward,
        },
    )


def find_grant(connection: Connection, grant_id: str) -> KeptGrant | None:
    """Return a grant by its id."""
    row = connection.execute(_GRANT_BY_ID, {"wanted": grant_id}).first()
    return None if row is None else as_kept(row)


def issued_grant(connection: Connection, consent_id: str, peer: bytes) -> KeptGrant | None:
    """Return the grant that a consent already gave a recipient."""
    row = connection.execute(_ISSUED, {"consent": consent_id, "peer": peer}).first()
    return None if row is None else as_kept(row)


def subject_for(connection: Connection, case_id: str, peer: bytes) -> str | None:
    """Return the pseudonym under which a recipient already knows a case's person."""
    rows = connection.execute(_SUBJECTS_OF_CASE, {"wanted": case_id})
    return next((row.subject for row in rows if row.direction == "out" and bytes(row.peer) == peer), None)


def case_of_subject(connection: Connection, peer: bytes, subject: str) -> str:
    """Return the case of the person whom a recipient knows under a pseudonym, or an empty id."""
    rows = connection.execute(_CASES_OF_SUBJECT, {"with_peer": peer, "wanted": subject})
    return next((row.case_id for row in rows if row.direction == "out"), "")


def grants_of_case(connection: Connection, case_id: str) -> list[KeptGrant]:
    """Return every grant of a case, issued and received, the first recorded first."""
    rows = connection.execute(
        select(consent_grant).where(consent_grant.c.case_id == case_id).order_by(consent_grant.c.recorded_at)
    )
    return [as_kept(row) for row in rows]


def set_grant_case(connection: Connection, grant_id: str, case_id: str) -> None:
    """Tie a received grant to the case that was opened for it."""
    connection.execute(update(consent_grant).where(consent_grant.c.id == grant_id).values(case_id=case_id))


def as_kept(row: Row[Any]) -> KeptGrant:
    """Read a row of the table of grants."""
    signed, grant = _read_grant(row.signed)
    return KeptGrant(
        row.id,
        row.direction,
        bytes(row.peer),
        row.consent_id,
        row.case_id,
        grant,
        signed,
        row.recorded_at,
        from_json(row.ended),
    )


@lru_cache(maxsize=1024)
def _read_grant(line: str) -> tuple[Signed, Grant]:
    # Every step of a referral looks at its grant; the line decides what is read, and nothing in it changes.
    signed = Signed.from_line(line)
    content = signed.content
    if not isinstance(content, Grant):
        raise TypeError("the table of grants holds another object")
    return signed, content
