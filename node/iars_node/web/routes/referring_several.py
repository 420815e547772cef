"""Referring several at once: members of a household, services, organisations; all are sent, or none."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iars_node.audit import record
from iars_node.cases import service as cases
from iars_node.consent import service as consents
from iars_node.errors import NodeError
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.web.household import other_cases
from iars_node.web.pages import Pages
from iars_node.web.routes.referring import Choice, covers, mark_of, plain_offering
from iars_node.web.visit import Page, Redirect, Sheet, UnfinishedError
from iars_protocol.consent import Allowed
from iars_protocol.vocabulary import PRIORITIES, SERVICES

if TYPE_CHECKING:
    from iars_node.cases.model import Case
    from iars_node.peers.model import Peer
    from iars_node.referrals.model import Preview
    from iars_node.web.visit import Answer, Faults, Visit

pages = Pages()

PATH = "/cases/{case_id}/refer/several"
MOST = 20
"""How many referrals one form sends: more than this nobody reads before sending."""


@dataclass(frozen=True, slots=True)
class Row:
    """One referral of several: who, for what, to whom; what they would learn, or why it can't be sent."""

    name: str
    case: Case
    peer: Peer
    choice: Choice
    preview: Preview | None
    reason: str
    mark: str


@pages.get(PATH, "referral.send", writes=True)
def choose(visit: Visit, case_id: str) -> Answer:
    """Ask who is referred for what, and to whom."""
    return _form(visit, case_id, Sheet({"person": [case_id], "priority": ["normal"]}))


def _form(visit: Visit, case_id: str, sheet: Sheet) -> Page:
    persons = _persons(visit, case_id)
    reachable = [peer for peer in peers.every(visit.work) if peer.is_exchanged_with]
    language = visit.speech.language.code
    return Page(
        "refer_several.html",
        {
            "case": persons[case_id],
            "sheet": sheet,
            "persons": {key: each.alias or each.reference for key, each in persons.items()},
            "services": visit.speech.choices("service"),
            "priorities": visit.speech.choices("priority"),
            "peers": {
                peer.node_text: peer.name(language) for peer in sorted(reachable, key=lambda one: one.name())
            },
        },
    )


def _persons(visit: Visit, case_id: str) -> dict[str, Case]:
    head = cases.case_head(visit.work, case_id)
    others = {each.case.id: each.case for each in other_cases(visit, head) if each.case}
    return {head.id: head, **others}


@pages.post(PATH, "referral.send")
def check(visit: Visit, case_id: str) -> Answer:
    """Show each recipient with what it would learn."""
    return _check(visit, case_id, Sheet(visit.form))


def _check(visit: Visit, case_id: str, sheet: Sheet) -> Page:
    rows = _rows(visit, case_id)
    for row in rows:
        if row.preview is not None:
            lines = (*row.preview.at_offer, *row.preview.on_acceptance, *row.preview.never)
            record(
                visit.work,
                "referral.previewed",
                case_id=row.case.id,
                subject=row.choice.consent,
                peer_id=row.peer.node_text,
                scopes={line.scope for line in lines} & visit.readable,
            )
    is_first = "row" not in visit.form
    chosen = [row.name for row in rows if row.preview] if is_first else sheet.values("row")
    return Page(
        "refer_several_check.html",
        {
            "case": cases.case_head(visit.work, case_id),
            "rows": rows,
            "sheet": Sheet({**sheet.typed, "row": chosen}, sheet.faults, sheet.message),
            "readable": visit.readable,
            "any": any(row.preview for row in rows),
            "carried": [
                (name, value)
                for name in ("person", "service", "peer", "priority")
                for value in visit.form.get(name, [])
            ],
        },
    )


def _rows(visit: Visit, case_id: str) -> list[Row]:
    persons = _persons(visit, case_id)
    known = {peer.node_text: peer for peer in peers.every(visit.work) if peer.is_exchanged_with}
    chosen = visit.chosen("person", persons), visit.chosen("service", SERVICES), visit.chosen("peer", known)
    priority = next(iter(visit.chosen("priority", PRIORITIES)), "")
    faults: Faults = {
        name: visit.gettext("Choose at least one.")
        for name, values in zip(("person", "service", "peer"), chosen, strict=True)
        if not values
    }
    if not priority:
        faults["priority"] = visit.gettext("Choose from the list.")
    if len(chosen[0]) * len(chosen[1]) * len(chosen[2]) > MOST:
        faults["service"] = visit.gettext("These are more than %(most)s at once; choose fewer.", most=MOST)
    if faults:
        raise visit.unfinished(lambda sheet: _form(visit, case_id, sheet), faults)
    return [
        _row(visit, persons[person], Choice(person, service, priority, peer), known[peer])
        for person in chosen[0]
        for peer in chosen[2]
        for service in chosen[1]
    ]


def _row(visit: Visit, case: Case, choice: Choice, peer: Peer) -> Row:
    name = f"{case.id}.{choice.service}.{peer.node_text}"
    given = [each for each in consents.of_case(visit.work, case.id) if not each.is_replaced]
    answers = {each.id: covers(visit, each, peer, choice) for each in given}
    covering = [key for key, answer in answers.items() if isinstance(answer, Allowed)]
    if not covering:
        reasons = [answer.reason for answer in answers.values() if not isinstance(answer, Allowed)]
        reason = visit.speech.refusal(reasons[0] if reasons else "no-consent")
        return Row(name, case, peer, choice, None, reason, "")
    chosen = replace(choice, consent=covering[0])
    try:
        shown = referrals.preview(visit.work, plain_offering(chosen), peer)
    except NodeError as error:
        return Row(name, case, peer, chosen, None, visit.speech.problem(error), "")
    return Row(name, case, peer, chosen, shown, "", mark_of(visit, chosen, shown).decode())


@pages.post(f"{PATH}/send", "referral.send")
def send(visit: Visit, case_id: str) -> Answer:
    """Send all that is chosen, exactly as it was shown, or nothing."""

    def again(sheet: Sheet) -> Page:
        return _check(visit, case_id, sheet)

    chosen = [row for row in _rows(visit, case_id) if row.name in visit.form.get("row", [])]
    if not chosen:
        raise visit.unfinished(again, {"row": visit.gettext("Choose at least one.")})
    changed = [row for row in chosen if not _is_as_shown(visit, row)]
    if changed:
        message = visit.gettext(
            "Something changed since you looked: the record, the consent, the sentences, "
            "or a referral that was sent meanwhile. Nothing was sent; look again."
        )
        raise UnfinishedError(again(Sheet(visit.form, {}, message)))
    sent: dict[tuple[str, str], list[str]] = {}
    with visit.keeping(again):
        for row in chosen:
            place = (row.peer.node_text, row.choice.service)
            # Those of one household who go to one organisation for one service are named to it together.
            offering = replace(plain_offering(row.choice), together=tuple(sent.get(place, ())))
            new = referrals.send_referral(visit.work, offering, row.peer.node_id)
            sent.setdefault(place, []).append(new.id)
    visit.work.after_commit.append(visit.node.sender.wake)
    return Redirect("/referrals?show=sent&done=several-sent")


def _is_as_shown(visit: Visit, row: Row) -> bool:
    shown = visit.typed(f"shown.{row.name}")
    return bool(row.mark) and hmac.compare_digest(row.mark.encode(), shown.encode())
