"""Recovering: our own steps that a restored database has forgotten, given back by the other side."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.cases.service import open_received_case, receive_scope
from iars_node.consent import onward_store
from iars_node.consent import service as consents
from iars_node.consent import store as consent_store
from iars_node.consent.model import KeptGrant
from iars_node.db import EPOCH
from iars_node.exchange import messages, streams
from iars_node.exchange.model import OUT
from iars_node.referrals import store
from iars_node.referrals.model import CONSENT_LOST, IN, Referral, Step, is_to_be_erased, replay
from iars_node.referrals.service import answering, disclosing, receiving, steps
from iars_node.vault.content_keys import key_for
from iars_node.vault.identity import identity_of
from iars_protocol import consent as wire
from iars_protocol.errors import MalformedError
from iars_protocol.messages.referral import Offer
from iars_protocol.referral import ACCEPTANCES, TRANSITIONS

if TYPE_CHECKING:
    from iars_node.exchange.returning import Recover
    from iars_node.peers.model import Peer
    from iars_node.vault.model import OwnerKind
    from iars_node.work import Work
    from iars_protocol.consent import Grant
    from iars_protocol.content import Content
    from iars_protocol.envelope import Message

RESTORED = "restored"
"""Stands as the actor of a step whose account the restored database does not know."""


def recoveries() -> dict[str, Recover]:
    """Return how each step of ours is taken back."""
    return {**dict.fromkeys(TRANSITIONS, recover_step), Offer.type: recover_offer}


def recover_offer(work: Work, peer: Peer, message: Message, content: Content) -> None:
    """Take back a referral that this node sent after its backup was made."""
    offer, signed = content.body, content.grant
    if not isinstance(offer, Offer) or signed is None or not isinstance(signed.content, wire.Grant):
        raise MalformedError("a returned offer has another form")
    if store.find(work.connection, message.header.thread.hex()) is not None:
        return
    kept = _grant(work, peer, signed, signed.content)
    returned = _referral(peer, message, offer, kept)
    store.add(work.connection, returned)
    if kept.consent_id:
        _prepare_disclosure(work, returned, kept.grant)
    else:
        # The consent itself was recorded after the backup: somebody has to enter it again from paper.
        store.change(work.connection, returned.id, problem=CONSENT_LOST)
    recover_step(work, peer, message, content)


def _prepare_disclosure(work: Work, returned: Referral, grant: Grant) -> None:
    # What waited for acceptance is lost with the database; the case as it is now stands in for it.
    known = disclosing.material(work, returned.case_id)
    disclosing.put_snapshot(work, returned, disclosing.cut_parts(known.record, grant, "acceptance"), known)


def _grant(work: Work, peer: Peer, signed: wire.Signed, grant: Grant) -> KeptGrant:
    known = consent_store.find_grant(work.connection, grant.id)
    if known is not None:
        return known
    given = consents.consent_behind(work, grant, peer)
    case_id = consent_store.case_of_subject(work.connection, peer.node_id, grant.subject)
    if given is not None:
        case_id = given.case_id
    if not case_id and grant.onward:
        permission = onward_store.find_permission(work.connection, grant.onward, way="in")
        case_id = "" if permission is None else permission.case_id
    if not case_id:
        case_id = open_received_case(work).id
    consent_id = "" if given is None else given.id
    kept = KeptGrant(grant.id, "out", peer.node_id, consent_id, case_id, grant, signed, work.now)
    consent_store.add_grant(work.connection, kept, EPOCH + timedelta(seconds=grant.expires))
    return kept


def _referral(peer: Peer, message: Message, offer: Offer, kept: KeptGrant) -> Referral:
    created = EPOCH + timedelta(seconds=message.header.created)
    return Referral(
        id=message.header.thread.hex(),
        reference=offer.reference,
        direction=OUT,
        peer=peer.node_id,
        case_id=kept.case_id,
        consent_id=kept.consent_id,
        grant_id=kept.id,
        subject=kept.grant.subject,
        kind="handover" if offer.kind == "handover" else "service",
        service=offer.service,
        priority=offer.priority,
        state="draft",
        respond_by=EPOCH + timedelta(seconds=offer.respond_by),
        created_at=created,
        updated_at=created,
        answered_at=None,
        closed_at=None,
        reason="",
        problem="",
        author=RESTORED,
        is_disclosed=False,
        together=offer.together,
    )


def recover_step(work: Work, peer: Peer, message: Message, content: Content) -> None:
    """Take back a step: its message, its place in the thread, what it disclosed, the state it led to."""
    current = store.find(work.connection, message.header.thread.hex())
    if current is None:
        return
    if message.header.type in ACCEPTANCES:
        current = _open_case(work, current)
    _keep(work, peer, current, message, content)
    kept = consents.kept_grant(work, current.grant_id)
    if current.direction == OUT and not kept.consent_id:
        for part in content.scopes:
            receive_scope(
                work, current.case_id, part.scope, kept.id, part.fields, by=identity_of(work.vault).node_text
            )
    step = Step(
        at=EPOCH + timedelta(seconds=message.header.created),
        type=message.header.type,
        side=current.side,
        actor=RESTORED,
        message=message.id.hex(),
        seen=message.header.seen.hex(),
        state_after=current.state,
        reason=getattr(content.body, "reason", ""),
        is_refused=False,
    )
    store.add_step(work.connection, current.id, step)
    state = replay(store.steps(work.connection, current.id))
    moved = steps.move(work, current, state, step.type, step.reason)
    if is_to_be_erased(moved):
        # The job that would have erased it is forgotten with the step, and the peer gives the content back.
        answering.erase_received(work, moved)
    if step.type == "referral.disclose/1":
        store.change(work.connection, current.id, is_disclosed=True)
        store.drop_snapshot(work.connection, current.id)


def _open_case(work: Work, accepted: Referral) -> Referral:
    """Open the case that was opened at the acceptance and lost, with what had come before."""
    if accepted.direction != IN or accepted.case_id:
        return accepted
    known = store.case_of_subject(work.connection, accepted.peer, accepted.subject)
    return receiving.put_into_case(work, accepted, known or open_received_case(work, stage="received").id)


def _keep(work: Work, peer: Peer, current: Referral, message: Message, content: Content) -> None:
    source = "own" if current.direction == OUT else current.grant_id
    named = (disclosing.message_key(work, current.id, source),)
    carried = len(message.parts) - len(content.scopes)
    kind: OwnerKind = "case" if current.case_id else "referral"
    owner = current.case_id or current.id
    scoped = tuple(
        (key_for(work.connection, work.vault, kind, owner, part.scope, "own"),) for part in content.scopes
    )
    keys = messages.without_erased(work.vault, (named,) * carried + scoped)
    messages.keep(work, message, direction=OUT, peer=peer.node_id, part_keys=keys)
    messages.set_head(work, message.header.thread, identity_of(work.vault).node_id, message.id)
    streams.remember_out(work, peer.node_id, message.header.stream, message.header.number, message.id)
