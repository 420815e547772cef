"""Referring a person, or handing the whole case over: to whom, under which consent, look at it, send."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iars_node.attachments import service as attachments
from iars_node.audit import record
from iars_node.cases import service as cases
from iars_node.cases.model import OWN
from iars_node.consent import service as consents
from iars_node.consent.onward import permissions_of_case
from iars_node.errors import InvalidError, NotFoundError
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.referrals.handover_rules import THEY_TAKE, YOU_LEAVE
from iars_node.referrals.model import HANDOVER, Offering, Preview
from iars_node.web.pages import Pages
from iars_node.web.people import organisations
from iars_node.web.visit import Page, Redirect, Sheet, UnfinishedError, with_query
from iars_protocol.consent import Allowed, Denied
from iars_protocol.vocabulary import PRIORITIES, SCOPES, SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.attachments.model import Attachment
    from iars_node.consent.model import Consent
    from iars_node.peers.model import Peer
    from iars_node.web.visit import Answer, Visit

pages = Pages()

TEXT = "text."
_NAMED = {"texts": "texts", "consent": "consent", "service": "service"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What has been chosen so far; it stands in the address, ids and codes only."""

    case_id: str
    service: str = ""
    priority: str = ""
    peer: str = ""
    consent: str = ""
    onward: str = ""
    way: str = "refer"

    @property
    def is_handover(self) -> bool:
        """Whether the whole case is handed over: responsibility moves, and this side lets go."""
        return self.way == HANDOVER

    def path(self, step: str, **values: str) -> str:
        """Return the address of a step with what was chosen."""
        chosen = {
            "service": self.service,
            "priority": self.priority,
            "peer": self.peer,
            "consent": self.consent,
            "onward": self.onward,
        }
        return with_query(f"/cases/{self.case_id}/{self.way}{step}", **{**chosen, **values})


def _choice(visit: Visit, case_id: str, given: Mapping[str, str]) -> Choice:
    service, priority = given.get("service", ""), given.get("priority", "")
    way = visit.path.split("/")[3]
    return Choice(
        case_id,
        service if service in SERVICES else "",
        priority if priority in PRIORITIES else "",
        given.get("peer", ""),
        given.get("consent", ""),
        # What another organisation allows us to pass on is theirs: it can't be handed over.
        "" if way == HANDOVER else given.get("onward", ""),
        way,
    )


@pages.get("/cases/{case_id}/refer", "referral.send", writes=True)
@pages.get("/cases/{case_id}/handover", "referral.send", writes=True)
def choose_service(visit: Visit, case_id: str) -> Answer:
    """Ask which service, the person's own needs first."""
    choice = _choice(visit, case_id, visit.query)
    view = cases.read_case(visit.work, case_id, ["services"]).scopes.get("services")
    field = view.fields.get("needs") if view else None
    needs = (
        [need for need in field.value if isinstance(need, dict)]
        if field and isinstance(field.value, list)
        else []
    )
    typed = {"service": [choice.service], "priority": [choice.priority or "normal"]}
    sheet = Sheet(typed, message="")
    if "service" in visit.query and not choice.service:
        sheet = Sheet(typed, {"service": visit.gettext("Choose a service.")}, "")
    return _page(visit, "refer_service.html", choice, 1, needs=needs, sheet=sheet)


@pages.get("/cases/{case_id}/refer/organisation", "referral.send")
@pages.get("/cases/{case_id}/handover/organisation", "referral.send")
def choose_organisation(visit: Visit, case_id: str) -> Answer:
    """Ask which organisation: those that offer the service first, those that can't be reached never."""
    choice = _choice(visit, case_id, visit.query)
    if not choice.service or not choice.priority:
        return Redirect(choice.path("", service=choice.service or "-"))
    known = peers.every(visit.work)
    found = sorted(known, key=lambda peer: (choice.service not in peer.listing.services, peer.name()))
    return _page(visit, "refer_organisation.html", choice, 2, peers=found)


@pages.get("/cases/{case_id}/refer/consent", "referral.send")
@pages.get("/cases/{case_id}/handover/consent", "referral.send")
def choose_consent(visit: Visit, case_id: str) -> Answer:
    """Ask under which consent; where one alone covers it, go on."""
    choice = _choice(visit, case_id, visit.query)
    if not choice.service or not choice.peer:
        return Redirect(choice.path("/organisation"))
    peer = peer_of(visit, choice.peer)
    answers = [
        (given, covers(visit, given, peer, choice))
        for given in (*consents.of_case(visit.work, case_id), *consents.exceptional(visit.work, case_id))
        if not given.is_replaced
    ]
    covering = [given for given, answer in answers if isinstance(answer, Allowed)]
    # A permission to pass the person on is a choice of its own: nobody uses one unasked.
    permissions = [
        each
        for each in permissions_of_case(visit.work, case_id)
        if each.way == "in" and not each.ended_at and not choice.is_handover
    ]
    if len(covering) == 1 and not permissions and not visit.query.get("stay"):
        return Redirect(choice.path("/check", consent=covering[0].id))
    reasons = {
        given.id: "" if isinstance(answer, Allowed) else visit.speech.refusal(answer.reason)
        for given, answer in answers
    }
    return _page(
        visit,
        "refer_consent.html",
        choice,
        3,
        peer=peer,
        given=[given for given, _ in answers],
        reasons=reasons,
        permissions=permissions,
        names=organisations(visit),
    )


def covers(visit: Visit, given: Consent, peer: Peer, choice: Choice) -> Allowed | Denied:
    """Say whether a consent covers a choice."""
    return given.covers(
        node=peer.node_text,
        organisation_type=peer.listing.organisation_type,
        service=choice.service,
        at=visit.now,
    )


@pages.get("/cases/{case_id}/refer/check", "referral.send", writes=True)
@pages.get("/cases/{case_id}/handover/check", "referral.send", writes=True)
def show_check(visit: Visit, case_id: str) -> Answer:
    """Show what would leave now, what on acceptance, what never."""
    choice = _choice(visit, case_id, visit.query)
    if not (choice.service and choice.priority and choice.peer and choice.consent):
        return Redirect(choice.path("/consent"))
    return _check(visit, choice, Sheet())


@pages.post("/cases/{case_id}/refer/check", "referral.send")
@pages.post("/cases/{case_id}/handover/check", "referral.send")
def check_again(visit: Visit, case_id: str) -> Answer:
    """Show it again with the sentences that were typed."""
    choice = _choice(visit, case_id, _typed(visit))
    return _check(visit, choice, Sheet(visit.form))


@pages.post("/cases/{case_id}/refer/send", "referral.send")
@pages.post("/cases/{case_id}/handover/send", "referral.send")
def send(visit: Visit, case_id: str) -> Answer:
    """Send exactly what was shown; if anything changed since, show it again instead."""
    choice = _choice(visit, case_id, _typed(visit))
    peer, offering = peer_of(visit, choice.peer), _offering(visit, choice)
    if choice.is_handover and not visit.typed("understood"):
        faults = {"understood": visit.gettext("Read what each side keeps, and say that you have.")}
        raise visit.unfinished(lambda sheet: _check(visit, choice, sheet), faults)
    with visit.keeping(lambda sheet: _check(visit, choice, sheet), named=_NAMED):
        shown = referrals.preview(visit.work, offering, peer)
        if not hmac.compare_digest(mark_of(visit, choice, shown), visit.typed("shown").encode()):
            message = visit.gettext(
                "Something changed since you looked: the record, the consent, the sentences, "
                "or a referral that was sent meanwhile. Nothing was sent; look again."
            )
            raise UnfinishedError(_check(visit, choice, Sheet(visit.form, {}, message)))
        sent = referrals.send_referral(visit.work, offering, peer.node_id)
    visit.work.after_commit.append(visit.node.sender.wake)
    return Redirect(f"/referrals/{sent.id}?done={'offered' if choice.is_handover else 'sent'}")


def _typed(visit: Visit) -> dict[str, str]:
    return {name: visit.typed(name) for name in ("service", "priority", "peer", "consent", "onward")}


def _offering(visit: Visit, choice: Choice) -> Offering:
    texts = tuple((scope, visit.typed(TEXT + scope)) for scope in SCOPES if visit.typed(TEXT + scope))
    files = visit.chosen("file", dict.fromkeys(each.id for each in _files(visit, choice.case_id)))
    unnamed = bool(visit.typed("unnamed"))
    return replace(plain_offering(choice), texts=texts, attachments=files, names_recipient=not unnamed)


def _files(visit: Visit, case_id: str) -> list[Attachment]:
    """Return what of this very case can go along: what is here whole, and was collected here."""
    if not visit.may("attachment.read"):
        return []
    found = attachments.list_attachments(visit.work, case_id)
    return [each for each in found if each.state == "stored" and each.content and each.source == OWN]


def peer_of(visit: Visit, text: str) -> Peer:
    """Return the organisation that the address names."""
    try:
        return peers.get(visit.work, bytes.fromhex(text))
    except ValueError as error:
        raise NotFoundError("This organisation is not known here.") from error


def _check(visit: Visit, choice: Choice, sheet: Sheet) -> Page:
    peer, offering = peer_of(visit, choice.peer), _offering(visit, choice)
    try:
        shown = referrals.preview(visit.work, offering, peer)
    except InvalidError as error:
        # A sentence that can't go: show the rest without it, and what is wrong beside what was typed.
        shown = referrals.preview(visit.work, plain_offering(choice), peer)
        sheet = visit.sheet_after(error, _NAMED)
    given = consents.get(visit.work, choice.consent)
    scopes = [scope.code for scope in given.terms.scopes_for(peer.node_text) if scope.code in visit.readable]
    released = (*shown.at_offer, *shown.on_acceptance)
    record(
        visit.work,
        "referral.previewed",
        case_id=choice.case_id,
        subject=choice.consent,
        peer_id=peer.node_text,
        scopes={line.scope for line in (*released, *shown.never)} & visit.readable,
    )
    return _page(
        visit,
        "refer_check.html",
        choice,
        4,
        peer=peer,
        preview=shown,
        released=len(released),
        readable=visit.readable,
        origin=organisations(visit).get(shown.origin.hex(), ""),
        mark=mark_of(visit, choice, shown).decode(),
        text_scopes=scopes,
        files=[each for each in _files(visit, choice.case_id) if each.scope in scopes],
        sheet=sheet,
    )


def plain_offering(choice: Choice) -> Offering:
    """Return what is offered, without sentences."""
    return Offering(
        choice.case_id,
        choice.consent,
        choice.service,
        choice.priority,
        kind=HANDOVER if choice.is_handover else "service",
        onward=choice.onward,
    )


def mark_of(visit: Visit, choice: Choice, shown: Preview) -> bytes:
    """Return a mark of what was shown; a referral sent meanwhile changes it: none goes twice unseen."""
    newest = next((each.id for each in referrals.of_case(visit.work, choice.case_id)), "")
    lines = [
        (column, line.scope, line.name, line.value)
        for column, part in (("now", shown.at_offer), ("later", shown.on_acceptance), ("never", shown.never))
        for line in part
    ]
    plain = repr((choice, newest, lines)).encode()
    return hmac.new(visit.form_token.encode(), plain, hashlib.sha256).hexdigest().encode()


def _page(visit: Visit, template: str, choice: Choice, step: int, **values: object) -> Page:
    head = cases.case_head(visit.work, choice.case_id)
    rules = {"letting_go": YOU_LEAVE, "taking_over": THEY_TAKE}
    return Page(template, {"case": head, "choice": choice, "step": step, **rules, **values})
