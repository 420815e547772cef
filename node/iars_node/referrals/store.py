"""Every query about referrals."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, or_, select, update

from iars_node.consent.tables import consent_grant
from iars_node.prepared import Prepared, inserting
from iars_node.referrals.model import HANDOVER, IN, OUT, Referral, Step
from iars_node.referrals.tables import referral, referral_snapshot, referral_step
from iars_protocol.referral import DRAFT, IN_CARE, OPEN, REQUESTED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

_BY_ID = Prepared(select(referral).where(referral.c.id == bindparam("wanted")))
# Only what tells rows apart narrows these: SQLite, which has no statistics, may otherwise take the index that
# begins with the direction and read every referral.
_OF_CASE = Prepared(
    select(
        referral.c.grant_id, referral.c.direction, referral.c.kind, referral.c.state, referral.c.answered_at
    ).where(referral.c.case_id == bindparam("wanted"))
)
_OF_SUBJECT = Prepared(
    select(referral.c.case_id, referral.c.direction)
    .where(referral.c.peer == bindparam("with_peer"), referral.c.subject == bindparam("wanted"))
    .order_by(referral.c.created_at.desc())
)
_OF_GRANT = Prepared(
    select(referral)
    .where(referral.c.grant_id == bindparam("wanted"))
    .order_by(referral.c.created_at, referral.c.id)
)
_NOT_HANDED_OVER = frozenset({"rejected", "requested", "entered-in-error"})
_DUE = Prepared(
    select(referral.c.id)
    .where(referral.c.state == "requested", referral.c.respond_by <= bindparam("at"))
    .order_by(referral.c.respond_by)
    .limit(bindparam("most"))
)
_ADD = Prepared(inserting(referral))
_ADD_STEP = Prepared(inserting(referral_step))
_ADD_SNAPSHOT = Prepared(inserting(referral_snapshot))
_STEPS = Prepared(
    select(referral_step)
    .where(referral_step.c.referral_id == bindparam("wanted"))
    .order_by(referral_step.c.sequence)
)


def add(connection: Connection, new: Referral) -> None:
    """Write a referral for the first time."""
    values = {name: getattr(new, name) for name in Referral.__dataclass_fields__}
    _ADD.run(connection, values | {"together": list(new.together)})


def change(connection: Connection, referral_id: str, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    """Change columns of a referral."""
    _changing(frozenset(values)).run(connection, {"wanted": referral_id, **values})


@lru_cache(maxsize=64)
def _changing(columns: frozenset[str]) -> Prepared:
    # Built once for each set of columns: building a statement costs more than running it.
    return Prepared(
        update(referral)
        .where(referral.c.id == bindparam("wanted"))
        .values({name: bindparam(name) for name in columns})
    )


def find(connection: Connection, referral_id: str) -> Referral | None:
    """Return a referral by its id."""
    row = _BY_ID.first(connection, {"wanted": referral_id})
    return None if row is None else _referral(row)


def find_by_reference(connection: Connection, reference: str) -> list[Referral]:
    """Return the referrals with a short reference; two organisations may have drawn the same one."""
    rows = connection.execute(
        select(referral).where(referral.c.reference == reference).order_by(referral.c.created_at)
    )
    return [_referral(row) for row in rows]


def of_case(connection: Connection, case_id: str) -> list[Referral]:
    """Return a case's referrals, the newest first."""
    rows = connection.execute(
        select(referral)
        .where(referral.c.case_id == case_id)
        .order_by(referral.c.created_at.desc(), referral.c.id)
    )
    return [_referral(row) for row in rows]


def page(
    connection: Connection,
    *,
    direction: str | None,
    states: Sequence[str],
    limit: int,
    after: tuple[datetime, str] | None = None,
) -> list[Referral]:
    """Return referrals by their newest change, the newest first, behind a cursor."""
    conditions: list[ColumnElement[bool]] = []
    if direction:
        conditions.append(referral.c.direction == direction)
    if states:
        conditions.append(referral.c.state.in_(list(states)))
    if after:
        moment, last = after
        conditions.append(
            or_(referral.c.updated_at < moment, and_(referral.c.updated_at == moment, referral.c.id < last))
        )
    rows = connection.execute(
        select(referral)
        .where(*conditions)
        .order_by(referral.c.updated_at.desc(), referral.c.id.desc())
        .limit(limit)
    )
    return [_referral(row) for row in rows]


def late_or_stuck(
    connection: Connection, *, now: datetime, refused_since: datetime, limit: int
) -> list[Referral]:
    """Return sent referrals whose answer is late or that did not go through, the longest waiting first.

    One that was refused whole is a draft again, which nothing ends: it is shown for a time.
    """
    # The oldest of them matter most: a page of what changed last would show none of these.
    is_late = and_(referral.c.state == REQUESTED, referral.c.respond_by <= now)
    is_stuck = and_(referral.c.state.in_(sorted(OPEN)), referral.c.problem != "")
    is_refused = and_(
        referral.c.state == DRAFT, referral.c.problem != "", referral.c.updated_at > refused_since
    )
    query = (
        select(referral)
        .where(
            referral.c.direction == OUT,
            referral.c.state.in_(sorted((*OPEN, DRAFT))),
            or_(is_late, is_stuck, is_refused),
        )
        .order_by(referral.c.respond_by, referral.c.id)
        .limit(limit)
    )
    return [_referral(row) for row in connection.execute(query)]


def changed_since(
    connection: Connection, *, direction: str, states: Sequence[str], since: datetime, limit: int
) -> list[Referral]:
    """Return referrals in these states that changed lately, the newest change first."""
    query = (
        select(referral)
        .where(
            referral.c.direction == direction,
            referral.c.state.in_(list(states)),
            referral.c.updated_at >= since,
        )
        .order_by(referral.c.updated_at.desc(), referral.c.id.desc())
        .limit(limit)
    )
    return [_referral(row) for row in connection.execute(query)]


def due(connection: Connection, *, direction: str, limit: int) -> list[Referral]:
    """Return the referrals that wait for an answer, the one due first at the top."""
    rows = connection.execute(
        select(referral)
        .where(referral.c.direction == direction, referral.c.state == "requested")
        .order_by(referral.c.respond_by, referral.c.id)
        .limit(limit)
    )
    return [_referral(row) for row in rows]


def case_of_subject(connection: Connection, peer: bytes, subject: str) -> str:
    """Return the case of an earlier referral of the same person by the same organisation, or an empty id."""
    rows = _OF_SUBJECT.all(connection, {"with_peer": peer, "wanted": subject})
    return next((row.case_id for row in rows if row.direction == IN and row.case_id), "")


def handed_over_grants(connection: Connection, case_id: str) -> set[str]:
    """Return the grants under which a case was handed over here: what came under them may be shared on."""
    rows = _OF_CASE.all(connection, {"wanted": case_id})
    return {
        row.grant_id
        for row in rows
        if row.direction == IN
        and row.kind == HANDOVER
        and row.answered_at is not None
        and row.state not in _NOT_HANDED_OVER
    }


def is_handed_over(connection: Connection, case_id: str) -> bool:
    """Say whether another organisation has taken a case over, and has not handed it back."""
    rows = _OF_CASE.all(connection, {"wanted": case_id})
    moved = [
        row
        for row in rows
        if row.kind == HANDOVER and row.answered_at is not None and row.state not in _NOT_HANDED_OVER
    ]
    newest = max(moved, key=lambda row: row.answered_at, default=None)
    return newest is not None and newest.direction == OUT


def under_grants(connection: Connection, grant_ids: Collection[str]) -> list[Referral]:
    """Return the referrals under some grants, the first made first."""
    wanted = sorted(grant_ids)
    if len(wanted) == 1:
        return [_referral(row) for row in _OF_GRANT.all(connection, {"wanted": wanted[0]})]
    found: list[Referral] = []
    for start in range(0, len(wanted), 500):
        rows = connection.execute(
            select(referral)
            .where(referral.c.grant_id.in_(wanted[start : start + 500]))
            .order_by(referral.c.created_at, referral.c.id)
        )
        found += [_referral(row) for row in rows]
    return found


def undisclosed(connection: Connection, peer: bytes) -> list[Referral]:
    """Return what a peer has accepted and has not been shown yet, the first offered first."""
    rows = connection.execute(
        select(referral)
        .where(
            referral.c.direction == "out",
            referral.c.peer == peer,
            referral.c.state.in_(IN_CARE),
            referral.c.is_disclosed.is_(False),
        )
        .order_by(referral.c.created_at, referral.c.id)
    )
    return [_referral(row) for row in rows]


def open_of_grant(connection: Connection, grant_id: str) -> list[Referral]:
    """Return the open referrals under a grant, the first one first."""
    rows = connection.execute(
        select(referral)
        .where(referral.c.grant_id == grant_id, referral.c.state.in_(OPEN))
        .order_by(referral.c.created_at, referral.c.id)
    )
    return [_referral(row) for row in rows]


def locked_in_care(connection: Connection, limit: int) -> list[tuple[Referral, datetime]]:
    """Return the open referrals received here whose grant has ended, and when, the newest first."""
    rows = connection.execute(
        select(referral, consent_grant.c.ended_at.label("locked_at"))
        .join(consent_grant, consent_grant.c.id == referral.c.grant_id)
        .where(
            referral.c.direction == "in",
            referral.c.state.in_(OPEN),
            consent_grant.c.ended_at.is_not(None),
        )
        .order_by(consent_grant.c.ended_at.desc(), referral.c.id)
        .limit(limit)
    )
    return [(_referral(row), row.locked_at) for row in rows]


def ending_between(connection: Connection, after: datetime, before: datetime, limit: int) -> list[Referral]:
    """Return the open referrals sent from here whose grant ends between two moments, the soonest first."""
    rows = connection.execute(
        select(referral)
        .join(consent_grant, consent_grant.c.id == referral.c.grant_id)
        .where(
            referral.c.direction == OUT,
            referral.c.state.in_(OPEN),
            consent_grant.c.expires_at > after,
            consent_grant.c.expires_at < before,
        )
        .order_by(consent_grant.c.expires_at, referral.c.id)
        .limit(limit)
    )
    return [_referral(row) for row in rows]


def forget_problem(connection: Connection, peer: bytes, problem: str) -> None:
    """Take a problem off a peer's referrals: it is over."""
    connection.execute(
        update(referral).where(referral.c.peer == peer, referral.c.problem == problem).values(problem="")
    )


def unanswered(connection: Connection, now: datetime, most: int) -> list[str]:
    """Return the referrals whose time to answer is over, the longest over first."""
    return [row.id for row in _DUE.all(connection, {"at": now, "most": most})]


def add_step(connection: Connection, referral_id: str, step: Step) -> None:
    """Append to a referral's history."""
    values = {name: getattr(step, name) for name in Step.__dataclass_fields__}
    _ADD_STEP.run(connection, values | {"referral_id": referral_id})


def add_steps(connection: Connection, new: Sequence[tuple[str, Step]]) -> None:
    """Append one entry to the history of each of several referrals."""
    rows = [
        {name: getattr(step, name) for name in Step.__dataclass_fields__} | {"referral_id": referral_id}
        for referral_id, step in new
    ]
    _ADD_STEP.run_many(connection, rows)


def change_many(connection: Connection, referral_ids: Sequence[str], **values: Any) -> None:  # noqa: ANN401 - columns of the table
    """Change columns of several referrals in the same way."""
    for start in range(0, len(referral_ids), 500):
        some = referral.c.id.in_(referral_ids[start : start + 500])
        connection.execute(update(referral).where(some).values(**values))


def drop_snapshots(connection: Connection, referral_ids: Sequence[str]) -> None:
    """Forget what would have left with several referrals."""
    for start in range(0, len(referral_ids), 500):
        some = referral_snapshot.c.referral_id.in_(referral_ids[start : start + 500])
        connection.execute(delete(referral_snapshot).where(some))


def refuse_step(connection: Connection, message: str) -> None:
    """Mark the step of a message that the other side refused."""
    connection.execute(
        update(referral_step).where(referral_step.c.message == message).values(is_refused=True)
    )


def steps(connection: Connection, referral_id: str) -> list[Step]:
    """Return a referral's history in its order."""
    return [_step(row) for row in _STEPS.all(connection, {"wanted": referral_id})]


def put_snapshot(connection: Connection, referral_id: str, rows: Mapping[str, tuple[bytes, bytes]]) -> None:
    """Keep what leaves on acceptance: scope → (key ids, sealed)."""
    values = [
        {"referral_id": referral_id, "scope": scope, "key_ids": key_ids, "sealed": sealed}
        for scope, (key_ids, sealed) in rows.items()
    ]
    _ADD_SNAPSHOT.run_many(connection, values)


def snapshot(connection: Connection, referral_id: str) -> dict[str, tuple[bytes, bytes]]:
    """Return what leaves on acceptance: scope → (key ids, sealed)."""
    rows = connection.execute(
        select(referral_snapshot)
        .where(referral_snapshot.c.referral_id == referral_id)
        .order_by(referral_snapshot.c.scope)
    )
    return {row.scope: (bytes(row.key_ids), bytes(row.sealed)) for row in rows}


def drop_snapshot(connection: Connection, referral_id: str) -> None:
    """Forget what would have left: the referral ended, or it has left."""
    connection.execute(delete(referral_snapshot).where(referral_snapshot.c.referral_id == referral_id))


def _referral(row: Any) -> Referral:  # noqa: ANN401 - a row of the table
    values = {name: getattr(row, name) for name in Referral.__dataclass_fields__}
    return Referral(**{**values, "peer": bytes(values["peer"]), "together": tuple(values["together"])})


def _step(row: Any) -> Step:  # noqa: ANN401 - a row of the table
    return Step(**{name: getattr(row, name) for name in Step.__dataclass_fields__})


def newest_steps(connection: Connection, limit: int) -> list[int]:
    """Return the numbers of the newest steps: what changes here is what changed in any list."""
    # Not the highest alone: on PostgreSQL a number may be committed after a later one.
    query = select(referral_step.c.sequence).order_by(referral_step.c.sequence.desc()).limit(limit)
    return list(connection.execute(query).scalars())
