"""Correction: the case is put right, and so is the copy of every recipient under a standing grant."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.cases import service as cases
from iars_node.cases.service.access import require_scopes
from iars_node.consent import service as consents
from iars_node.db import new_id
from iars_node.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from iars_node.referrals import store as referral_store
from iars_node.referrals.model import OUT, is_never_accepted
from iars_node.referrals.service.sending import amend
from iars_node.referrals.service.standing import standing_grant
from iars_node.rights import store
from iars_node.rights.model import (
    AMENDED,
    FIELD_REMOVED,
    GRANT_ENDED,
    NOT_SENDABLE,
    REFERRAL_CLOSED,
    TO_TELL,
    Correction,
    Told,
    field_names,
)
from iars_node.vault.identity import identity_of
from iars_node.withdrawals.service import gone

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from iars_node.referrals.model import Referral
    from iars_node.work import Work
    from iars_protocol.consent import Grant
    from iars_protocol.record import Value

    Corrections = Mapping[str, Mapping[str, Value | None]]


@dataclass(frozen=True, slots=True)
class Corrected:
    """What one action did: the correction, and what became of it at each recipient."""

    correction: Correction
    told: tuple[Told, ...]


def correct(work: Work, case_id: str, corrections: Corrections) -> Corrected:
    """Correct fields of a case, None to take one away, and amend every recipient's copy.

    Who can't be sent it, because their referral is closed or what was agreed to has ended, becomes a task.
    """
    require(work.actor, "person.correct")
    names = field_names(corrections)
    if not names:
        raise InvalidError("Say what is corrected.", {"fields": "accepted: at least one field"})
    require_scopes(work, "case.edit", corrections, case_id)
    found = holders(work, case_id, names)
    touched = cases.write_record(
        work,
        case_id,
        {scope: dict(fields) for scope, fields in corrections.items()},  # type: ignore[arg-type]  # None takes away
        country=identity_of(work.vault).listing.country,
    )
    if not touched:
        raise ConflictError("The case says this already; nothing was changed.")
    made = Correction(new_id(), case_id, names, work.now, work.actor.id)
    audit.record(
        work, "person.corrected", subject=made.id, case_id=case_id, scopes=touched,
        detail={"recipients": len(found)},
    )  # fmt: skip
    removed = {name for name in names if _value(corrections, name) is None}
    told = [each for holder in found for each in tell(work, made, holder, removed)]
    store.add(work.connection, made, told)
    return Corrected(made, tuple(told))


def _value(corrections: Corrections, name: str) -> Value | None:
    scope, _, field = name.partition(".")
    return corrections[scope][field]


@dataclass(frozen=True, slots=True)
class Holder:
    """A recipient who holds some of the fields under one grant, and the referrals that brought them there."""

    node: bytes
    grant_id: str
    referrals: tuple[Referral, ...]
    names: tuple[str, ...]


def holders(work: Work, case_id: str, names: Sequence[str]) -> list[Holder]:
    """Return the recipients of a case who hold some of the fields, always in one order."""
    by_grant: dict[str, list[Referral]] = defaultdict(list)
    for current in referral_store.of_case(work.connection, case_id):
        # Of what was never accepted the other side erases what came with it, and reports that.
        if current.direction == OUT and not is_never_accepted(current):
            by_grant[current.grant_id].append(current)
    erased = gone(work, case_id)
    found = []
    for grant_id, sent in by_grant.items():
        grant = consents.kept_grant(work, grant_id).grant
        held = tuple(name for name in names if _is_held(grant, sent, name, erased))
        if held:
            found.append(Holder(sent[0].peer, grant_id, tuple(sent), held))
    # Always in one order: whoever else sends to several organisations waits instead of blocking.
    return sorted(found, key=lambda each: (each.node, each.grant_id))


def _is_held(grant: Grant, sent: Sequence[Referral], name: str, erased: set[tuple[str, str]]) -> bool:
    scope, _, field = name.partition(".")
    granted = grant.scope(scope)
    if granted is None or (grant.id, scope) in erased:
        return False
    return any(granted.allows(field, "acceptance" if each.is_disclosed else "offer") for each in sent)


_Result: TypeAlias = tuple[tuple[str, ...], str, str]
"""Some fields, why they could not be sent (nothing: they were), and the referral that they were sent on."""


def tell(work: Work, made: Correction, holder: Holder, removed: Collection[str] = ()) -> list[Told]:
    """Send a correction to a recipient, and return what became of it there."""
    gone = tuple(name for name in holder.names if name in removed)
    changed = tuple(name for name in holder.names if name not in removed)
    results = [(gone, FIELD_REMOVED, ""), *(_send(work, holder, changed) if changed else [])]
    return [_told(work, made, holder, result) for result in results if result[0]]


def _send(work: Work, holder: Holder, changed: tuple[str, ...]) -> list[_Result]:
    """Send what may be sent on an open referral, and say of the rest why it can't be."""
    open_ones = [each for each in holder.referrals if each.is_open]
    standing = _standing(work, open_ones or holder.referrals)
    if not standing:
        return [(changed, GRANT_ENDED, "")]
    if not open_ones:
        return [(changed, REFERRAL_CLOSED, "")]
    current, today = next((pair for pair in standing if pair[0].is_disclosed), standing[0])
    allowed = tuple(name for name in changed if _is_held(today, [current], name, set()))
    try:
        if allowed:
            amend(work, current.id, only=allowed)
    except (ConflictError, RefusedError):
        return [(changed, NOT_SENDABLE, "")]
    # What the person has taken out since is not theirs to be told any more, right or wrong.
    taken_out = tuple(name for name in changed if name not in allowed)
    return [(allowed, "", current.id), (taken_out, GRANT_ENDED, "")]


def _standing(work: Work, referrals: Sequence[Referral]) -> list[tuple[Referral, Grant]]:
    """Return the referrals whose purpose the person still agrees to, each with what may be sent today."""
    found = []
    for each in referrals:
        with suppress(RefusedError):
            found.append((each, standing_grant(work, each).today))
    return found


def _told(work: Work, made: Correction, holder: Holder, result: _Result) -> Told:
    names, reason, referral_id = result
    return Told(
        id=new_id(),
        correction_id=made.id,
        case_id=made.case_id,
        node=holder.node.hex(),
        grant_id=holder.grant_id,
        referral_id=referral_id or holder.referrals[0].id,
        fields=names,
        outcome=TO_TELL if reason else AMENDED,
        reason=reason,
        at=work.now,
    )


def corrections_of_case(work: Work, case_id: str) -> list[Corrected]:
    """Return a case's corrections with what became of each, the newest first."""
    require(work.actor, "case.read")
    cases.case_head(work, case_id)
    told = store.told_of(work.connection, case_id)
    return [
        Corrected(made, tuple(each for each in told if each.correction_id == made.id))
        for made in store.corrections_of(work.connection, case_id)
    ]


def still_to_tell(work: Work, limit: int) -> list[Told]:
    """Return whom somebody still has to tell of a correction, the longest waiting first."""
    require(work.actor, "person.correct")
    return store.still_to_tell(work.connection, limit)


def find_told(work: Work, told_id: str) -> Told:
    """Return what became of a correction at one recipient, or raise NotFoundError."""
    require(work.actor, "person.correct")
    found = store.find_told(work.connection, told_id)
    if found is None:
        raise NotFoundError("There is no such correction.")
    return found


def mark_told(work: Work, told_id: str) -> Told:
    """Note that a recipient was told by other means, such as the printed notice."""
    found = find_told(work, told_id)
    if not found.is_open:
        raise ConflictError("There is nothing left to tell them.")
    store.mark_told(work.connection, found.id, work.now, work.actor.id)
    audit.record(work, "person.correction-told", subject=found.id, case_id=found.case_id, peer_id=found.node)
    return found
