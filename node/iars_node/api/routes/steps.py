"""A referral's steps: accept, reject, begin, hold, complete, fail, cancel, write, amend."""

from collections.abc import Callable
from functools import partial

from pydantic import BaseModel

from iars_node.api.bodies.referrals import (
    Acceptance,
    Amendment,
    AppointmentNews,
    Cancellation,
    Failure,
    Feedback,
    Mistake,
    NewNote,
    Pause,
    ReferralHead,
    Rejection,
)
from iars_node.api.callers import Caller, CallerParam
from iars_node.api.operations import Topic
from iars_node.api.routes.parameters import ReferralId
from iars_node.api.routes.referrals import head_of, texts_of
from iars_node.referrals import service
from iars_node.referrals.model import Referral
from iars_node.work import Work

steps = Topic("Referral steps")

ERRORS = (410,)


def _take(
    caller: Caller, referral_id: str, body: BaseModel, step: Callable[[Work], Referral]
) -> ReferralHead:
    with caller.work() as work:
        caller.once(work, body, lambda: step(work).id)
        return head_of(work, referral_id)


@steps.change("POST", "/referrals/{referral_id}/accept", "referral.accept", errors=ERRORS)
def accept_referral(referral_id: ReferralId, body: Acceptance, caller: CallerParam) -> ReferralHead:
    """Accept a referral; a case is opened for the person, or an earlier one goes on."""
    training = caller.node.settings.training
    step = partial(
        service.accept,
        referral_id=referral_id,
        case_id=body.case_id or "",
        remark=body.remark,
        training=training,
    )
    return _take(caller, referral_id, body, step)


@steps.change("POST", "/referrals/{referral_id}/reject", "referral.accept", errors=ERRORS)
def reject_referral(referral_id: ReferralId, body: Rejection, caller: CallerParam) -> ReferralHead:
    """Reject a referral; what came with it is erased here."""
    step = partial(service.reject, referral_id=referral_id, reason=body.reason, remark=body.remark)
    return _take(caller, referral_id, body, step)


@steps.change("POST", "/referrals/{referral_id}/begin", "referral.progress", errors=ERRORS)
def begin_service(referral_id: ReferralId, body: Feedback, caller: CallerParam) -> ReferralHead:
    """Say that the service has begun, or goes on after a pause."""
    step = partial(service.begin, referral_id=referral_id, remark=body.remark, texts=texts_of(body.texts))
    return _take(caller, referral_id, body, step)


@steps.change("POST", "/referrals/{referral_id}/hold", "referral.progress", errors=ERRORS)
def hold_service(referral_id: ReferralId, body: Pause, caller: CallerParam) -> ReferralHead:
    """Pause the service."""
    step = partial(
        service.hold,
        referral_id=referral_id,
        reason=body.reason,
        remark=body.remark,
        texts=texts_of(body.texts),
    )
    return _take(caller, referral_id, body, step)


@steps.change("POST", "/referrals/{referral_id}/complete", "referral.progress", errors=ERRORS)
def complete_service(referral_id: ReferralId, body: Feedback, caller: CallerParam) -> ReferralHead:
    """Say that the service was given."""
    step = partial(service.complete, referral_id=referral_id, remark=body.remark, texts=texts_of(body.texts))
    return _take(caller, referral_id, body, step)


@steps.change("POST", "/referrals/{referral_id}/fail", "referral.progress", errors=ERRORS)
def fail_service(referral_id: ReferralId, body: Failure, caller: CallerParam) -> ReferralHead:
    """Say that the service could not be given."""
    step = partial(
        service.fail,
        referral_id=referral_id,
        reason=body.reason,
        remark=body.remark,
        texts=texts_of(body.texts),
    )
    return _take(caller, referral_id, body, step)


@steps.change("POST", "/referrals/{referral_id}/appointment", "referral.progress", errors=ERRORS)
def tell_appointment(referral_id: ReferralId, body: AppointmentNews, caller: CallerParam) -> ReferralHead:
    """Tell of an appointment: scheduled, attended, missed or cancelled."""
    step = partial(
        service.appoint,
        referral_id=referral_id,
        outcome=body.outcome,
        at=body.at,
        remark=body.remark,
        texts=texts_of(body.texts),
    )
    return _take(caller, referral_id, body, step)


@steps.change("POST", "/referrals/{referral_id}/cancel", "referral.cancel", errors=ERRORS)
def cancel_referral(referral_id: ReferralId, body: Cancellation, caller: CallerParam) -> ReferralHead:
    """End a referral before its service is complete; either side may."""
    step = partial(service.cancel, referral_id=referral_id, reason=body.reason, remark=body.remark)
    return _take(caller, referral_id, body, step)


@steps.change("POST", "/referrals/{referral_id}/entered-in-error", "referral.cancel", errors=ERRORS)
def enter_in_error(referral_id: ReferralId, body: Mistake, caller: CallerParam) -> ReferralHead:
    """Say that a referral was a mistake."""
    step = partial(service.enter_in_error, referral_id=referral_id, remark=body.remark)
    return _take(caller, referral_id, body, step)


@steps.change("POST", "/referrals/{referral_id}/note", "referral.message", errors=ERRORS)
def write_note(referral_id: ReferralId, body: NewNote, caller: CallerParam) -> ReferralHead:
    """Write to the other side, each sentence under the scope that it touches."""
    step = partial(service.write_note, referral_id=referral_id, texts=texts_of(body.texts))
    return _take(caller, referral_id, body, step)


@steps.change("POST", "/referrals/{referral_id}/amend", "referral.send", errors=ERRORS)
def amend_referral(referral_id: ReferralId, body: Amendment, caller: CallerParam) -> ReferralHead:
    """Send what changed in the case since, through the same consent."""
    step = partial(service.amend, referral_id=referral_id, scopes=tuple(body.scopes))
    return _take(caller, referral_id, body, step)
