"""After a handover: the former controller keeps what routing needs and a law requires; the rest goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.cases import service as cases
from iars_node.cases.service.access import case_to_change
from iars_node.errors import ConflictError, InvalidError
from iars_node.holds.service import held_scopes
from iars_node.jobs.service import schedule
from iars_node.referrals import store as referral_store
from iars_node.referrals.model import HANDOVER, OUT
from iars_node.referrals.service.disclosing import MESSAGE_SCOPE
from iars_node.vault.content_keys import find_keys, forget_keys
from iars_node.withdrawals import handover_store
from iars_node.withdrawals.model import Handover, Kept, Rules
from iars_node.withdrawals.service import clock
from iars_node.withdrawals.service.deciding import GROUNDS
from iars_protocol.messages.referral import Disclose
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from iars_node.exchange.model import Receipted, Resynced
    from iars_node.holds.model import HoldLifted
    from iars_node.jobs.model import Job
    from iars_node.work import Work

HANDOVER_JOB = "handover.release"
LOOK_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A handover as the former controller shows it, with what it keeps on a legal ground."""

    handover: Handover
    kept: tuple[Kept, ...]
    # What legal holds keep, and until when: it goes when they are over.
    held: Mapping[str, datetime]


class HandingOver:
    """Letting go of a case that another organisation has taken over, by this node's rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def follow(self, work: Work, receipted: Receipted) -> None:
        """Begin the hold when the new controller's receipt says that it has what was disclosed."""
        if receipted.type != Disclose.type or receipted.receipt.outcome != "applied":
            return
        self._begin_hold(work, receipted.thread.hex())

    def follow_resync(self, work: Work, resynced: Resynced) -> None:
        """Begin the hold again that a restored database has forgotten."""
        for referral_id in handover_store.arrived_unnoted(work.connection, resynced.peer):
            self._begin_hold(work, referral_id)

    def _begin_hold(self, work: Work, referral_id: str) -> None:
        sent = referral_store.find(work.connection, referral_id)
        if sent is None or sent.kind != HANDOVER or sent.direction != OUT:
            return
        if handover_store.find(work.connection, sent.id) is not None:
            return
        due = work.now + self._rules.grace
        new = Handover(sent.id, sent.case_id, sent.peer, sent.answered_at or work.now, due, None)
        handover_store.add(work.connection, new)
        audit.record(
            work, "consent.handed-over", subject=sent.id, case_id=sent.case_id, peer_id=sent.peer.hex()
        )
        schedule(work, HANDOVER_JOB, due, sent.id)

    def release(self, work: Work, job: Job) -> None:
        """Destroy the keys of all content of a case that was handed over, but for what a law requires."""
        found = handover_store.find(work.connection, job.subject)
        # A case that was handed back is this node's to keep.
        if found is None or not referral_store.is_handed_over(work.connection, found.case_id):
            return
        if found.release_after > work.now:
            schedule(work, HANDOVER_JOB, found.release_after, found.referral_id)
            return
        if not clock.is_trusted(work):
            schedule(work, HANDOVER_JOB, work.now + LOOK_AGAIN, found.referral_id)
            return
        kept = {
            each.scope: each.until
            for each in handover_store.kept(work.connection, found.case_id)
            if each.until > work.now
        }
        # Who sets a hold holds the same row: either it is seen here, or nothing was left to hold.
        case_to_change(work, found.case_id)
        held = _held(work, found.case_id)
        _erase(work, found.case_id, SCOPES.keys() - kept.keys() - held.keys())
        # While a hold keeps something that no law was declared for, people may still declare one.
        if held.keys() <= kept.keys():
            handover_store.set_released(work.connection, found.referral_id, work.now)
        if again := [*kept.values(), *held.values()]:
            schedule(work, HANDOVER_JOB, min(again), found.referral_id)


def _held(work: Work, case_id: str) -> dict[str, datetime]:
    """Return which scopes legal holds keep, and until when."""
    return {scope: hold.ends_at for (_case, scope), hold in held_scopes(work, [case_id]).items()}


def follow_lifting(work: Work, lifted: HoldLifted) -> None:
    """Let go of what a hold had kept after a handover as soon as it is lifted."""
    found = handover_store.of_case(work.connection, lifted.case_id)
    if found is not None:
        schedule(work, HANDOVER_JOB, max(found.release_after, work.now), found.referral_id)


def _erase(work: Work, case_id: str, scopes: Collection[str]) -> None:
    sources = {key.source for key in find_keys(work.connection, "case", case_id)}
    for source in sorted(sources):
        cases.erase_content(work, case_id, source, scopes)
    for each in referral_store.of_case(work.connection, case_id):
        # What the messages of its referrals said of the person; their bodies and grants route withdrawals.
        keys = [
            key.key_id
            for key in find_keys(work.connection, "referral", each.id)
            if key.scope != MESSAGE_SCOPE and key.scope in scopes
        ]
        work.vault.erase_content_keys(keys, at=work.now)
        forget_keys(work.connection, keys)


def handed_over(work: Work, case_id: str) -> HandedOver | None:
    """Return the handover of a case that this node let go of, or None."""
    require(work.actor, "consent.read")
    found = handover_store.of_case(work.connection, case_id)
    if found is None or not referral_store.is_handed_over(work.connection, case_id):
        return None
    return _shown(work, found)


def _shown(work: Work, found: Handover) -> HandedOver:
    kept = tuple(handover_store.kept(work.connection, found.case_id))
    return HandedOver(found, kept, _held(work, found.case_id))


def keep_after_handover(
    work: Work, case_id: str, scopes: Collection[str], ground: str, until: datetime
) -> HandedOver:
    """Keep some of a case that was handed over, because a law requires it, until a day."""
    require(work.actor, "erasure.decide")
    found = handover_store.of_case(work.connection, case_id)
    if found is None or found.released_at is not None:
        raise ConflictError("This case was not handed over, or was erased already; nothing can be kept.")
    _check(work, scopes, ground, until)
    for scope in sorted(scopes):
        decided = Kept(case_id, scope, ground, until, work.actor.id, work.now)
        handover_store.put_kept(work.connection, decided, is_sqlite=work.is_sqlite)
    audit.record(
        work,
        "consent.handover-kept",
        subject=found.referral_id,
        case_id=case_id,
        scopes=scopes,
        detail={"ground": ground, "until": until.date().isoformat()},
    )
    return _shown(work, found)


def _check(work: Work, scopes: Collection[str], ground: str, until: datetime) -> None:
    faults = {}
    if not scopes or not set(scopes) <= SCOPES.keys():
        faults["scopes"] = f"accepted: {', '.join(SCOPES)}"
    if ground not in GROUNDS:
        faults["ground"] = f"accepted: {', '.join(GROUNDS)}"
    if until <= work.now:
        faults["until"] = "accepted: a day in the future"
    if faults:
        raise InvalidError("What is kept can't be read; nothing was changed.", faults)
