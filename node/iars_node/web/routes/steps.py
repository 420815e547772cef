"""The steps of a referral that a person takes: each is one page with its reason, remark and sentences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from iars_node.consent import service as consents
from iars_node.errors import ConflictError
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.referrals.handover_rules import FORMER_CONTROLLER, NEW_CONTROLLER
from iars_node.referrals.model import HANDOVER
from iars_node.web.languages import N_
from iars_node.web.pages import Pages
from iars_node.web.visit import Page, Redirect, Sheet, Visit
from iars_protocol.referral import TRANSITIONS
from iars_protocol.vocabulary import REASONS, SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.referrals.model import Referral
    from iars_node.web.visit import Answer

pages = Pages()

TEXT = "text."
ENDING = frozenset({"complete", "fail", "cancel", "reject"})


@dataclass(frozen=True, slots=True)
class Taken:
    """What was typed for a step."""

    reason: str
    remark: str
    texts: tuple[tuple[str, str], ...]
    at: datetime | None


@dataclass(frozen=True, slots=True)
class StepForm:
    """One step: what it is called, who may take it, what it asks for."""

    name: str
    action: str
    type: str
    label: str
    question: str
    hint: str
    icon: str
    take: Callable[[Visit, str, Taken], object]
    reasons: str = ""
    with_texts: bool = False
    with_remark: bool = True
    with_time: bool = False
    is_main: bool = False


FORMS = {
    form.name: form
    for form in (
        StepForm(
            "accept",
            "referral.accept",
            "referral.accept/1",
            N_("Accept"),
            N_("Accept this referral?"),
            N_("A case is opened here. What waits for your acceptance then arrives by itself."),
            "done",
            lambda visit, at, taken: referrals.accept(
                visit.work, at, remark=taken.remark, training=visit.node.settings.training
            ),
            is_main=True,
        ),
        StepForm(
            "reject",
            "referral.accept",
            "referral.reject/1",
            N_("Reject"),
            N_("Why can't you take this referral?"),
            N_(
                "They learn the reason at once and can ask elsewhere. "
                "What came with the referral is erased here."
            ),
            "cross",
            lambda visit, at, taken: referrals.reject(visit.work, at, taken.reason, taken.remark),
            reasons="reject",
        ),
        StepForm(
            "begin",
            "referral.progress",
            "referral.progress/1",
            N_("Service has begun"),
            N_("Has the service begun?"),
            N_("Say so too when it goes on after a pause."),
            "send",
            lambda visit, at, taken: referrals.begin(visit.work, at, taken.remark, taken.texts),
            with_texts=True,
            is_main=True,
        ),
        StepForm(
            "appointment",
            "referral.progress",
            "referral.appointment/1",
            N_("Appointment"),
            N_("What about the appointment?"),
            N_("The place is better said by a safe way of contact."),
            "calendar",
            lambda visit, at, taken: referrals.appoint(
                visit.work, at, taken.reason, taken.at or visit.now, remark=taken.remark, texts=taken.texts
            ),
            reasons="appointment",
            with_time=True,
        ),
        StepForm(
            "hold",
            "referral.progress",
            "referral.hold/1",
            N_("Put on hold"),
            N_("Why does it have to wait?"),
            "",
            "pause",
            lambda visit, at, taken: referrals.hold(visit.work, at, taken.reason, taken.remark, taken.texts),
            reasons="hold",
            with_texts=True,
        ),
        StepForm(
            "complete",
            "referral.progress",
            "referral.complete/1",
            N_("Complete"),
            N_("Was the service given?"),
            N_("This ends the referral. Afterwards only messages can follow."),
            "done",
            lambda visit, at, taken: referrals.complete(visit.work, at, taken.remark, taken.texts),
            with_texts=True,
        ),
        StepForm(
            "fail",
            "referral.progress",
            "referral.fail/1",
            N_("Could not be given"),
            N_("Why could the service not be given?"),
            N_("This ends the referral."),
            "cross",
            lambda visit, at, taken: referrals.fail(visit.work, at, taken.reason, taken.remark, taken.texts),
            reasons="fail",
            with_texts=True,
        ),
        StepForm(
            "ask",
            "referral.message",
            "referral.note/1",
            N_("Ask a question"),
            N_("What do you need to know before you answer?"),
            N_("The time to answer goes on. They read the question in the referral and answer there."),
            "about",
            lambda visit, at, taken: referrals.write_note(visit.work, at, taken.texts),
            with_texts=True,
            with_remark=False,
        ),
        StepForm(
            "amend",
            "referral.send",
            "referral.amend/1",
            N_("Send what changed"),
            N_("Send what changed in the record since?"),
            N_("Only what the person agreed to share with them goes, as it stands in the record now."),
            "edit",
            lambda visit, at, _taken: referrals.amend(visit.work, at),
            with_remark=False,
        ),
        StepForm(
            "message",
            "referral.message",
            "referral.note/1",
            N_("Write to them"),
            N_("What do you want to tell them?"),
            "",
            "note",
            lambda visit, at, taken: referrals.write_note(visit.work, at, taken.texts),
            with_texts=True,
            with_remark=False,
        ),
        StepForm(
            "cancel",
            "referral.cancel",
            "referral.cancel/1",
            N_("Cancel"),
            N_("Why do you cancel this referral?"),
            N_("This ends the referral on both sides."),
            "cross",
            lambda visit, at, taken: referrals.cancel(visit.work, at, taken.reason, taken.remark),
            reasons="cancel",
        ),
        StepForm(
            "mistake",
            "referral.cancel",
            "referral.entered-in-error/1",
            N_("It was a mistake"),
            N_("Was this referral a mistake?"),
            N_("Both sides mark it: nothing in it is to be relied on."),
            "late",
            lambda visit, at, taken: referrals.enter_in_error(visit.work, at, taken.remark),
        ),
    )
}


def possible_steps(visit: Visit, current: Referral, *, is_locked: bool) -> list[StepForm]:
    """Return the steps that this side can take now and this reader may take.

    Where what came with it is locked there is no more to do than to end it: what ends it comes first.
    """
    found = [form for form in FORMS.values() if visit.may(form.action) and _is_possible(form, current)]
    if not is_locked:
        return found
    return [replace(form, is_main=False) for form in sorted(found, key=lambda form: form.name not in ENDING)]


def _is_possible(form: StepForm, current: Referral) -> bool:
    transition = TRANSITIONS[form.type]
    is_asked = current.side == "receiver" and current.state == "requested"
    if form.type == "referral.note/1" and (form.name == "ask") is not is_asked:
        # Before an answer there is one thing to write: what has to be known for it.
        return False
    if form.type == "referral.progress/1" and current.state == "in-progress":
        return False
    if form.type == "referral.cancel/1" and is_asked:
        # Whoever was asked says no by rejecting, with a reason that helps the other side to ask elsewhere.
        return False
    return current.side in transition.by and current.state in transition.origins


def _add(form: StepForm) -> None:
    path = f"/referrals/{{referral_id}}/{form.name}"

    def show(visit: Visit, referral_id: str) -> Answer:
        current = referrals.get(visit.work, referral_id)
        if not _is_possible(form, current):
            raise ConflictError("The referral has moved on; look at it again.")
        return _page(visit, form, current, Sheet())

    def take(visit: Visit, referral_id: str) -> Answer:
        current = referrals.get(visit.work, referral_id)

        def again(sheet: Sheet) -> Page:
            return _page(visit, form, current, sheet)

        taken = _taken(visit, form)
        faults = _faults(visit, form, taken)
        if faults:
            raise visit.unfinished(again, faults)
        with visit.keeping(again):
            form.take(visit, referral_id, taken)
        visit.work.after_commit.append(visit.node.sender.wake)
        return Redirect(f"/referrals/{referral_id}?done=step")

    pages.get(path, form.action)(show)
    pages.post(path, form.action)(take)


def _taken(visit: Visit, form: StepForm) -> Taken:
    texts = tuple((scope, visit.typed(TEXT + scope)) for scope in SCOPES if visit.typed(TEXT + scope))
    return Taken(
        next(iter(visit.chosen("reason", REASONS.get(form.reasons, {}))), ""),
        visit.typed("remark"),
        texts if form.with_texts else (),
        _moment(visit) if form.with_time else None,
    )


def _moment(visit: Visit) -> datetime | None:
    try:
        return datetime.fromisoformat(visit.typed("at")).replace(tzinfo=visit.speech.zone)
    except ValueError:
        return None


def _faults(visit: Visit, form: StepForm, taken: Taken) -> dict[str, str]:
    faults = {}
    if form.reasons and not taken.reason:
        faults["reason"] = visit.gettext("Choose from the list.")
    if taken.reason == "other" and not taken.remark:
        faults["remark"] = visit.gettext("Please say more about the reason.")
    if form.with_time and taken.at is None:
        faults["at"] = visit.gettext("Write the day and the time.")
    if form.with_texts and not form.with_remark and not taken.texts:
        faults["texts"] = visit.gettext("There is nothing to send yet.")
    return faults


def _page(visit: Visit, form: StepForm, current: Referral, sheet: Sheet) -> Page:
    grant = consents.kept_grant(visit.work, current.grant_id).grant
    agreed = grant.codes() if current.direction == "out" else frozenset(grant.feedback)
    peer = peers.get(visit.work, current.peer)
    return Page(
        "referral_step.html",
        {
            "form": form,
            "referral": current,
            "peer_name": peer.name(visit.speech.language.code),
            "sheet": sheet,
            "reasons": visit.speech.choices(f"reason.{form.reasons}") if form.reasons else {},
            "text_scopes": [code for code in SCOPES if code in agreed and code in visit.readable],
            "handover": form.name == "accept" and current.kind == HANDOVER,
            "new_controller": NEW_CONTROLLER,
            "former_controller": FORMER_CONTROLLER,
        },
    )


for _form in FORMS.values():
    _add(_form)
