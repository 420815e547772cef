"""The sender's side: preview, offer, disclose, amend, write, cancel."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.accounts.opened import note_opened
from iars_node.attachments.service import attachment_to_send
from iars_node.audit.service import record
from iars_node.cases import reference
from iars_node.cases.service import case_head
from iars_node.cases.service.assignment import readable_here
from iars_node.consent import service as consents
from iars_node.db import new_id
from iars_node.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from iars_node.referrals import store
from iars_node.referrals.model import OUT, Line, Preview, Referral
from iars_node.referrals.service import disclosing, passing, steps
from iars_node.referrals.service.standing import standing_grant
from iars_node.vault.identity import seconds
from iars_protocol.content import Content
from iars_protocol.messages.referral import Amend, Cancel, Disclose, EnteredInError, Offer
from iars_protocol.record import PRIORITIES, REASONS, RESPONSE_SECONDS, SERVICES, withheld

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from iars_node.consent.model import Consent
    from iars_node.peers.model import Peer
    from iars_node.referrals.model import Offering
    from iars_node.referrals.service.disclosing import Material
    from iars_node.work import Work
    from iars_protocol.consent import Grant
    from iars_protocol.parts import ScopePart
    from iars_protocol.record import Record
    from iars_protocol.record import Step as DisclosureStep

REFERENCE_PREFIX = "R-"


def preview(work: Work, offering: Offering, peer: Peer) -> Preview:
    """Show what would leave at the offer, what on acceptance, and what never: nothing is written."""
    note_opened(work, offering.case_id)
    given = _consent_for(work, offering, peer)
    ground = passing.ground_of(work, offering, given)
    grant = ground.grant_to_show(work, peer, offering.service)
    known = ground.material(work, offering.case_id)
    at_offer, on_acceptance = _parts(work, offering, grant, known)
    now_lines = _lines(at_offer)
    readable = readable_here(work, offering.case_id)
    return Preview(
        _shown(now_lines, readable),
        _shown((line for line in _lines(on_acceptance) if line not in now_lines), readable),
        _shown(_kept_lines(known.record, grant, given), readable),
        ground.origin,
        offering.kind,
    )


def _shown(lines: Iterable[Line], readable: frozenset[str]) -> tuple[Line, ...]:
    """Keep to themselves the values of scopes that the actor may not read; that they leave is no secret."""
    return tuple(line if line.scope in readable else replace(line, value=None) for line in lines)


def _lines(parts: Iterable[ScopePart]) -> tuple[Line, ...]:
    found: list[Line] = []
    for part in parts:
        found += [Line(part.scope, name, value) for name, value in part.fields.items()]
        found += [Line(part.scope, "texts", text) for text in part.texts]
        found += [Line(part.scope, "attachments", entry.name) for entry in part.attachments]
    return tuple(found)


def _kept_lines(case_record: Record, grant: Grant, given: Consent) -> tuple[Line, ...]:
    said = {item.scope for item in given.terms.withheld if not item.fields} | {
        f"{item.scope}.{name}" for item in given.terms.withheld for name in item.fields
    }
    return tuple(
        Line(scope, name, value, "withheld" if said & {scope, f"{scope}.{name}"} else "not-agreed")
        for scope, content in withheld(case_record, grant).items()
        for name, value in content.items()
    )


def _parts(
    work: Work, offering: Offering, grant: Grant, known: Material
) -> tuple[tuple[ScopePart, ...], tuple[ScopePart, ...]]:
    _refuse_foreign_files(work, offering, known)
    extra = disclosing.additions(work, offering.texts, offering.attachments)
    _refuse_outside(extra, grant)
    now_extra = {scope: part for scope, part in extra.items() if _is_at_offer(grant, scope)}
    at_offer = disclosing.cut_parts(known.record, grant, "offer", now_extra)
    return at_offer, disclosing.cut_parts(known.record, grant, "acceptance", extra)


def _refuse_foreign_files(work: Work, offering: Offering, known: Material) -> None:
    # A file's id tells nothing of whose it is: another person's must not leave under this one's consent,
    # nor what came from an organisation that allows no passing on.
    for attachment_id in offering.attachments:
        kept = attachment_to_send(work, attachment_id)
        if kept.case_id != offering.case_id or kept.source not in known.sources:
            raise NotFoundError("There is no such attachment.")


def _is_at_offer(grant: Grant, scope: str) -> bool:
    granted = grant.scope(scope)
    return granted is not None and granted.step == "offer"


def _refuse_outside(extra: Mapping[str, ScopePart], grant: Grant) -> None:
    outside = sorted(set(extra) - grant.codes())
    if outside:
        raise InvalidError(
            "A sentence or attachment touches what the person did not agree to share; nothing was sent.",
            {"texts": f"outside the consent: {', '.join(outside)}"},
        )


def _consent_for(work: Work, offering: Offering, peer: Peer) -> Consent:
    faults = {}
    if offering.service not in SERVICES:
        faults["service"] = f"accepted: {', '.join(SERVICES)}"
    if offering.priority not in PRIORITIES:
        faults["priority"] = f"accepted: {', '.join(PRIORITIES)}"
    if faults:
        raise InvalidError("The service or priority is not known.", faults)
    case_head(work, offering.case_id)
    given = consents.ground(work, offering.consent_id)
    if given.case_id != offering.case_id:
        raise InvalidError(
            "This consent belongs to another case.", {"consent": "accepted: a consent of this case"}
        )
    consents.check_covers(work, given, peer, offering.service)
    if given.basis.approval == "pending" and offering.priority != "emergency":
        raise RefusedError(
            "Only an emergency goes out before a second person has approved it; nothing was sent.",
            "exception-pending",
        )
    return given


def send_referral(work: Work, offering: Offering, peer_id: bytes) -> Referral:
    """Refer a person: cut, sign and queue the offer; keep what waits for acceptance as it stands now."""
    require(work.actor, "referral.send")
    peer = steps.sendable_peer(work, peer_id)
    given = _consent_for(work, offering, peer)
    ground = passing.ground_of(work, offering, given)
    known = ground.material(work, offering.case_id)
    kept = ground.grant_for(work, peer, offering.service)
    standing = consents.standing_grant(kept, offering.service)
    at_offer, on_acceptance = _parts(work, offering, standing, known)
    new = _new_referral(work, offering, given, kept.grant, peer)
    offer = Offer(
        kind=new.kind,
        service=new.service,
        priority=new.priority,
        reference=new.reference,
        respond_by=seconds(new.respond_by),
        together=new.together,
    )
    content = Content(offer, kept.signed, ground.permission, at_offer)
    part_keys = disclosing.sender_part_keys(work, new.id, new.case_id, content, known)
    state = steps.next_state(new, offer.type)
    ground.tell_origin(work, kept, names=offering.names_recipient)
    sending = steps.Sending(content, part_keys, kept.signed.hash, new.respond_by)
    step = steps.sign_step(work, new, state, sending, peer)
    sent = replace(new, state=state)
    store.add(work.connection, sent)
    store.add_step(work.connection, sent.id, step)
    disclosing.put_snapshot(work, sent, on_acceptance, known)
    _note_disclosure(work, sent, "referral.offered", at_offer)
    return sent


def _new_referral(work: Work, offering: Offering, given: Consent, grant: Grant, peer: Peer) -> Referral:
    return Referral(
        id=new_id(),
        reference=REFERENCE_PREFIX + reference.draw(8).removeprefix("K-"),
        direction=OUT,
        peer=peer.node_id,
        case_id=offering.case_id,
        consent_id=given.id,
        grant_id=grant.id,
        subject=grant.subject,
        kind=offering.kind,
        service=offering.service,
        priority=offering.priority,
        state="draft",
        respond_by=work.now + timedelta(seconds=RESPONSE_SECONDS[offering.priority]),
        created_at=work.now,
        updated_at=work.now,
        answered_at=None,
        closed_at=None,
        reason="",
        problem="",
        author=work.actor.id,
        is_disclosed=False,
        together=offering.together,
    )


def _note_disclosure(work: Work, sent: Referral, action: str, parts: Iterable[ScopePart]) -> None:
    record(
        work,
        action,
        case_id=sent.case_id,
        referral_id=sent.id,
        peer_id=sent.peer.hex(),
        subject=sent.grant_id,
        scopes=tuple(part.scope for part in parts),
        purpose=SERVICES[sent.service].purpose,
        detail={"service": sent.service},
    )


def disclose(work: Work, accepted: Referral) -> Referral:
    """Disclose what waited for acceptance, if the consent still permits it now."""
    steps.sendable_peer(work, accepted.peer)
    standing = standing_grant(work, accepted)
    kept = standing.kept
    found, keys = disclosing.open_snapshot(work, accepted.id)
    parts = disclosing.narrowed(found, standing.today, "acceptance")
    content = Content(Disclose(), None, None, parts)
    message_key = disclosing.message_key(work, accepted.id, "own")
    part_keys = ((message_key,), *(keys[part.scope] for part in parts))
    moved = steps.take_step(work, accepted, steps.Sending(content, part_keys, kept.signed.hash))
    store.change(work.connection, moved.id, is_disclosed=True)
    store.drop_snapshot(work.connection, moved.id)
    _note_disclosure(work, moved, "referral.disclosed", parts)
    return steps.get(work, moved.id)


def disclose_if_permitted(work: Work, accepted: Referral) -> None:
    """Disclose on acceptance; where the consent ended meanwhile, say so on the referral instead."""
    try:
        disclose(work, accepted)
    except RefusedError as error:
        store.change(work.connection, accepted.id, problem=error.reason)
        record(
            work,
            "referral.refused",
            case_id=accepted.case_id,
            referral_id=accepted.id,
            peer_id=accepted.peer.hex(),
            detail={"code": error.reason},
        )


def amend(
    work: Work, referral_id: str, scopes: Iterable[str] = (), *, only: Collection[str] = ()
) -> Referral:
    """Send what changed in the case since, through the same consent; no scope named means all granted.

    `only` narrows it to some fields, named scope.field: what a correction is about.
    """
    require(work.actor, "referral.send")
    current = _own(work, referral_id)
    standing = standing_grant(work, current)
    kept = standing.kept
    known = disclosing.material(work, current.case_id, passing.sources_of(work, current))
    wanted = set(scopes)
    step: DisclosureStep = "acceptance" if current.is_disclosed else "offer"
    record_now = _narrowed_to(known.record, only) if only else known.record
    parts = tuple(
        part
        for part in disclosing.cut_parts(record_now, standing.today, step)
        if not wanted or part.scope in wanted
    )
    if not parts:
        raise ConflictError("There is nothing to send in the scopes that the person agreed to.")
    content = Content(Amend(), None, None, parts)
    part_keys = disclosing.sender_part_keys(work, current.id, current.case_id, content, known)
    sent = steps.take_step(work, current, steps.Sending(content, part_keys, kept.signed.hash))
    _note_disclosure(work, sent, "referral.amended", parts)
    return sent


def _narrowed_to(case_record: Record, only: Collection[str]) -> Record:
    found = {
        scope: {name: value for name, value in content.items() if f"{scope}.{name}" in only}
        for scope, content in case_record.items()
    }
    return {scope: content for scope, content in found.items() if content}


def cancel(work: Work, referral_id: str, reason: str, remark: str = "") -> Referral:
    """End a referral before its service is complete; either side may."""
    require(work.actor, "referral.cancel")
    current = steps.claim(work, referral_id)
    if reason not in REASONS["cancel"]:
        raise InvalidError("A reason is needed.", {"reason": f"accepted: {', '.join(REASONS['cancel'])}"})
    return _plain_step(work, current, Content(Cancel(reason, remark)), "referral.cancelled")


def enter_in_error(work: Work, referral_id: str, remark: str = "") -> Referral:
    """Say that a referral was a mistake."""
    require(work.actor, "referral.cancel")
    current = _own(work, referral_id)
    return _plain_step(work, current, Content(EnteredInError(remark)), "referral.entered-in-error")


def _own(work: Work, referral_id: str) -> Referral:
    current = steps.claim(work, referral_id)
    if current.direction != OUT:
        raise ConflictError("Only the organisation that referred the person can do this.")
    return current


def _plain_step(work: Work, current: Referral, content: Content, action: str) -> Referral:
    kept = consents.kept_grant(work, current.grant_id)
    source = "own" if current.direction == OUT else current.grant_id
    keys = ((disclosing.message_key(work, current.id, source),),)
    moved = steps.take_step(work, current, steps.Sending(content, keys, kept.signed.hash))
    record(
        work,
        action,
        case_id=current.case_id,
        referral_id=current.id,
        peer_id=current.peer.hex(),
        detail={"reason": getattr(content.body, "reason", "")},
    )
    return moved
