"""After the hold: the keys are destroyed, and their issuer is told, signed and dated, what became of them."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.audit.alarms import raise_alarm
from iars_node.consent import store as consent_store
from iars_node.errors import RefusedError
from iars_node.exchange.messages import own_key
from iars_node.exchange.model import FIRST, Draft
from iars_node.exchange.outbox import queue
from iars_node.exchange.restoring import refuse_while_restoring
from iars_node.jobs.service import schedule
from iars_node.peers import store as peer_store
from iars_node.vault.errors import KeyStoreError
from iars_node.vault.identity import seconds
from iars_node.withdrawals import store
from iars_node.withdrawals.model import (
    DESTROY_JOB,
    DONE,
    HELD,
    MESSAGE_LIFE,
    NOT_ACCEPTED,
    PAUSED,
    TOLD_BACK,
    Rules,
)
from iars_node.withdrawals.service import clock, holding, holdings, proving, reviving
from iars_protocol.content import Content
from iars_protocol.messages.consent import ErasureReport, ScopeOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iars_node.jobs.model import Job
    from iars_node.referrals.model import Erased
    from iars_node.withdrawals.model import Cause, Ending, Retention
    from iars_node.work import Work

LOOK_AGAIN = timedelta(minutes=10)
TRY_AGAIN = timedelta(hours=1)

KEY_STORE = "key-store"
"""Why an erasure failed: the key store did not do what it was asked. It is tried again."""


class Destruction:
    """Destroying and reporting, by this node's rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def destroy(self, work: Work, job: Job) -> None:
        """Destroy what has ended and whose hold is over, but for what is retained, and report it."""
        found = store.find_ending(work.connection, job.subject)
        if found is None or found.state == PAUSED:
            return
        if reviving.is_early(work, found):
            reviving.revive_one(work, found)
            return
        if found.destroy_after > work.now:
            schedule(work, DESTROY_JOB, found.destroy_after, found.id)
            return
        if found.cause != TOLD_BACK and not may_report(work, found.peer):
            schedule(work, DESTROY_JOB, work.now + LOOK_AGAIN, found.id)
            return
        # Whichever ending of the grant it was decided at: a ground outlives the end of the rest.
        everything = holdings.ended_holdings(work, found.grant_id, found.parts)
        in_cases = set[str]().union(*everything.cases.values())
        grounds = store.retentions_of_grant(work.connection, found.grant_id, work.now)
        kept = list({each.scope: each for each in grounds if each.scope in in_cases}.values())
        decided = {each.scope for each in kept}
        kept += [each for each in holding.kept_by_holds(work, found) if each.scope not in decided]
        held = holdings.ended_holdings(work, found.grant_id, found.parts, but=[each.scope for each in kept])
        is_bare = not holdings.scopes_of(held)
        if not is_bare and not clock.is_trusted(work):
            audit.record(work, "erasure.paused", subject=found.id, detail={"code": "clock"})
            raise_alarm(work, "erasure.paused", found.id, {"code": "clock"})
            schedule(work, DESTROY_JOB, work.now + LOOK_AGAIN, found.id)
            return
        self._destroy(work, found, held, kept)

    def _destroy(self, work: Work, found: Ending, held: holdings.Holdings, kept: Sequence[Retention]) -> None:
        retained = [_retained(found, each) for each in kept]
        try:
            erased = [self._erased(work, found.locked_at, scope) for scope in holdings.destroy(work, held)]
        except KeyStoreError:
            failed = [
                ScopeOutcome(scope, "failed", seconds(found.locked_at), code=KEY_STORE)
                for scope in sorted(holdings.scopes_of(held))
            ]
            if found.cause == TOLD_BACK:
                raise_alarm(work, "erasure.failed", found.id, {"code": KEY_STORE})
            self._report(work, found, [*failed, *retained])
            schedule(work, DESTROY_JOB, work.now + TRY_AGAIN, found.id)
            return
        said = {each.scope for each in retained}
        self._report(work, found, [*(each for each in erased if each.scope not in said), *retained])
        store.change_ending(work.connection, found.id, state=HELD if kept else DONE, reported_at=work.now)
        if kept:
            schedule(work, DESTROY_JOB, min(each.until for each in kept), found.id)

    def _erased(self, work: Work, access_ended: datetime, scope: str) -> ScopeOutcome:
        destroyed = seconds(work.now)
        return ScopeOutcome(
            scope,
            "erased",
            access_ended=min(seconds(access_ended), destroyed),
            keys_destroyed=destroyed,
            backups_expire=seconds(work.now + self._rules.backups),
        )

    def _report(self, work: Work, found: Ending, outcomes: Sequence[ScopeOutcome]) -> None:
        if found.cause == TOLD_BACK:
            # Who told it has it; what became of it here is this node's own to know.
            _note_own(work, found, outcomes)
            return
        queue_report(work, found.peer, found.cause, found.grant_id, outcomes, withdrawal=found.withdrawal_id)

    def report_unaccepted(self, work: Work, erased: Erased) -> None:
        """Report what was erased because a referral ended before it was accepted."""
        if not may_report(work, erased.peer):
            # The erasure is not held up by a peer that can't be told; its own end of the referral tells it.
            return
        outcomes = [self._erased(work, erased.ended_at, scope) for scope in sorted(erased.scopes)]
        queue_report(work, erased.peer, NOT_ACCEPTED, erased.grant_id, outcomes, referral=erased.referral_id)


def _note_own(work: Work, found: Ending, outcomes: Sequence[ScopeOutcome]) -> None:
    kept = consent_store.find_grant(work.connection, found.grant_id)
    audit.record(
        work,
        "consent.answers-erased",
        subject=found.grant_id,
        case_id="" if kept is None else kept.case_id,
        peer_id=found.peer.hex(),
        scopes=[each.scope for each in outcomes],
        detail={"outcome": ",".join(sorted({each.outcome for each in outcomes}))},
    )


def may_report(work: Work, peer_id: bytes) -> bool:
    """Say whether something may be signed and sealed for a peer now."""
    peer = peer_store.find(work.connection, peer_id)
    if peer is None:
        return False
    try:
        refuse_while_restoring(work, peer_id)
    except RefusedError:
        return False
    newest = next(reversed(peer.history.encryption.values()))
    return newest.destroy_after > seconds(work.now)


def queue_report(  # noqa: PLR0913 - a report has these pieces, the last two by name
    work: Work,
    peer_id: bytes,
    cause: Cause,
    grant_id: str,
    outcomes: Sequence[ScopeOutcome],
    *,
    withdrawal: str = "",
    referral: str = "",
) -> None:
    """Record and queue a statement about what became of what was received under a grant."""
    peer = peer_store.find(work.connection, peer_id)
    if peer is None:
        return
    peer_store.lock(work.connection, peer_id)
    leaf = audit.record(
        work,
        "erasure.reported",
        subject=grant_id,
        referral_id=referral,
        peer_id=peer_id.hex(),
        scopes=[each.scope for each in outcomes],
        detail={"cause": cause, "outcome": ",".join(sorted({each.outcome for each in outcomes}))},
    )
    body = ErasureReport(
        cause=cause,
        grant=grant_id,
        leaf=leaf,
        outcomes=tuple(each.to_plain() for each in outcomes),
        withdrawal=withdrawal,
        referral=referral,
    )
    key = ((own_key(work),),)
    thread = secrets.token_bytes(16)
    sent = queue(work, Draft(peer, thread, Content(body), key, work.now + MESSAGE_LIFE, precedence=FIRST))
    proving.promise(work, sent.id)


def _retained(found: Ending, kept: Retention) -> ScopeOutcome:
    return ScopeOutcome(
        kept.scope,
        "retained",
        access_ended=seconds(found.locked_at),
        ground=kept.ground,
        until=seconds(kept.until),
    )
