"""The receiver's side: accept, reject, begin, pause, complete; and what either side may write."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from iars_node.accounts.access import require
from iars_node.audit.service import record
from iars_node.cases.service import (
    case_head,
    content_keys,
    erase_content,
    lock_content,
    open_received_case,
)
from iars_node.consent import service as consents
from iars_node.consent.approvals import refuse_lapsed
from iars_node.errors import ConflictError, InvalidError
from iars_node.holds.service import held_scopes
from iars_node.jobs.service import schedule
from iars_node.referrals import store
from iars_node.referrals.model import ERASE_JOB, HANDOVER, IN, Erased, is_to_be_erased
from iars_node.referrals.service import disclosing, receiving, steps
from iars_node.referrals.service.standing import standing_grant
from iars_node.vault.content_keys import find_keys, forget_keys, key_for
from iars_protocol.content import Content, check_content
from iars_protocol.errors import DisclosureError, FieldError
from iars_protocol.messages.referral import (
    Accept,
    AcceptHandover,
    Appointment,
    Complete,
    Fail,
    Hold,
    Note,
    Progress,
    Reject,
)
from iars_protocol.record import REASONS, SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from iars_node.jobs.model import Job
    from iars_node.referrals.model import Referral
    from iars_node.work import Work
    from iars_protocol.messages.registry import Body
    from iars_protocol.parts import ScopePart

    Texts: TypeAlias = "Iterable[tuple[str, str]]"


def accept(
    work: Work, referral_id: str, *, case_id: str = "", remark: str = "", training: bool = False
) -> Referral:
    """Take a referral on: a case is opened for the person, or the one of an earlier referral goes on."""
    require(work.actor, "referral.accept")
    current = _answerable(work, referral_id)
    refuse_lapsed(work, consents.kept_grant(work, current.grant_id))
    steps.next_state(current, "referral.accept/1")
    # Nobody is taken on under a consent that the person has withdrawn: the sender is about to cancel.
    consents.standing_grant(consents.kept_grant(work, current.grant_id), current.service)
    known = case_id or store.case_of_subject(work.connection, current.peer, current.subject)
    case = case_head(work, known) if known else open_received_case(work, stage="received", training=training)
    current = receiving.put_into_case(work, current, case.id)
    body: Body = AcceptHandover(remark) if current.kind == HANDOVER else Accept(remark)
    return _answer(work, current, Content(body), "referral.accepted")


def reject(work: Work, referral_id: str, reason: str, remark: str = "") -> Referral:
    """Decline a referral; what came with it is erased here."""
    require(work.actor, "referral.accept")
    current = _answerable(work, referral_id)
    _check_reason("reject", reason, remark)
    moved = _answer(work, current, Content(Reject(reason, remark)), "referral.rejected")
    erase_received(work, moved)
    return moved


def erase_received(work: Work, ended: Referral) -> None:
    """Have what came with a referral erased that was never accepted here.

    It is shown to nobody from this moment. The keys go in a job of their own: destroying them is not undone
    by a transaction that fails, and must not be forgotten by a process that dies.
    """
    if stands_alone_in_case(work, ended):
        lock_content(work, ended.case_id, ended.grant_id)
    schedule(work, ERASE_JOB, work.now, ended.id)


def erase(work: Work, job: Job) -> None:
    """Destroy the keys of what came with a referral that ended before it was accepted."""
    ended = steps.get(work, job.subject)
    if not is_to_be_erased(ended):
        return
    keys = [
        key
        for key in find_keys(work.connection, "referral", ended.id)
        if key.source == ended.grant_id and key.scope != disclosing.MESSAGE_SCOPE
    ]
    key_ids = [key.key_id for key in keys]
    work.vault.erase_content_keys(key_ids, at=work.now)
    forget_keys(work.connection, key_ids)
    scopes = frozenset(key.scope for key in keys)
    if stands_alone_in_case(work, ended):
        # What is under a legal hold stays locked, and goes after the grant's end as anything that is held.
        held = {scope for _case_id, scope in held_scopes(work, [ended.case_id])}
        free = content_keys(work, ended.case_id, ended.grant_id).keys() - held
        scopes |= erase_content(work, ended.case_id, ended.grant_id, free)
    record(work, "referral.erased", referral_id=ended.id, peer_id=ended.peer.hex())
    work.announce(Erased(ended.id, ended.peer, ended.grant_id, scopes, ended.closed_at or work.now))


def stands_alone_in_case(work: Work, ended: Referral) -> bool:
    """Say whether a case holds what came under a referral's grant though no referral of it was accepted.

    Who answered twice, having forgotten the first answer in a restore, had put into a case what the answer
    that counts had declined.
    """
    others = store.under_grants(work.connection, [ended.grant_id])
    return bool(ended.case_id) and all(
        is_to_be_erased(each) for each in others if each.id != ended.id and each.case_id == ended.case_id
    )


def begin(work: Work, referral_id: str, remark: str = "", texts: Texts = ()) -> Referral:
    """Say that the service has begun, or goes on after a pause."""
    return _feedback(work, referral_id, Progress(remark), texts, "referral.started")


def hold(work: Work, referral_id: str, reason: str, remark: str = "", texts: Texts = ()) -> Referral:
    """Pause the service."""
    _check_reason("hold", reason, remark)
    return _feedback(work, referral_id, Hold(reason, remark), texts, "referral.held")


def complete(work: Work, referral_id: str, remark: str = "", texts: Texts = ()) -> Referral:
    """Say that the service was given."""
    return _feedback(work, referral_id, Complete(remark), texts, "referral.completed")


def fail(work: Work, referral_id: str, reason: str, remark: str = "", texts: Texts = ()) -> Referral:
    """Say that the service could not be given."""
    _check_reason("fail", reason, remark)
    return _feedback(work, referral_id, Fail(reason, remark), texts, "referral.failed")


def appoint(  # noqa: PLR0913 - an appointment has these pieces, all by name
    work: Work, referral_id: str, outcome: str, at: datetime, *, remark: str = "", texts: Texts = ()
) -> Referral:
    """Tell of an appointment: scheduled, attended, no-show, cancelled."""
    if outcome not in REASONS["appointment"]:
        raise InvalidError(
            "The outcome is not known.", {"outcome": f"accepted: {', '.join(REASONS['appointment'])}"}
        )
    body = Appointment(outcome, steps.seconds_of(at), remark)
    return _feedback(work, referral_id, body, texts, "referral.appointment-sent")


def write_note(work: Work, referral_id: str, texts: Texts) -> Referral:
    """Write to the other side, each sentence under the scope that it touches."""
    require(work.actor, "referral.message")
    current = steps.claim(work, referral_id)
    extra = disclosing.additions(work, texts, ())
    if not extra:
        raise InvalidError("There is nothing to send yet.", {"texts": "accepted: at least one sentence"})
    return _answer(work, current, _with_texts(work, current, Note(), extra), "referral.message-sent")


def _feedback(work: Work, referral_id: str, body: Body, texts: Texts, action: str) -> Referral:
    require(work.actor, "referral.progress")
    current = _received(work, referral_id)
    extra = disclosing.additions(work, texts, ())
    return _answer(work, current, _with_texts(work, current, body, extra), action)


def _with_texts(work: Work, current: Referral, body: Body, extra: dict[str, ScopePart]) -> Content:
    """Join sentences to a message, if the person agreed that this side tells the other about those scopes."""
    parts = tuple(extra[scope] for scope in sorted(extra))
    if not parts:
        return Content(body)
    if current.direction == IN:
        grant = consents.standing_grant(consents.kept_grant(work, current.grant_id), current.service)
    else:
        grant = standing_grant(work, current).today
    try:
        check_content(parts, grant, current.side, "acceptance" if current.is_disclosed else "offer")
    except (DisclosureError, FieldError) as error:
        raise InvalidError(
            "A sentence touches what the person did not agree to share; nothing was sent.",
            {"texts": f"agreed to: {', '.join(sorted(_agreed(current, grant.feedback, grant.codes())))}"},
        ) from error
    return Content(body, None, None, parts)


def _agreed(current: Referral, feedback: tuple[str, ...], granted: frozenset[str]) -> set[str]:
    return set(feedback) if current.direction == IN else set(granted)


def _answer(work: Work, current: Referral, content: Content, action: str) -> Referral:
    kept = consents.kept_grant(work, current.grant_id)
    source = current.grant_id if current.direction == IN else "own"
    message_key = (disclosing.message_key(work, current.id, source),)
    part_keys = (message_key, *tuple(_own_key(work, current, part.scope) for part in content.scopes))
    moved = steps.take_step(work, current, steps.Sending(content, part_keys, kept.signed.hash))
    record(
        work,
        action,
        case_id=current.case_id,
        referral_id=current.id,
        peer_id=current.peer.hex(),
        subject=current.grant_id,
        scopes=[part.scope for part in content.scopes],
        purpose=SERVICES[current.service].purpose,
        detail={"reason": getattr(content.body, "reason", "")},
    )
    return moved


def _own_key(work: Work, current: Referral, scope: str) -> tuple[bytes, ...]:
    if current.case_id:
        return (key_for(work.connection, work.vault, "case", current.case_id, scope, "own"),)
    return (key_for(work.connection, work.vault, "referral", current.id, scope, "own"),)


def _received(work: Work, referral_id: str) -> Referral:
    current = steps.claim(work, referral_id)
    if current.direction != IN:
        raise ConflictError("Only the organisation that was asked can do this.")
    return current


def _answerable(work: Work, referral_id: str) -> Referral:
    current = _received(work, referral_id)
    if current.is_overdue(work.now):
        raise ConflictError("The time to answer is over; ask the other organisation to refer again.")
    return current


def _check_reason(kind: str, reason: str, remark: str) -> None:
    if reason not in REASONS[kind]:
        raise InvalidError("A reason is needed.", {"reason": f"accepted: {', '.join(REASONS[kind])}"})
    if reason == "other" and not remark.strip():
        raise InvalidError("Please say more about the reason.", {"remark": "accepted: a sentence"})
