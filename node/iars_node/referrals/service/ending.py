"""What the end of a consent does to referrals that went out under it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import select

from iars_node import audit
from iars_node.exchange.model import Draft
from iars_node.exchange.queueing import queue_many
from iars_node.referrals import store
from iars_node.referrals.model import OUT, REVOKED_STEP, WITHDRAWN_STEP, Step, is_never_accepted
from iars_node.referrals.service import disclosing, steps
from iars_node.referrals.service.withholding import withhold_ended
from iars_node.vault.tables import content_key
from iars_protocol.content import Content
from iars_protocol.messages.referral import Cancel
from iars_protocol.record import SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iars_node.consent.ended import EndedPart
    from iars_node.consent.model import IssuedGrant
    from iars_node.peers.model import Peer
    from iars_node.referrals.model import Referral
    from iars_node.work import Work
    from iars_protocol.envelope import Message

REASON = "consent-ended"
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class End:
    """What ends of some grants, and whether the person or anybody else ended it."""

    parts: Sequence[EndedPart]
    by: Literal["person", "other"]

    @property
    def step(self) -> str:
        """The entry that a referral's history gets of it."""
        return WITHDRAWN_STEP if self.by == "person" else REVOKED_STEP


def end_sharing(
    work: Work, ended: Sequence[IssuedGrant], told: Mapping[bytes, Peer], end: End
) -> list[Referral]:
    """Cancel what was not accepted yet under grants that have ended; return what was cancelled.

    Accepted care goes on as the receiver and the person decide; nothing more is disclosed for it, because
    every disclosure asks the grant. `told` are the peers that can be told now: who can't be told by a step of
    the referral learns of its end by the withdrawal, which is carried later.
    """
    grants = {kept.id: kept for kept in ended}
    # Before the cancellations are queued: what waits in these threads is looked through.
    withhold_ended(work, grants)
    sent = [each for each in store.under_grants(work.connection, grants) if each.direction == OUT]
    over = [each for each in sent if each.is_open and _is_over(each, grants[each.grant_id])]
    # What waited for the acceptance never leaves.
    store.drop_snapshots(work.connection, [current.id for current in over])
    going = [current for current in over if current.state == "requested" and current.peer in told]
    # What is cancelled says so by its own last step.
    left = {each.id for each in sent} - {each.id for each in going}
    note_ended(work, [each for each in sent if each.id in left], end.parts, end.step, work.actor.id)
    return _cancel(work, going, grants, told)


def note_ended(
    work: Work, touched: Sequence[Referral], parts: Sequence[EndedPart], step: str, actor: str
) -> None:
    """Write into the history of referrals what ended of the consent under them: a scope each, or all of it.

    Of those that ended before anybody accepted them nothing is left to end.
    """
    entries = [
        (current.id, _aside(work, current, step, scope, actor))
        for current in touched
        if not is_never_accepted(current)
        for scope in dict.fromkeys(
            part.scope for part in parts if part.purpose in ("", SERVICES[current.service].purpose)
        )
    ]
    if entries:
        store.add_steps(work.connection, entries)


def _aside(work: Work, current: Referral, kind: str, scope: str, actor: str) -> Step:
    return Step(
        at=work.now,
        type=kind,
        side="sender",
        actor=actor,
        message="",
        seen="",
        state_after=current.state,
        reason=scope,
        is_refused=False,
    )


def _is_over(current: Referral, kept: IssuedGrant) -> bool:
    return kept.has_ended("services", SERVICES[current.service].purpose)


def _cancel(
    work: Work, over: Sequence[Referral], grants: Mapping[str, IssuedGrant], told: Mapping[bytes, Peer]
) -> list[Referral]:
    keys = _message_keys(work, [current.id for current in over])
    content = Content(Cancel(REASON))
    drafts = [
        Draft(
            told[current.peer],
            current.thread,
            content,
            ((keys.get(current.id) or disclosing.message_key(work, current.id, "own"),),),
            work.now + steps.MESSAGE_LIFE,
            grants[current.grant_id].hash,
        )
        for current in over
    ]
    messages = queue_many(work, drafts)
    made = [_step(work, current, message) for current, message in zip(over, messages, strict=True)]
    store.add_steps(work.connection, [(each.id, step) for each, step in zip(over, made, strict=True)])
    changes: dict[str, Any] = {
        "state": "cancelled",
        "updated_at": work.now,
        "closed_at": work.now,
        "reason": REASON,
    }
    store.change_many(work.connection, [each.id for each in over], **changes)
    cancelled = [replace(each, **changes) for each in over]
    audit.record_many(work, [_entry(each) for each in cancelled])
    return cancelled


def _step(work: Work, current: Referral, message: Message) -> Step:
    return Step(
        at=work.now,
        type=message.header.type,
        side=current.side,
        actor=work.actor.id,
        message=message.id.hex(),
        seen=message.header.seen.hex(),
        state_after=steps.next_state(current, message.header.type),
        reason=REASON,
        is_refused=False,
    )


def _message_keys(work: Work, referral_ids: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    column: Any = content_key.c
    for start in range(0, len(referral_ids), AT_ONCE):
        rows = work.connection.execute(
            select(column.owner_id, column.key_id).where(
                column.owner_kind == "referral",
                column.owner_id.in_(list(referral_ids[start : start + AT_ONCE])),
                column.scope == disclosing.MESSAGE_SCOPE,
                column.source == "own",
            )
        )
        found |= {row.owner_id: bytes(row.key_id) for row in rows}
    return found


def _entry(cancelled: Referral) -> audit.Entry:
    return audit.Entry(
        "referral.cancelled",
        case_id=cancelled.case_id,
        referral_id=cancelled.id,
        peer_id=cancelled.peer.hex(),
        detail={"reason": REASON},
    )
