"""Queries that end consents and grants, whole or in part, and remember ids that ended before they came."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.consent import store
from iars_node.consent.ended import WHOLE, EndedPart, from_json, joined, to_json
from iars_node.consent.model import IssuedGrant
from iars_node.consent.tables import consent, consent_grant, withdrawn_id
from iars_node.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from iars_node.consent.model import Consent, KeptGrant
    from iars_node.work import Work

AT_ONCE = 500

Kind: TypeAlias = Literal["grant", "onward"]

_WITHDRAWN = Prepared(
    select(withdrawn_id.c.ended).where(
        withdrawn_id.c.kind == bindparam("of_kind"),
        withdrawn_id.c.id == bindparam("wanted"),
        withdrawn_id.c.issuer == bindparam("signed_by"),
    )
)
_RUN_OUT = Prepared(
    select(consent_grant)
    .where(
        consent_grant.c.direction == "in",
        consent_grant.c.ended_at.is_(None),
        consent_grant.c.expires_at <= bindparam("now"),
    )
    .order_by(consent_grant.c.expires_at)
    .limit(bindparam("most"))
)


def lock_consent(connection: Connection, consent_id: str) -> None:
    """Let nobody else change a consent before the commit."""
    connection.execute(select(consent.c.id).where(consent.c.id == consent_id).with_for_update())


def end_consent(connection: Connection, consent_id: str, state: str, at: datetime) -> None:
    """End a whole consent: from now on it permits nothing."""
    connection.execute(update(consent).where(consent.c.id == consent_id).values(state=state, ended_at=at))


def end_parts(connection: Connection, given: Consent, parts: Iterable[EndedPart]) -> None:
    """End parts of a consent; the rest stands."""
    ended = to_json(joined(given.ended, parts))
    connection.execute(update(consent).where(consent.c.id == given.id).values(ended=ended))


def end_grants(
    work: Work, grants: Sequence[KeptGrant | IssuedGrant], more: Sequence[EndedPart], at: datetime
) -> None:
    """End grants, whole or in part; one that is ended for everything counts as ended from this moment."""
    # Most end alike: one statement for all of them, however many were told.
    alike: dict[tuple[tuple[EndedPart, ...], bool], list[str]] = defaultdict(list)
    for each in grants:
        parts = joined(each.ended, more)
        is_over = WHOLE in parts or _is_over(work.connection, each.id, parts)
        alike[parts, is_over].append(each.id)
    for (parts, is_over), ids in alike.items():
        for start in range(0, len(ids), AT_ONCE):
            work.connection.execute(
                update(consent_grant)
                .where(consent_grant.c.id.in_(ids[start : start + AT_ONCE]))
                .values(ended=to_json(parts), ended_at=at if is_over else None)
            )


def end_telling_back(
    connection: Connection, grants: Sequence[IssuedGrant], more: Sequence[EndedPart]
) -> None:
    """End what recipients may tell back in some scopes; what they received stands as it did."""
    alike: dict[tuple[EndedPart, ...], list[str]] = defaultdict(list)
    for each in grants:
        alike[joined(each.ended, more)].append(each.id)
    for parts, ids in alike.items():
        for start in range(0, len(ids), AT_ONCE):
            some = consent_grant.c.id.in_(ids[start : start + AT_ONCE])
            connection.execute(update(consent_grant).where(some).values(ended=to_json(parts)))


def _is_over(connection: Connection, grant_id: str, parts: Sequence[EndedPart]) -> bool:
    kept = store.find_grant(connection, grant_id)
    return kept is not None and all(
        any(part.touches(scope=scope.code, purpose=purpose) for part in parts)
        for scope in kept.grant.scopes
        for purpose in kept.grant.purposes
    )


def note_end(connection: Connection, grant_ids: Collection[str], at: datetime) -> None:
    """Note that the time of grants is over, so that it is looked at once."""
    connection.execute(
        update(consent_grant).where(consent_grant.c.id.in_(list(grant_ids))).values(ended_at=at)
    )


def run_again(connection: Connection, grant_id: str) -> None:
    """Take back that the time of a grant is over: the clock was wrong."""
    connection.execute(update(consent_grant).where(consent_grant.c.id == grant_id).values(ended_at=None))


_ISSUED = select(
    consent_grant.c.id,
    consent_grant.c.peer,
    consent_grant.c.consent_id,
    consent_grant.c.case_id,
    consent_grant.c.hash,
    consent_grant.c.ended,
)


def issued_grants(connection: Connection, consent_ids: Collection[str]) -> list[IssuedGrant]:
    """Return every grant that a consent's versions gave, the first recorded first: who was told something."""
    rows = connection.execute(
        _ISSUED.where(
            consent_grant.c.consent_id.in_(list(consent_ids)), consent_grant.c.direction == "out"
        ).order_by(consent_grant.c.recorded_at, consent_grant.c.id)
    )
    return [_issued(row) for row in rows]


def issued_by_id(connection: Connection, grant_ids: Collection[str]) -> list[IssuedGrant]:
    """Return the grants of some ids that this node issued."""
    found: list[IssuedGrant] = []
    wanted = sorted(grant_ids)
    for start in range(0, len(wanted), AT_ONCE):
        some = consent_grant.c.id.in_(wanted[start : start + AT_ONCE])
        rows = connection.execute(
            _ISSUED.where(some, consent_grant.c.direction == "out").order_by(consent_grant.c.id)
        )
        found += [_issued(row) for row in rows]
    return found


def _issued(row: Row[Any, Any, Any, Any, Any, Any]) -> IssuedGrant:
    return IssuedGrant(
        row.id, bytes(row.peer), row.consent_id, row.case_id, bytes(row.hash), from_json(row.ended)
    )


def passed_on(connection: Connection, case_ids: Collection[str]) -> list[IssuedGrant]:
    """Return the grants that this node issued for some cases under others' onward permissions."""
    rows = connection.execute(
        _ISSUED.where(
            consent_grant.c.case_id.in_(sorted(case_ids)),
            consent_grant.c.direction == "out",
            consent_grant.c.onward != "",
        ).order_by(consent_grant.c.id)
    )
    return [_issued(row) for row in rows]


def issued_for(connection: Connection, case_ids: Collection[str]) -> list[IssuedGrant]:
    """Return every grant that this node issued for some cases."""
    if not case_ids:
        return []
    rows = connection.execute(
        _ISSUED.where(
            consent_grant.c.case_id.in_(sorted(case_ids)), consent_grant.c.direction == "out"
        ).order_by(consent_grant.c.id)
    )
    return [_issued(row) for row in rows]


def issued_under(connection: Connection, onward: Collection[str]) -> list[IssuedGrant]:
    """Return the grants that this node issued under others' onward permissions."""
    if not onward:
        return []
    rows = connection.execute(
        _ISSUED.where(consent_grant.c.onward.in_(list(onward)), consent_grant.c.direction == "out")
    )
    return [_issued(row) for row in rows]


def run_out(connection: Connection, now: datetime, most: int) -> list[KeptGrant]:
    """Return the received grants whose time is over and whose end was not noted yet."""
    return [store.as_kept(row) for row in _RUN_OUT.all(connection, {"now": now, "most": most})]


def withdrawn_before(connection: Connection, kind: Kind, wanted: str, issuer: bytes) -> tuple[EndedPart, ...]:
    """Return what an issuer had withdrawn of an id before anything under it came."""
    row = _WITHDRAWN.first(connection, {"of_kind": kind, "wanted": wanted, "signed_by": issuer})
    return from_json(None if row is None else row.ended)


def remember_withdrawn(
    work: Work, kind: Kind, wanted: str, issuer: bytes, parts: Sequence[EndedPart]
) -> None:
    """Remember that an issuer withdrew an id that is not known here."""
    known = withdrawn_before(work.connection, kind, wanted, issuer)
    dialect = sqlite if work.is_sqlite else postgresql
    ended = to_json(joined(known, parts))
    statement = dialect.insert(withdrawn_id).values(
        kind=kind, id=wanted, issuer=issuer, ended=ended, recorded_at=work.now
    )
    work.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "id", "issuer"], set_={"ended": statement.excluded.ended}
        )
    )
