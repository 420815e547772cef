"""Every query about consents and grants."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from iars_node.consent import terms as stored_terms
from iars_node.consent.ended import from_json, to_json
from iars_node.consent.model import Consent, History, KeptGrant
from iars_node.consent.tables import consent, consent_grant, consent_history
from iars_node.prepared import Prepared, inserting
from iars_node.vault.sealing import context
from iars_protocol.consent import Grant, Signed

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from iars_node.consent.model import State
    from iars_node.vault.vault import Vault

_ONE = select(consent).where(consent.c.id == bindparam("wanted"))
_BY_ID = Prepared(_ONE)
_BY_ID_TO_CHANGE = Prepared(_ONE.with_for_update())
_SUCCESSOR = select(consent.c.id).where(consent.c.replaces == bindparam("wanted"))
_ADD_HISTORY = insert(consent_history).inline()
_ADD_GRANT = Prepared(
    inserting(
        consent_grant,
        *(column.key for column in consent_grant.columns if column.key != "ended_at"),
    )
)
_ISSUED = Prepared(
    select(consent_grant).where(
        consent_grant.c.consent_id == bindparam("consent"),
        consent_grant.c.peer == bindparam("peer"),
        consent_grant.c.onward == bindparam("under"),
    )
)
# Only what tells rows apart narrows these: SQLite, which has no statistics, may otherwise take the index that
# begins with the direction and read every grant.
_SUBJECTS_OF_CASE = Prepared(
    select(consent_grant.c.subject, consent_grant.c.peer, consent_grant.c.direction).where(
        consent_grant.c.case_id == bindparam("wanted")
    )
)
_CASES_OF_SUBJECT = Prepared(
    select(consent_grant.c.case_id, consent_grant.c.direction).where(
        consent_grant.c.peer == bindparam("with_peer"), consent_grant.c.subject == bindparam("wanted")
    )
)
_GRANT_BY_ID = Prepared(select(consent_grant).where(consent_grant.c.id == bindparam("wanted")))


ID_DIGITS = 32


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
            sealed=vault.seal(key_id, stored_terms.words_of(new.terms), place(new.id)),
            given_at=new.given_at,
            expires_at=new.terms.expires,
            recorded_by=new.recorded_by,
            ended=to_json(new.ended) or None,
        )
    )


def find(
    connection: Connection, vault: Vault, consent_id: str, *, for_update: bool = False
) -> Consent | None:
    """Return a consent by its id; on demand, keep other writers of it waiting."""
    row = (_BY_ID_TO_CHANGE if for_update else _BY_ID).first(connection, {"wanted": consent_id})
    return None if row is None else _consents(vault, [row])[0]


def beginning_with(connection: Connection, vault: Vault, digits: str) -> list[Consent]:
    """Return the consents whose id begins with some digits."""
    # A range, not LIKE: PostgreSQL's index serves it whatever the language of the database.
    wanted = (consent.c.id >= digits) & (consent.c.id <= digits + "f" * (ID_DIGITS - len(digits)))
    return _consents(vault, connection.execute(select(consent).where(wanted).limit(2)).all())


def newest_version(connection: Connection, vault: Vault, consent_id: str) -> Consent | None:
    """Return the version that stands today in the place of a consent, or None if there is no such consent."""
    newest = consent_id
    # An expired version can have been renewed as well: what tells is whether a newer one points to it.
    while (row := connection.execute(_SUCCESSOR, {"wanted": newest}).first()) is not None:
        newest = row.id
    return find(connection, vault, newest)


def has_successor(connection: Connection, consent_id: str) -> bool:
    """Say whether a newer version has taken a consent's place."""
    return connection.execute(_SUCCESSOR, {"wanted": consent_id}).first() is not None


def end_version(connection: Connection, consent_id: str, at: datetime) -> None:
    """End a version in favour of a newer one, its state kept; one that had ended keeps its time."""
    ended = func.coalesce(consent.c.ended_at, bindparam("at", at, consent.c.ended_at.type))
    connection.execute(update(consent).where(consent.c.id == consent_id).values(ended_at=ended))


def set_state(
    connection: Connection, consent_id: str, state: State, ended_at: datetime | None = None
) -> None:
    """Write a consent's state, and when it ended."""
    values = {"state": state} | ({} if ended_at is None else {"ended_at": ended_at})
    connection.execute(update(consent).where(consent.c.id == consent_id).values(values))


def write_answer(connection: Connection, vault: Vault, given: Consent) -> None:
    """Write what the person answered over what they were asked."""
    key_id = connection.execute(select(consent.c.key_id).where(consent.c.id == given.id)).scalar_one()
    connection.execute(
        update(consent)
        .where(consent.c.id == given.id)
        .values(
            state=given.state,
            terms=stored_terms.to_json(given.terms),
            sealed=vault.seal(bytes(key_id), stored_terms.words_of(given.terms), place(given.id)),
            given_at=given.given_at,
            expires_at=given.terms.expires,
            recorded_by=given.recorded_by,
        )
    )


def add_history(connection: Connection, consent_id: str, entry: History) -> None:
    """Append to a consent's history."""
    values = {name: getattr(entry, name) for name in History.__dataclass_fields__}
    connection.execute(_ADD_HISTORY, values | {"consent_id": consent_id})


def history(connection: Connection, consent_id: str) -> list[History]:
    """Return a consent's history in its order."""
    rows = connection.execute(
        select(consent_history)
        .where(consent_history.c.consent_id == consent_id)
        .order_by(consent_history.c.sequence)
    )
    return [History(row.at, row.step, row.by, row.state_after, row.actor) for row in rows]


def grants_of_consent(connection: Connection, consent_id: str) -> list[KeptGrant]:
    """Return the grants that were issued under a consent or an exception."""
    rows = connection.execute(
        select(consent_grant)
        .where(consent_grant.c.consent_id == consent_id)
        .order_by(consent_grant.c.recorded_at, consent_grant.c.id)
    )
    return [as_kept(row) for row in rows]


def end_grant(connection: Connection, grant_id: str, at: datetime) -> None:
    """Write when a grant stopped to count before its time."""
    condition = (consent_grant.c.id == grant_id) & consent_grant.c.ended_at.is_(None)
    connection.execute(update(consent_grant).where(condition).values(ended_at=at))


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
    return [_consent(row, words) for row, words in zip(rows, opened, strict=True)]


def _consent(row: Row[Any], words: bytes | None) -> Consent:
    return Consent(
        row.id,
        row.case_id,
        row.state,
        row.version,
        row.replaces,
        stored_terms.from_json(row.terms, words),
        row.given_at,
        row.recorded_by,
        row.ended_at,
        ended=from_json(row.ended),
    )


def add_grant(connection: Connection, kept: KeptGrant, expires_at: Any) -> None:  # noqa: ANN401 - a datetime column
    """Write a grant."""
    _ADD_GRANT.run(
        connection,
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
    row = _GRANT_BY_ID.first(connection, {"wanted": grant_id})
    return None if row is None else as_kept(row)


def issued_grant(connection: Connection, consent_id: str, peer: bytes, onward: str = "") -> KeptGrant | None:
    """Return the grant that a consent already gave a recipient, under an onward permission or none."""
    row = _ISSUED.first(connection, {"consent": consent_id, "peer": peer, "under": onward})
    return None if row is None else as_kept(row)


def subject_for(connection: Connection, case_id: str, peer: bytes) -> str | None:
    """Return the pseudonym under which a recipient already knows a case's person."""
    rows = _SUBJECTS_OF_CASE.all(connection, {"wanted": case_id})
    return next((row.subject for row in rows if row.direction == "out" and bytes(row.peer) == peer), None)


def case_of_subject(connection: Connection, peer: bytes, subject: str) -> str:
    """Return the case of the person whom a recipient knows under a pseudonym, or an empty id."""
    rows = _CASES_OF_SUBJECT.all(connection, {"with_peer": peer, "wanted": subject})
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
        row.ended_at,
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
