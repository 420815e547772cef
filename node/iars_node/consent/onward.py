"""The origin's side of passing on: give a permission, and hear from its holder who was told."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.audit.service import record
from iars_node.consent import onward_store, store
from iars_node.consent.onward_model import ALL, KeptPermission, Passing, highest
from iars_node.consent.service import get, standing_whole
from iars_node.db import EPOCH, new_id
from iars_node.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from iars_node.exchange.messages import own_key
from iars_node.exchange.model import Draft, Handler
from iars_node.exchange.outbox import queue
from iars_node.exchange.restoring import refuse_while_restoring
from iars_node.peers import store as peer_store
from iars_node.vault.identity import identity_of, seconds
from iars_protocol.consent import Denied, Onward, recipient_hash, sign
from iars_protocol.content import Content
from iars_protocol.errors import DisclosureError, MalformedError
from iars_protocol.messages.onward import NoticeOnward, PermitOnward

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iars_node.consent.model import Consent, KeptGrant, Terms
    from iars_node.consent.onward_model import Ceilings
    from iars_node.exchange.model import Incoming
    from iars_node.peers.model import Peer
    from iars_node.work import Work
    from iars_protocol.messages.registry import Body

MESSAGE_LIFE = timedelta(days=60)
SALT_BYTES = 16

NOT_YOURS = "not-yours"


def ceilings(work: Work, consent_id: str, holder: Peer) -> Ceilings:
    """Return how far a holder could be allowed to pass the person on, under a consent."""
    require(work.actor, "consent.read")
    given = get(work, consent_id)
    return highest(left_of(work, given), standing_whole(_issued(work, given, holder)), holder.node_text)


def left_of(work: Work, given: Consent) -> Terms:
    """Return a consent's terms without those towards whom the person withdrew, wholly or in part.

    A kind of organisation goes with the one of them that was withdrawn: a permission can't name its others.
    """
    gone = {part.node for part in given.ended if part.node and not part.way}
    known = peer_store.find_many(work.connection, {bytes.fromhex(node) for node in gone})
    kinds = {peer.listing.organisation_type for peer in known.values()}
    left = (
        item
        for item in given.terms.recipients
        if item.node not in gone and item.organisation_type not in kinds
    )
    return replace(given.terms, recipients=tuple(left))


def permit_onward(work: Work, consent_id: str, holder: Peer, wanted: Ceilings = ALL) -> KeptPermission:
    """Allow a holder to pass the person on, as far as the person agreed and no further than is wanted."""
    require(work.actor, "consent.record")
    peer = reachable(work, holder.node_id)
    given = get(work, consent_id)
    kept = _permitting(work, given, peer)
    allowed = highest(left_of(work, given), standing_whole(kept), peer.node_text)
    faults = allowed.beyond(wanted)
    if faults:
        raise InvalidError("This goes further than the person agreed; nothing was sent.", faults)
    cut = allowed.within(wanted)
    if not (cut.scopes and cut.purposes and (cut.recipients or cut.kinds)):
        raise RefusedError(
            "The person named nobody whom this organisation could refer them to; nothing was sent. "
            "Record a consent that does.",
            "onward-recipient",
        )
    onward = _onward(work, kept, peer, cut)
    signed = sign(onward, identity_of(work.vault).signing)
    new = KeptPermission(
        onward.id, "out", peer.node_id, kept.id, given.id, given.case_id, onward, signed, work.now
    )
    onward_store.add_permission(work.connection, new, given.terms.expires)
    send(work, peer, PermitOnward(kept.id, tuple(signed.to_plain())))
    record(
        work,
        "consent.onward-permitted",
        subject=new.id,
        case_id=given.case_id,
        peer_id=peer.node_text,
        scopes=onward.scopes,
        purpose=",".join(onward.purposes),
    )
    return new


def _permitting(work: Work, given: Consent, peer: Peer) -> KeptGrant:
    answer = given.stands(work.now)
    if isinstance(answer, Denied):
        raise RefusedError("The person's consent does not stand; nothing was sent.", answer.reason)
    if not given.terms.is_onward_allowed:
        raise RefusedError(
            "The person did not agree that others refer them onward; nothing was sent.", "onward-not-allowed"
        )
    return _issued(work, given, peer)


def _issued(work: Work, given: Consent, peer: Peer) -> KeptGrant:
    kept = store.issued_grant(work.connection, given.id, peer.node_id)
    if kept is None:
        raise ConflictError("Nothing was shared with this organisation under this consent. Refer first.")
    return kept


def _onward(work: Work, kept: KeptGrant, holder: Peer, cut: Ceilings) -> Onward:
    salt = secrets.token_hex(SALT_BYTES)
    return Onward(
        id=new_id(),
        controller=kept.grant.controller,
        holder=holder.node_text,
        scopes=cut.scopes,
        purposes=cut.purposes,
        created=seconds(work.now),
        expires=kept.grant.expires,
        classes=cut.kinds,
        salt=salt,
        # Sorted: their order would tell in which order the person named them.
        recipients=tuple(sorted(recipient_hash(salt, node) for node in cut.recipients)),
    )


def reachable(work: Work, node_id: bytes) -> Peer:
    """Return a peer that something may be signed for now, or say why nothing may."""
    peer_store.lock(work.connection, node_id)
    peer = peer_store.find(work.connection, node_id)
    if peer is None or not peer.is_exchanged_with:
        raise RefusedError(
            "This organisation's node is not verified, or is blocked; compare its fingerprint first.",
            "peer-not-pinned",
        )
    refuse_while_restoring(work, node_id)
    return peer


def send(work: Work, peer: Peer, body: Body) -> None:
    """Queue a message about passing on, in a thread of its own; it names no person."""
    key = ((own_key(work),),)
    queue(work, Draft(peer, secrets.token_bytes(16), Content(body), key, work.now + MESSAGE_LIFE))


def permissions_of_case(work: Work, case_id: str) -> list[KeptPermission]:
    """Return the permissions about a case: given, received, and shown by who referred the person here."""
    require(work.actor, "consent.read")
    return onward_store.of_case(work.connection, case_id)


def given_permission(work: Work, onward_id: str) -> KeptPermission:
    """Return a permission that this node gave, for somebody who may end it."""
    require(work.actor, "consent.withdraw")
    found = onward_store.find_permission(work.connection, onward_id, way="out")
    if found is None:
        raise NotFoundError("There is no permission of this id.")
    return found


def uses(work: Work, permissions: Iterable[KeptPermission]) -> list[Passing]:
    """Return what holders told of permissions that this node gave."""
    require(work.actor, "consent.read")
    given = {each.id for each in permissions if each.way == "out"}
    return onward_store.passings(work.connection, "in", given) if given else []


def notice_handler() -> Handler:
    """Return what a holder's notice does here."""
    return Handler(apply=_hear, part_keys=keys_of)


def keys_of(work: Work, incoming: Incoming) -> tuple[tuple[bytes, ...], ...]:
    """Keep messages about passing on under the node's own key: no person is in them."""
    return ((own_key(work),),) * len(incoming.message.parts)


def _hear(work: Work, incoming: Incoming) -> None:
    body, holder = incoming.content.body, incoming.peer
    if not isinstance(body, NoticeOnward):
        raise MalformedError("a notice has another form")
    kept = onward_store.find_permission(work.connection, body.onward, way="out")
    if kept is None or kept.peer != holder.node_id:
        # A stranger learns no more than that the permission is not its own.
        raise RefusedError("This permission was given to another organisation.", NOT_YOURS)
    told = _told(work, body, holder)
    known = onward_store.find_passing(work.connection, "in", holder.node_id, body.passing)
    if known is None:
        onward_store.add_passing(work.connection, told)
    elif (known.onward_id, known.recipient, known.scopes) != (told.onward_id, told.recipient, told.scopes):
        raise DisclosureError("two uses have one id")
    elif body.outcome:
        onward_store.set_outcome(work.connection, told, body.outcome, work.now)
    record(
        work,
        "consent.onward-told",
        subject=body.onward,
        case_id=kept.case_id,
        peer_id=holder.node_text,
        scopes=body.scopes,
        detail={"recipient": body.recipient or "not-visible", "outcome": body.outcome},
    )


def _told(work: Work, body: NoticeOnward, holder: Peer) -> Passing:
    return Passing(
        direction="in",
        peer=holder.node_id,
        passing=body.passing,
        onward_id=body.onward,
        recipient=bytes.fromhex(body.recipient),
        scopes=body.scopes,
        expires_at=EPOCH + timedelta(seconds=body.expires),
        told_at=work.now,
        outcome=body.outcome,
        outcome_at=work.now if body.outcome else None,
    )
