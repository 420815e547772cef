"""What people do in a history when they pass a person on: permit it, use it, end it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import literal_column, select
from tests.federation.invariant.history import AS_WRITTEN, PURPOSES, TAKEN, has_referrals, referrals_of, terms
from tests.federation.invariant.nodes import NAMES

from iars_node.consent import onward, onward_store
from iars_node.consent import service as consents
from iars_node.consent.onward_model import ALL, Ceilings
from iars_node.consent.tables import consent, consent_grant, onward_permission
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering
from iars_node.referrals.tables import referral
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.model import Part
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.federation.invariant.history import History

    from iars_node.consent.onward_model import KeptPermission
    from iars_node.work import Work


def permit(history: History) -> str:
    """Have an origin allow a recipient to pass the person on, as far as the person said or less far."""
    origin = history.one([name for name in NAMES if _is_any(history, name, _permitting, "referral")])
    with history.side(origin).node.works.write(SYSTEM) as work:
        row = history.one(_permitting(work))
        given = consents.get(work, row.consent_id)
        wanted = ALL
        if history.dice.chance(30):
            scopes = history.some(tuple(scope.code for scope in given.terms.scopes))
            wanted = Ceilings(tuple(dict.fromkeys(("services", *scopes))), (), (), ())
        permission = onward.permit_onward(work, given.id, peers.get(work, bytes(row.peer)), wanted)
    name, scopes = history.nodes.name_of(bytes(row.peer)), permission.onward.scopes
    return f"{origin} permits {name} to pass on {given.id[:6]}: {permission.id[:6]}, {', '.join(scopes)}"


def _is_any(history: History, name: str, find: Callable[[Work], list[Any]], table: str) -> bool:
    if not history.nodes.look(name, f"SELECT 1 FROM {table}"):  # noqa: S608 - the names above
        return False
    with history.side(name).node.works.read(SYSTEM) as work:
        return bool(find(work))


def _permitting(work: Work) -> list[Any]:
    """Return the referrals whose persons allow that they are passed on."""
    query = (
        select(referral.c.consent_id, referral.c.peer)
        .join_from(referral, consent, consent.c.id == referral.c.consent_id)
        .where(
            referral.c.direction == "out",
            referral.c.state.in_(TAKEN),
            consent.c.state.in_(("given", "renewed")),
            consent.c.terms["is_onward_allowed"].as_boolean(),
        )
    )
    return list(work.connection.execute(query.order_by(literal_column("referral.rowid"))))


def _permissions(work: Work) -> list[Any]:
    """Return the permissions that can be used here: of persons who have a case."""
    column = onward_permission.c
    query = (
        select(column.id, consent_grant.c.case_id)
        .join_from(onward_permission, consent_grant, consent_grant.c.id == column.grant_id)
        .where(column.way == "in", consent_grant.c.case_id != "")
    )
    return list(work.connection.execute(query.order_by(literal_column("onward_permission.rowid"))))


def pass_on(history: History) -> str:
    """Have a recipient refer a person on: under a permission of the case, or without one."""
    holders = [name for name in NAMES if _is_any(history, name, _permissions, "onward_permission")]
    if not holders or history.dice.chance(20):
        return _pass_on_alone(history)
    holder = history.dice.one(holders)
    with history.side(holder).node.works.write(SYSTEM) as work:
        chosen = history.one(_permissions(work))
        permission = onward_store.find_permission(work.connection, chosen.id, way="in")
        return _refer(history, work, holder, chosen.case_id, permission)


def _pass_on_alone(history: History) -> str:
    """Have a recipient refer a person on by its own word: with what it recorded, or was handed over to it."""
    holder = history.one([name for name in NAMES if has_referrals(history, name, *TAKEN)])
    with history.side(holder).node.works.write(SYSTEM) as work:
        case = history.one(referrals_of(work, "in", *TAKEN)).case_id
        return _refer(history, work, holder, case, None)


def _refer(history: History, work: Work, holder: str, case: str, permission: KeptPermission | None) -> str:
    dice = history.dice
    receiver = _next(history, holder, permission)
    given = consents.give_consent(work, case, terms(history, work, receiver))
    service = dice.one([code for code, purpose in PURPOSES.items() if purpose in given.terms.purposes])
    offering = Offering(
        case, given.id, service, "urgent",
        kind="handover" if dice.chance(10) else "service",
        onward="" if permission is None else permission.id,
        names_recipient=dice.chance(70),
    )  # fmt: skip
    sent = referrals.send_referral(work, offering, history.side(receiver).id)
    under = "without a permission" if permission is None else f"under {permission.id[:6]}"
    shared = ", ".join(scope.code for scope in given.terms.scopes)
    return f"{holder} passes on {sent.id[:6]} to {receiver} {under}: {service}, {shared}, {offering.kind}"


def _next(history: History, holder: str, permission: KeptPermission | None) -> str:
    others = [name for name in NAMES if name != holder]
    if permission is None or history.dice.chance(10):
        return history.dice.one(others)
    named = [name for name in others if permission.onward.names(history.side(name).id.hex())]
    return history.dice.one(named or others)


def end_permission(history: History) -> str:
    """Have a person no longer want to be passed on, or not with all of it, or not for everything."""
    origin = history.one([name for name in NAMES if _is_any(history, name, _given, "onward_permission")])
    with history.side(origin).node.works.write(SYSTEM) as work:
        found = history.one(_given(work))
        permission = onward_store.find_permission(work.connection, found.id, way="out")
        what = history.dice.one(("passing on", "a scope", "a purpose", "a purpose", "somebody"))
        if permission is None or what == "passing on":
            withdrawals.withdraw_onward(work, found.id, by=history.dice.one(("person", "other")))
        elif what == "a scope":
            named = history.dice.one(permission.onward.scopes)
            withdrawals.withdraw(work, [found.consent_id], Part(scopes=(named,)))
        elif what == "somebody":
            named = history.side(history.somebody(origin)).id.hex()
            withdrawals.withdraw(work, [found.consent_id], Part(recipients=(named,)))
        else:
            named = history.dice.one(permission.onward.purposes)
            withdrawals.withdraw(work, [found.consent_id], Part(purposes=(named,)))
    return f"{origin}: {what} under {found.id[:6]} is withdrawn"


def _given(work: Work) -> list[Any]:
    """Return the permissions that this node gave and that still stand."""
    column = onward_permission.c
    query = select(column.id, column.consent_id).where(column.way == "out", column.ended_at.is_(None))
    return list(work.connection.execute(query.order_by(AS_WRITTEN)))


STEPS: Mapping[Callable[[History], str], int] = {permit: 14, pass_on: 20, end_permission: 8}
"""Each kind of step, and how often it is drawn."""
