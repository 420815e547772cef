"""Use cases about disclosures without consent: write one down, approve or refuse it, let it lapse, tell."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.audit.alarms import raise_alarm
from iars_node.audit.service import record
from iars_node.cases.service import case_head
from iars_node.consent import exception_store, store
from iars_node.consent.events import ExceptionLapsed
from iars_node.consent.exception import KeptException, advance, faults_of
from iars_node.consent.service import CONSENT_KEY_SCOPE
from iars_node.db import new_id
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from iars_node.exchange.messages import own_key
from iars_node.exchange.model import FIRST, Draft
from iars_node.exchange.outbox import queue
from iars_node.jobs.service import cancel, schedule
from iars_node.peers.service import get as get_peer
from iars_node.vault.content_keys import key_for
from iars_node.vault.identity import seconds
from iars_protocol.approvals import APPROVED, LAPSED
from iars_protocol.content import Content
from iars_protocol.messages.exception import DecideException

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.consent.exception import NewException
    from iars_node.jobs.model import Job
    from iars_node.work import Work
    from iars_protocol.approvals import Outcome

LAPSE_JOB = "consent.exception-due"
OUTCOME_LIFE = timedelta(days=60)


def record_exception(work: Work, case_id: str, new: NewException) -> KeptException:
    """Write down that something is to leave without the person's consent, on which ground and why.

    Nothing leaves before another account has approved it, but in an emergency.
    """
    require(work.actor, "consent.record-exception")
    author = _named(work)
    case_head(work, case_id)
    faults = faults_of(new, work.now)
    if faults:
        raise InvalidError("The exception is not complete; nothing was recorded.", faults)
    kept = KeptException(
        id=new_id(),
        case_id=case_id,
        kind=new.kind,
        state="pending",
        is_emergency=new.is_emergency,
        terms=new.terms(),
        author=author,
        decided_by="",
        recorded_at=work.now,
        decide_by=work.now + new.decide_within,
        decided_at=None,
        review_at=new.review,
        tell_after=new.tell_after,
        told_at=None,
    )
    key_id = key_for(work.connection, work.vault, "case", case_id, CONSENT_KEY_SCOPE, "own")
    exception_store.add(work.connection, work.vault, kept, key_id)
    schedule(work, LAPSE_JOB, kept.decide_by, kept.id)
    _note(work, "consent.exception-recorded", kept)
    return kept


def _named(work: Work) -> str:
    if work.actor.kind != "account":
        raise ForbiddenError("An exception has a person as its author and another one as its approver.")
    return work.actor.id


def approve_exception(work: Work, exception_id: str) -> KeptException:
    """Approve an exception that somebody else wrote down; whoever received something is told."""
    decided = _decide(work, exception_id, "approve")
    _note(work, "consent.exception-approved", decided)
    _tell_recipients(work, decided, APPROVED)
    return decided


def refuse_exception(work: Work, exception_id: str) -> KeptException:
    """Refuse an exception that somebody else wrote down; what went out ahead is to be locked."""
    decided = _decide(work, exception_id, "refuse")
    _note(work, "consent.exception-refused", decided)
    _take_back(work, decided)
    return decided


def _decide(work: Work, exception_id: str, step: str) -> KeptException:
    require(work.actor, "consent.approve-exception")
    approver = _named(work)
    kept = _claimed(work, exception_id)
    if kept.author == approver:
        raise ForbiddenError("Somebody other than its author has to decide about an exception.")
    state = advance(kept.state_at(work.now), step)
    decided = replace(kept, state=state, decided_by=approver, decided_at=work.now)
    exception_store.change(work.connection, kept.id, state=state, decided_by=approver, decided_at=work.now)
    cancel(work, LAPSE_JOB, kept.id)
    return decided


def lapse(work: Work, job: Job) -> None:
    """Let an exception lapse that nobody approved in time; alarm, and tell whoever received something."""
    kept = _claimed(work, job.subject)
    if kept.state != "pending":
        return
    lapsed = replace(kept, state=advance(kept.state, "lapse"), decided_at=work.now)
    exception_store.change(work.connection, kept.id, state=lapsed.state, decided_at=work.now)
    _note(work, "consent.exception-lapsed", lapsed)
    if _take_back(work, lapsed):
        raise_alarm(work, "consent.exception-lapsed", kept.id, {"kind": kept.kind, "author": kept.author})


def _take_back(work: Work, ended: KeptException) -> tuple[str, ...]:
    """Tell whoever received something that it is to be locked; return the grants that this concerns."""
    told = _tell_recipients(work, ended, LAPSED)
    for grant_id in told:
        store.end_grant(work.connection, grant_id, work.now)
    if told:
        work.announce(ExceptionLapsed(ended.id, tuple(told), tuple(told.values())))
    return tuple(told)


def _tell_recipients(work: Work, decided: KeptException, outcome: Outcome) -> dict[str, bytes]:
    """Queue the outcome for each recipient; return the messages by the grants that they are about."""
    approver = decided.decided_by if outcome == APPROVED else ""
    told = {}
    for kept in store.grants_of_consent(work.connection, decided.id):
        # Approved before it went out, the grant says so itself.
        if kept.grant.basis.approval != "pending":
            continue
        body = DecideException(kept.id, outcome, seconds(work.now), approver)
        draft = Draft(
            peer=get_peer(work, kept.peer),
            # A thread of its own: it waits behind nothing.
            thread=secrets.token_bytes(16),
            content=Content(body),
            part_keys=((own_key(work),),),
            expires=work.now + OUTCOME_LIFE,
            grant=kept.signed.hash,
            precedence=FIRST,
        )
        told[kept.id] = queue(work, draft).id
    return told


def note_told(work: Work, exception_id: str) -> KeptException:
    """Record that the person was told of a disclosure without their consent."""
    require(work.actor, "consent.record-exception")
    kept = _claimed(work, exception_id)
    if kept.told_at is not None:
        raise ConflictError("The person has been told already.")
    exception_store.change(work.connection, kept.id, told_at=work.now)
    _note(work, "consent.person-told", kept)
    return replace(kept, told_at=work.now)


def review_exception(work: Work, exception_id: str, next_review: datetime) -> KeptException:
    """Record that somebody looked again and found that it has to go on; say when to look next."""
    require(work.actor, "consent.record-exception")
    _named(work)
    kept = _claimed(work, exception_id)
    if kept.state != "approved" or work.now >= kept.terms.expires:
        raise ConflictError("Only an approved exception is looked at again, before it ends.")
    if not work.now < next_review <= kept.terms.expires:
        raise InvalidError(
            "This is no day for the next look; nothing was recorded.",
            {"review": "accepted: a moment from now on until it ends"},
        )
    exception_store.change(work.connection, kept.id, review_at=next_review)
    _note(work, "consent.exception-reviewed", kept)
    return replace(kept, review_at=next_review)


def exceptions_to_look_at(work: Work, limit: int) -> list[KeptException]:
    """Return the approved exceptions whose review is due, or of which the person can be told by now."""
    require(work.actor, "consent.record-exception")
    return exception_store.due(work.connection, work.vault, work.now, limit)


def get_exception(work: Work, exception_id: str) -> KeptException:
    """Return an exception, or raise NotFoundError."""
    require(work.actor, "consent.read")
    found = exception_store.find(work.connection, work.vault, exception_id)
    if found is None:
        raise NotFoundError("There is no exception of this id.")
    return found


def exceptions_of_case(work: Work, case_id: str) -> list[KeptException]:
    """Return a case's exceptions, the newest first."""
    require(work.actor, "consent.read")
    return exception_store.of_case(work.connection, work.vault, case_id)


def awaiting_approval(work: Work, limit: int) -> list[KeptException]:
    """Return the exceptions that the actor may decide about, the one due first at the top."""
    require(work.actor, "consent.approve-exception")
    found = exception_store.pending(work.connection, work.vault, work.now, limit)
    return [kept for kept in found if kept.author != work.actor.id]


def count_exceptions(work: Work, begin: datetime, end: datetime) -> dict[tuple[str, str], int]:
    """Return how many exceptions were recorded in a time, by kind and state."""
    require(work.actor, "consent.read")
    return exception_store.count(work.connection, begin, end)


def _claimed(work: Work, exception_id: str) -> KeptException:
    found = exception_store.find(work.connection, work.vault, exception_id, for_update=True)
    if found is None:
        raise NotFoundError("There is no exception of this id.")
    return found


def _note(work: Work, action: str, kept: KeptException) -> None:
    record(
        work,
        action,
        subject=kept.id,
        case_id=kept.case_id,
        scopes=[scope.code for scope in kept.terms.scopes],
        purpose=",".join(kept.terms.purposes),
        peer_id=kept.terms.recipients[0].node,
        detail={"kind": kept.kind, "emergency": int(kept.is_emergency), "author": kept.author},
    )
