"""Quick intake: what to call the person, what they need, who can help, what was agreed, check, send."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING

from babel import Locale

from iars_node.cases import service as cases
from iars_node.cases.model import Assignment
from iars_node.consent import changing
from iars_node.consent import service as consents
from iars_node.consent.model import Recipient, Terms
from iars_node.consent.service import default_scope
from iars_node.consent.texts import languages, to_read_out
from iars_node.db import rehearsing
from iars_node.drafts import service as drafts
from iars_node.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering, Preview
from iars_node.web.drafting import Flow, Standing, keep, kept_draft, shown, with_faults
from iars_node.web.languages import N_
from iars_node.web.likely import alike
from iars_node.web.pages import Pages
from iars_node.web.people import own_country
from iars_node.web.record_forms import Place, places, read_values
from iars_node.web.visit import Redirect, Sheet
from iars_protocol.vocabulary import PRIORITIES, SCOPES, SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iars_node.cases.model import Case
    from iars_node.drafts.model import Draft
    from iars_node.peers.model import Peer
    from iars_node.web.visit import Answer, Faults, Page, Visit
    from iars_protocol.record import Record

pages = Pages()

FLOW = Flow(
    "intake",
    "/intake",
    {
        "person": N_("Person"),
        "need": N_("Need"),
        "help": N_("Who can help"),
        "agreed": N_("What was agreed"),
        "check": N_("Check and send"),
    },
)
PERSON = {"identity": ("alias", "birth_date"), "demographics": ("languages",), "contact": ("phone",)}
NEED = {"services": ("constraints",)}
_RECORDED: Mapping[str, Mapping[str, tuple[str, ...]]] = {"person": PERSON, "need": NEED}
# What another organisation can do nothing without, and what it may learn beside it.
NEEDED_SCOPE = "services"
OFFERED_SCOPES = ("demographics", "identity", "contact")
AGREED_DAYS = 90
_OWN_NAMES = {
    "need": ("service", "priority"),
    "help": ("peer",),
    "agreed": ("language", "scopes", "agreed", "with_interpreter"),
}


def _places(step: str) -> list[Place]:
    groups = _RECORDED.get(step, {})
    return [place for scope, names in groups.items() for place in places(scope, names)]


def _belongs(step: str) -> Callable[[str], bool]:
    names = {place.name for place in _places(step)} | set(_OWN_NAMES.get(step, ()))
    if step == "person":
        names |= {"identity.birth_date.estimated", "anyway"}
    return names.__contains__


@pages.get("/intake", "case.open")
def show_first(visit: Visit) -> Answer:
    """Ask what to call the person; nothing is kept before it is sent."""
    return _page(visit, shown(FLOW, "person", None))


@pages.post("/intake", "case.open")
def begin(visit: Visit) -> Answer:
    """Keep the first answers as a draft and go on."""
    return _saved(visit, keep(visit, FLOW, "person", "", _belongs("person")))


@pages.post("/intake/{draft_id}/send", "referral.send")
def send(visit: Visit, draft_id: str) -> Answer:
    """Open the case, record what was agreed and send the referral: all of it, or nothing."""
    kept = kept_draft(visit, FLOW, draft_id)
    if kept.outcome:
        return Redirect(kept.outcome)
    if unready := _unready(visit, kept):
        return unready
    mark = _mark(visit, kept, _rehearsed(visit, kept))
    if not hmac.compare_digest(mark, visit.typed("shown").encode()):
        message = visit.gettext("Something changed since you looked. Nothing was sent; look again.")
        return _check_page(visit, Standing(FLOW, "check", kept, Sheet(dict(kept.content), {}, message)), 422)
    with visit.keeping(lambda sheet: _check_page(visit, _with_message(kept, sheet))):
        peer = _peer(visit, kept)
        case = _open(visit, kept)
        given = consents.give_consent(visit.work, case.id, _terms(visit, kept, peer))
        sent = referrals.send_referral(visit.work, _offering(kept, case.id, given.id), peer.node_id)
    outcome = f"/referrals/{sent.id}"
    drafts.finish(visit.work, kept, outcome)
    visit.work.after_commit.append(visit.node.sender.wake)
    return Redirect(f"{outcome}?done=sent")


@pages.post("/intake/{draft_id}/refused", "consent.record")
def keep_here(visit: Visit, draft_id: str) -> Answer:
    """Open the case and note that the person said no: nothing leaves."""
    kept = kept_draft(visit, FLOW, draft_id)
    if kept.outcome:
        return Redirect(kept.outcome)
    for step in ("person", "need", "help"):
        if _faults(visit, kept, step):
            return Redirect(FLOW.path_of(step, kept.id))
    case = _open(visit, kept)
    changing.refuse_consent(visit.work, case.id, _terms(visit, kept, _peer(visit, kept)))
    drafts.finish(visit.work, kept, f"/cases/{case.id}")
    return Redirect(f"/cases/{case.id}?done=refused")


@pages.get("/intake/{draft_id}/{step}", "case.open", writes=True)
def show_step(visit: Visit, draft_id: str, step: str) -> Answer:
    """Show a step with what is typed so far."""
    kept = kept_draft(visit, FLOW, draft_id)
    if kept.outcome:
        return Redirect(kept.outcome)
    if FLOW.check(step) == "check":
        return _unready(visit, kept) or _check_page(visit, shown(FLOW, step, kept))
    return _page(visit, shown(FLOW, step, kept))


@pages.post("/intake/{draft_id}/{step}", "case.open")
def save_step(visit: Visit, draft_id: str, step: str) -> Answer:
    """Keep a step's answers and go on."""
    kept = kept_draft(visit, FLOW, draft_id)
    if kept.outcome:
        return Redirect(kept.outcome)
    if FLOW.check(step) == "check":
        return Redirect(FLOW.path_of("check", draft_id))
    return _saved(visit, keep(visit, FLOW, step, draft_id, _belongs(step)))


def _saved(visit: Visit, standing: Standing) -> Answer:
    kept, step = standing.draft, standing.step
    if kept is None or standing.theirs:
        return _page(visit, standing, status=422)
    if faults := _faults(visit, kept, step):
        return _page(visit, with_faults(visit, standing, faults), status=422)
    if step == "person" and not kept.value("anyway") and (known := alike(visit, _record(visit, kept))):
        return _page(visit, standing, alike=known)
    return Redirect(FLOW.path_of(FLOW.after(step), kept.id))


def _faults(visit: Visit, kept: Draft, step: str) -> Faults:
    _values, faults = read_values(_places(step), kept.content, visit.speech, own_country(visit))
    if step == "person" and not kept.value("identity.alias"):
        faults["identity.alias"] = visit.gettext("Write what to call the person.")
    if step == "need":
        if kept.value("service") not in SERVICES:
            faults["service"] = visit.gettext("Choose a service.")
        if kept.value("priority") not in PRIORITIES:
            faults["priority"] = visit.gettext("Choose how urgent it is.")
    if step == "help" and _peer_or_none(visit, kept) is None:
        faults["peer"] = visit.gettext("Choose an organisation.")
    if step == "agreed" and not kept.value("agreed"):
        faults["agreed"] = visit.gettext("Tick this once the person has agreed. Until then nothing is sent.")
    return faults


def _unready(visit: Visit, kept: Draft) -> Answer | None:
    """Return where an answer is still missing, or nothing."""
    for step in FLOW.steps:
        if step != "check" and _faults(visit, kept, step):
            return Redirect(FLOW.path_of(step, kept.id))
    return None


def _page(visit: Visit, standing: Standing, *, status: int = 200, **values: object) -> Page:
    kept, sheet = standing.draft, standing.sheet
    more: dict[str, object] = {"places": _places(standing.step), "alike": (), **values}
    if standing.step == "need" and not sheet.value("priority"):
        sheet.typed = {**sheet.typed, "priority": ["normal"]}
    if standing.step == "help" and kept:
        more["peers"] = sorted(
            peers.every(visit.work),
            key=lambda peer: (kept.value("service") not in peer.listing.services, peer.name()),
        )
    if standing.step == "agreed" and kept:
        more |= _reading(visit, kept, sheet)
    return standing.page(f"intake_{standing.step}.html", status, **more)


def _reading(visit: Visit, kept: Draft, sheet: Sheet) -> dict[str, object]:
    code = _language(visit, kept)
    text = to_read_out(code)
    record = _record(visit, kept)
    if not sheet.values("agreed") and not sheet.values("scopes"):
        # The age band is taken from the date of birth.
        said = set(record) | ({"demographics"} if "birth_date" in record.get("identity", {}) else set())
        sheet.typed = {**sheet.typed, "scopes": [scope for scope in OFFERED_SCOPES if scope in said]}
    return {
        "code": code,
        "text": text,
        "text_direction": Locale.parse(text.language).text_direction,
        "with_text": [known for known in languages() if known != code],
        "peer": _peer_or_none(visit, kept),
        "offered": [scope for scope in OFFERED_SCOPES if scope in visit.readable],
        "held": record,
        "until": visit.speech.moments.end_of_day(
            visit.speech.moments.today(visit.now) + timedelta(days=AGREED_DAYS)
        ),
    }


def _language(visit: Visit, kept: Draft) -> str:
    chosen = visit.query.get("language", "") or kept.value("language")
    if chosen in visit.speech.tongues:
        return chosen
    spoken = _record(visit, kept).get("demographics", {}).get("languages")
    return str(spoken[0]) if isinstance(spoken, list) and spoken else visit.speech.language.code


def _record(visit: Visit, kept: Draft) -> Record:
    """Return what the draft says of the person, as a case would hold it."""
    wanted = [*_places("person"), *_places("need")]
    values, _faults = read_values(wanted, kept.content, visit.speech, own_country(visit))
    found = {
        scope: {name: value for name, value in fields.items() if value is not None}
        for scope, fields in values.items()
    }
    if kept.value("service") in SERVICES and kept.value("priority") in PRIORITIES:
        need = {"service": kept.value("service"), "priority": kept.value("priority")}
        found.setdefault(NEEDED_SCOPE, {})["needs"] = [need]
    return {scope: fields for scope, fields in found.items() if fields}


def _peer(visit: Visit, kept: Draft) -> Peer:
    found = _peer_or_none(visit, kept)
    if found is None:
        raise NotFoundError("This organisation is not known here.")
    return found


def _peer_or_none(visit: Visit, kept: Draft) -> Peer | None:
    chosen = kept.value("peer")
    return next(
        (peer for peer in peers.every(visit.work) if peer.node_text == chosen and peer.is_exchanged_with),
        None,
    )


def _terms(visit: Visit, kept: Draft, peer: Peer) -> Terms:
    chosen = kept.content.get("scopes", ())
    scopes = [NEEDED_SCOPE, *(scope for scope in OFFERED_SCOPES if scope in chosen)]
    last = visit.speech.moments.today(visit.now) + timedelta(days=AGREED_DAYS)
    return Terms(
        purposes=("assistance",),
        scopes=tuple(default_scope(scope) for scope in scopes),
        recipients=(Recipient(node=peer.node_text),),
        expires=visit.speech.moments.end_of_day(last),
        notice_language=_language(visit, kept),
        how_obtained="verbal",
        feedback=(NEEDED_SCOPE,),
        with_interpreter=bool(kept.value("with_interpreter")),
    )


def _open(visit: Visit, kept: Draft) -> Case:
    return cases.open_case(
        visit.work,
        country=own_country(visit),
        record=_record(visit, kept),
        assignment=Assignment(assigned_to=visit.actor.id),
        training=visit.node.settings.training,
    )


def _offering(kept: Draft, case_id: str, consent_id: str) -> Offering:
    return Offering(case_id, consent_id, kept.value("service"), kept.value("priority"))


def _rehearsed(visit: Visit, kept: Draft) -> Preview:
    """Return exactly what would leave: it is done, looked at, and undone."""
    peer = _peer(visit, kept)
    with rehearsing(visit.work.connection, visit.work.after_commit):
        case = _open(visit, kept)
        given = consents.give_consent(visit.work, case.id, _terms(visit, kept, peer))
        return referrals.preview(visit.work, _offering(kept, case.id, given.id), peer)


def _mark(visit: Visit, kept: Draft, preview: Preview) -> bytes:
    lines = [
        (column, line.scope, line.name, line.value)
        for column, part in (("now", preview.at_offer), ("later", preview.on_acceptance))
        for line in part
    ]
    plain = repr((kept.id, kept.value("peer"), kept.value("service"), kept.value("priority"), lines))
    return hmac.new(visit.form_token.encode(), plain.encode(), hashlib.sha256).hexdigest().encode()


def _with_message(kept: Draft, sheet: Sheet) -> Standing:
    return Standing(FLOW, "check", kept, Sheet(dict(kept.content), sheet.faults, sheet.message))


def _check_page(visit: Visit, standing: Standing, status: int = 200) -> Page:
    kept = standing.draft
    if kept is None:
        raise NotFoundError("This draft is not there any more.")
    try:
        preview = _rehearsed(visit, kept)
    except (InvalidError, ConflictError, RefusedError) as error:
        standing = _with_message(kept, visit.sheet_after(error, {}))
        preview = Preview((), (), (), b"")
    record = _record(visit, kept)
    return standing.page(
        "intake_check.html",
        status,
        peer=_peer(visit, kept),
        kept=kept,
        preview=preview,
        record=record,
        released=len(preview.at_offer) + len(preview.on_acceptance),
        readable=visit.readable,
        mark=_mark(visit, kept, preview).decode(),
        language_code=_language(visit, kept),
        agreed_scopes=[
            scope for scope in SCOPES if scope == NEEDED_SCOPE or scope in kept.content.get("scopes", ())
        ],
        path_of=lambda step: FLOW.path_of(step, kept.id),
    )
