"""What arrives in a referral's thread: checked by the same rules as the sender, applied, remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from iars_node.attachments.service import expect_attachment
from iars_node.cases.derived import DERIVED_SCOPE, track_here
from iars_node.cases.service import receive_scope
from iars_node.consent import endings
from iars_node.consent import service as consents
from iars_node.consent import store as consent_store
from iars_node.consent.approvals import refuse_lapsed
from iars_node.consent.onward_use import keep_shown
from iars_node.db import EPOCH
from iars_node.errors import RefusedError
from iars_node.exchange import messages
from iars_node.exchange.model import Handler
from iars_node.exchange.tables import message as message_table
from iars_node.peers import store as peer_store
from iars_node.referrals import store
from iars_node.referrals.model import IN, OUT, Amended, Arrived, Referral, Step, replay, taken_of
from iars_node.referrals.service import disclosing, steps
from iars_node.vault.content_keys import keys_for, keys_for_new
from iars_node.vault.identity import identity_of, seconds
from iars_protocol import consent as wire
from iars_protocol.attachment import Seal
from iars_protocol.content import check_content
from iars_protocol.errors import (
    DisclosureError,
    MalformedError,
    TransitionError,
)
from iars_protocol.messages.referral import Amend, Offer
from iars_protocol.record import SERVICES
from iars_protocol.referral import ANSWERS, CLOSED, TRANSITIONS, Side, State, arrive, check_answer, view

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from iars_node.consent.model import KeptGrant
    from iars_node.exchange.model import Incoming, Receipted
    from iars_node.vault.content_keys import Allot
    from iars_node.work import Work
    from iars_protocol.consent import Grant
    from iars_protocol.parts import AttachmentPart, ScopePart
    from iars_protocol.record import Record
    from iars_protocol.record import Step as DisclosureStep


def handlers() -> dict[str, Handler]:
    """Return what each message type of a referral's thread does here."""
    ordinary = Handler(apply=apply_step, part_keys=keys_of_step)
    found = dict.fromkeys(TRANSITIONS, ordinary)
    found[Offer.type] = Handler(apply=apply_offer, part_keys=keys_of_offer)
    return found


def keys_of_offer(work: Work, incoming: Incoming) -> tuple[tuple[bytes, ...], ...]:
    """Keep an offer's parts under keys of its grant, so that one grant can be erased alone."""
    grant = _offered_grant(incoming)
    return _keys(work, incoming, incoming.header.thread.hex(), grant.id, allot=keys_for_new)


def keys_of_step(work: Work, incoming: Incoming) -> tuple[tuple[bytes, ...], ...]:
    """Keep a later message's parts under keys of the referral's grant, but for what was withdrawn meanwhile.

    Such a part was on its way when the withdrawal overtook it: nothing of it is kept, and the thread goes on.
    """
    current = _referral_of(work, incoming)
    keys = _keys(work, incoming, current.id, current.grant_id)
    if not incoming.content.scopes:
        return keys
    standing = {part.scope for part in standing_parts(work, current, incoming.content.scopes)}
    before = len(keys) - len(incoming.content.scopes)
    return keys[:before] + tuple(
        key if part.scope in standing else ()
        for key, part in zip(keys[before:], incoming.content.scopes, strict=True)
    )


def standing_parts(work: Work, current: Referral, parts: Sequence[ScopePart]) -> list[ScopePart]:
    """Return the parts that may be read: what has not ended, of what was referred or told back."""
    if not parts:
        return []
    kept = consents.kept_grant(work, current.grant_id)
    purpose = SERVICES[current.service].purpose
    if current.direction == OUT:
        # What a receiver tells belongs to the origin's own file, but for scopes that the person took out.
        return [part for part in parts if kept.is_told_back(part.scope, purpose)]
    return [part for part in parts if kept.stands(part.scope, purpose, work.now)]


def _keys(
    work: Work, incoming: Incoming, referral_id: str, source: str, *, allot: Allot = keys_for
) -> tuple[tuple[bytes, ...], ...]:
    scopes = [part.scope for part in incoming.content.scopes]
    carried = len(incoming.message.parts) - len(scopes)
    named = [disclosing.MESSAGE_SCOPE] * carried + scopes
    places = [(scope, source) for scope in named]
    keys = allot(work.connection, work.vault, "referral", referral_id, places)
    return tuple((keys[place],) for place in places)


def _offered_grant(incoming: Incoming) -> Grant:
    content = incoming.content.grant and incoming.content.grant.content
    if not isinstance(content, wire.Grant):
        raise MalformedError("an offer carries a grant")
    return content


def apply_offer(work: Work, incoming: Incoming) -> None:
    """Take in an offer: the grant first, then whether every part lies inside it."""
    offer, signed = incoming.content.body, incoming.content.grant
    if not isinstance(offer, Offer) or signed is None:
        raise MalformedError("an offer has another form")
    if store.find(work.connection, incoming.header.thread.hex()) is not None:
        raise TransitionError("the thread has an offer already")
    kept = consents.receive_grant(work, incoming.peer, signed, SERVICES[offer.service].purpose)
    _check_onward(work, incoming, kept.grant)
    check_content(incoming.content.scopes, kept.grant, "sender", "offer")
    _refuse_withdrawn(incoming, kept, offer.service)
    if offer.respond_by <= seconds(work.now):
        raise RefusedError("The time to answer is over.", "expired")
    known = _referral_from(work, incoming, offer, kept.grant)
    store.add(work.connection, known)
    _add_step(work, incoming, known, "requested")


def _refuse_withdrawn(incoming: Incoming, kept: KeptGrant, service: str) -> None:
    purpose = SERVICES[service].purpose
    if any(kept.has_ended(part.scope, purpose) for part in incoming.content.scopes):
        raise RefusedError("The person has withdrawn a part of what was sent.", consents.WITHDRAWN)


def _check_onward(work: Work, incoming: Incoming, grant: Grant) -> None:
    """Hold an onward offer against its origin's ceilings; an origin that is not pinned here is denied."""
    signed = incoming.content.onward
    if signed is None:
        return
    onward = signed.content
    if not isinstance(onward, wire.Onward):
        raise MalformedError("an onward offer carries the permission that its grant names")
    origin = peer_store.find(work.connection, bytes.fromhex(onward.controller))
    if origin is None or not origin.is_exchanged_with:
        raise RefusedError("The origin of the onward permission is not known here.", "onward-origin")
    if endings.withdrawn_before(work.connection, "onward", onward.id, origin.node_id):
        raise RefusedError("The person has withdrawn the onward permission.", consents.WITHDRAWN)
    wire.verify_issued(signed, origin.history, at=seconds(work.now))
    own_type = identity_of(work.vault).listing.organisation_type
    answer = onward.permits(grant, own_type, seconds(work.now))
    if isinstance(answer, wire.Denied):
        raise RefusedError("The onward permission does not cover this.", answer.reason)
    keep_shown(work, origin, grant, signed, onward)


def _referral_from(work: Work, incoming: Incoming, offer: Offer, grant: Grant) -> Referral:
    return Referral(
        id=incoming.header.thread.hex(),
        reference=offer.reference,
        direction=IN,
        peer=incoming.peer.node_id,
        case_id="",
        consent_id="",
        grant_id=grant.id,
        subject=grant.subject,
        kind="handover" if offer.kind == "handover" else "service",
        service=offer.service,
        priority=offer.priority,
        state="requested",
        respond_by=EPOCH + timedelta(seconds=offer.respond_by),
        created_at=work.now,
        updated_at=work.now,
        answered_at=None,
        closed_at=None,
        reason="",
        problem="",
        author=incoming.peer.node_text,
        is_disclosed=False,
        together=offer.together,
    )


def _referral_of(work: Work, incoming: Incoming) -> Referral:
    found = store.find(work.connection, incoming.header.thread.hex())
    if found is None or found.peer != incoming.peer.node_id:
        # A stranger to the thread learns no more than that there is no such thread for it.
        raise TransitionError("there is no such referral with this organisation")
    return found


def apply_step(work: Work, incoming: Incoming) -> None:
    """Apply the other side's step: its place in the referral's life, its content, what follows here."""
    current = _referral_of(work, incoming)
    state = _state_after(work, current, incoming)
    _check_allowed(work, current, incoming)
    if incoming.content.scopes and current.case_id:
        parts = standing_parts(work, current, incoming.content.scopes)
        _take_in(work, current, incoming.header.type, _as_seen_here(work, current, parts))
    step = incoming.header.type
    reason = getattr(incoming.content.body, "reason", "")
    _add_step(work, incoming, current, state)
    moved = steps.move(work, current, state, step, reason if state != current.state else "")
    if step == "referral.disclose/1":
        store.change(work.connection, current.id, is_disclosed=True)
    work.announce(Arrived(step, moved))


def _take_in(work: Work, current: Referral, step: str, parts: Sequence[ScopePart]) -> None:
    """Put what came into the case; say what an amendment has put right of what was there."""
    is_amendment = step == Amend.type and current.direction == IN
    before = _shared_from(work, current) if is_amendment else {}
    take_into_case(work, current, parts)
    # What is new is no correction: nobody was told anything else before.
    if wrong := changed_fields(before, _shared_from(work, current) if before else {}):
        work.announce(Amended(current, wrong))


def _shared_from(work: Work, current: Referral) -> Record:
    return disclosing.material(work, current.case_id, {current.grant_id}).record


def _state_after(work: Work, current: Referral, incoming: Incoming) -> State:
    by: Side = "receiver" if current.direction == OUT else "sender"
    taken = taken_of(store.steps(work.connection, current.id))
    seen = view(taken, by, incoming.header.seen)
    state = current.state
    step = incoming.header.type
    check_answer(step, current.kind, created=incoming.header.created, respond_by=seconds(current.respond_by))
    if step in ANSWERS:
        # Given in time, it counts though it travelled long: our clock's verdict gives way.
        state = "requested" if state == "expired" else state
    return arrive(state, step, by, seen=seen)


def _check_allowed(work: Work, current: Referral, incoming: Incoming) -> None:
    kept = consents.kept_grant(work, current.grant_id)
    if incoming.header.grant != kept.signed.hash:
        raise DisclosureError("the message names another grant than the referral's")
    by: Side = "receiver" if current.direction == OUT else "sender"
    step: DisclosureStep = "offer" if current.state == "requested" else "acceptance"
    check_content(incoming.content.scopes, kept.grant, by, step)
    if by == "sender" and incoming.content.scopes:
        refuse_lapsed(work, kept)
    if by == "sender" and incoming.content.scopes and seconds(work.now) >= kept.grant.expires:
        raise RefusedError("The grant has expired.", "grant-expired")


def _add_step(work: Work, incoming: Incoming, current: Referral, state: State) -> None:
    step = Step(
        at=work.now,
        type=incoming.header.type,
        side="receiver" if current.direction == OUT else "sender",
        actor=incoming.peer.node_text,
        message=incoming.message.id.hex(),
        seen=incoming.header.seen.hex(),
        state_after=state,
        reason=getattr(incoming.content.body, "reason", ""),
        is_refused=False,
    )
    store.add_step(work.connection, current.id, step)


def received_parts(work: Work, current: Referral) -> list[ScopePart]:
    """Return every scope part that the other side has sent in a referral's thread, in its order."""
    rows = work.connection.execute(
        select(message_table.c.id)
        .where(
            message_table.c.thread == current.thread,
            message_table.c.direction == IN,
            message_table.c.outcome == "applied",
        )
        .order_by(message_table.c.sequence)
    )
    found: list[ScopePart] = []
    for message_id in rows.scalars():
        found += disclosing.scope_parts_of(
            messages.open_parts(work.connection, work.vault, bytes(message_id))
        )
    return _as_seen_here(work, current, standing_parts(work, current, found))


def _as_seen_here(work: Work, current: Referral, parts: Sequence[ScopePart]) -> list[ScopePart]:
    """Say who is a national from this node's country: the author said it from its own."""
    there = peer_store.find(work.connection, current.peer)
    if there is None:
        return list(parts)
    countries = there.listing.country, identity_of(work.vault).listing.country
    return [
        replace(part, fields=track_here(part.fields, *countries)) if part.scope == DERIVED_SCOPE else part
        for part in parts
    ]


def put_into_case(work: Work, current: Referral, case_id: str) -> Referral:
    """Give a received referral its case, and put what came so far into it."""
    store.change(work.connection, current.id, case_id=case_id)
    consent_store.set_grant_case(work.connection, current.grant_id, case_id)
    placed = replace(current, case_id=case_id)
    take_into_case(work, placed, received_parts(work, placed))
    return placed


def take_into_case(work: Work, current: Referral, parts: Iterable[ScopePart]) -> None:
    """Put received content into the referral's case, under its grant as the source, until the grant's end."""
    ends_at = _end_of_grant(work, current)
    for part in parts:
        if part.fields:
            receive_scope(
                work,
                current.case_id,
                part.scope,
                current.grant_id,
                part.fields,
                by=current.peer.hex(),
                ends_at=ends_at,
            )
        for entry in part.attachments:
            _expect(work, current, part.scope, entry, ends_at)


def _end_of_grant(work: Work, current: Referral) -> datetime | None:
    if current.direction == OUT:
        # What a receiver tells back belongs to the origin's own file.
        return None
    return EPOCH + timedelta(seconds=consents.kept_grant(work, current.grant_id).grant.expires)


def _expect(
    work: Work, current: Referral, scope: str, entry: AttachmentPart, ends_at: datetime | None
) -> None:
    expect_attachment(
        work,
        current.case_id,
        scope,
        current.grant_id,
        attachment_id=entry.id,
        name=entry.name,
        media_type=entry.media_type,
        seal=Seal(entry.key, entry.size, entry.sealed_size, entry.sealed_hash),
        by=current.peer.hex(),
        ends_at=ends_at,
    )


def changed_fields(before: Record, after: Record) -> tuple[str, ...]:
    """Return the fields, as scope.field, that say something else than before."""
    return tuple(
        f"{scope}.{name}"
        for scope, fields in before.items()
        for name, value in fields.items()
        if name in after.get(scope, {}) and after[scope][name] != value
    )


def follow_receipt(work: Work, receipted: Receipted) -> None:
    """Step back from a message that the other side refused, and say so on the referral."""
    if receipted.receipt.outcome != "refused":
        return
    current = store.find(work.connection, receipted.thread.hex())
    if current is None:
        return
    store.refuse_step(work.connection, receipted.message.hex())
    state = replay(store.steps(work.connection, current.id))
    changes: dict[str, Any] = {"state": state, "problem": receipted.receipt.code, "updated_at": work.now}
    if state not in CLOSED:
        changes["closed_at"] = None
    store.change(work.connection, current.id, **changes)
