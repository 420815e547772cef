"""The holder's side of passing on: take a permission, grant inside its ceilings, tell the origin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.audit.service import record
from iars_node.consent import endings, onward_store, store
from iars_node.consent.model import KeptGrant
from iars_node.consent.onward import NOT_YOURS, keys_of, reachable, send
from iars_node.consent.onward_model import KeptPermission, Passing
from iars_node.consent.service import WITHDRAWN, draft_grant, standing_grant
from iars_node.db import EPOCH, new_id
from iars_node.errors import NotFoundError, RefusedError
from iars_node.exchange.model import Handler
from iars_node.peers import store as peer_store
from iars_node.vault.identity import identity_of, seconds
from iars_protocol import consent as wire
from iars_protocol.consent import Denied, sign
from iars_protocol.errors import DisclosureError, MalformedError
from iars_protocol.messages.onward import NoticeOnward, PermitOnward
from iars_protocol.vocabulary import SERVICES

if TYPE_CHECKING:
    from iars_node.consent.ended import EndedPart
    from iars_node.consent.model import Consent
    from iars_node.consent.onward_model import Way
    from iars_node.exchange.model import Incoming
    from iars_node.peers.model import Peer
    from iars_node.work import Work
    from iars_protocol.consent import Grant, Signed


def permit_handler() -> Handler:
    """Return what a permission does here that an origin gives."""
    return Handler(apply=_take, part_keys=keys_of)


def _take(work: Work, incoming: Incoming) -> None:
    body, origin = incoming.content.body, incoming.peer
    if not isinstance(body, PermitOnward):
        raise MalformedError("a permission has another form")
    onward = wire.verify_issued(body.permission, origin.history, at=seconds(work.now))
    if not isinstance(onward, wire.Onward):
        raise MalformedError("an onward permission is expected")
    if onward.holder != identity_of(work.vault).node_text:
        raise RefusedError("The permission is another organisation's.", "onward-holder")
    kept = store.find_grant(work.connection, body.grant)
    if kept is not None and (kept.direction != "in" or kept.peer != origin.node_id):
        raise RefusedError("The grant is another organisation's.", NOT_YOURS)
    known = onward_store.find_permission(work.connection, onward.id)
    if known is not None:
        if known.signed.body != body.permission.body or known.grant_id != body.grant:
            raise DisclosureError("two permissions have one id")
        return
    _keep(work, "in", origin, body.grant, body.permission, onward)
    record(
        work,
        "consent.onward-received",
        subject=onward.id,
        case_id="" if kept is None else kept.case_id,
        peer_id=origin.node_text,
        scopes=onward.scopes,
        purpose=",".join(onward.purposes),
    )


def _keep(  # noqa: PLR0913, PLR0917 - a permission has these pieces
    work: Work, way: Way, origin: Peer, grant_id: str, signed: Signed, onward: wire.Onward
) -> None:
    new = KeptPermission(
        onward.id,
        way,
        origin.node_id,
        grant_id,
        "",
        "",
        onward,
        signed,
        work.now,
    )
    onward_store.add_permission(work.connection, new, EPOCH + timedelta(seconds=onward.expires))


def keep_shown(work: Work, origin: Peer, grant: Grant, signed: Signed, onward: wire.Onward) -> None:
    """Keep the permission that came with an onward offer: it says whose person this is."""
    if onward_store.find_permission(work.connection, onward.id, grant_id=grant.id) is None:
        _keep(work, "via", origin, grant.id, signed, onward)


@dataclass(frozen=True, slots=True)
class Usable:
    """A permission that may be used now: what of it ended, and the grant under which the person came."""

    kept: KeptPermission
    ended: tuple[EndedPart, ...]
    source: KeptGrant

    def allows(self, scope: str, purpose: str) -> bool:
        """Say whether a scope may be passed on for a purpose: neither end has been withdrawn."""
        is_ended = any(part.touches(scope=scope, purpose=purpose) for part in self.ended)
        return not is_ended and not self.source.has_ended(scope, purpose)


def usable(work: Work, onward_id: str, case_id: str) -> Usable:
    """Return a permission to be used for a case, or say why it can't be."""
    kept = onward_store.find_permission(work.connection, onward_id, way="in")
    if kept is None or kept.case_id != case_id or not case_id:
        raise NotFoundError("There is no such permission for this case.")
    source = store.find_grant(work.connection, kept.grant_id)
    if source is None:
        raise NotFoundError("There is no such permission for this case.")
    ended = endings.withdrawn_before(work.connection, "onward", kept.id, kept.peer)
    if source.ended_at is not None or any(part.touches(scope="", purpose="") for part in ended):
        raise RefusedError("The permission was withdrawn; nothing was sent.", WITHDRAWN)
    if seconds(work.now) >= min(kept.onward.expires, source.grant.expires):
        raise RefusedError("The permission has expired; nothing was sent.", "onward-expired")
    return Usable(kept, ended, source)


def grant_to_show(work: Work, given: Consent, peer: Peer, service: str, use: Usable) -> Grant:
    """Return what an onward referral would go out under, unsigned where it was not needed yet."""
    known = store.issued_grant(work.connection, given.id, peer.node_id, use.kept.id)
    if known is None:
        return _draft(work, given, peer, service, use)
    _refuse_other_purpose(known.grant, service)
    return standing_grant(known, service)


def grant_under(work: Work, given: Consent, peer: Peer, service: str, use: Usable) -> KeptGrant:
    """Return this node's own grant inside a permission's ceilings; sign and keep it the first time."""
    known = store.issued_grant(work.connection, given.id, peer.node_id, use.kept.id)
    if known is not None:
        _refuse_other_purpose(known.grant, service)
        _refuse_outside(work, known.grant, peer, use)
        return known
    grant = _draft(work, given, peer, service, use)
    signed = sign(grant, identity_of(work.vault).signing)
    ended = tuple(part for part in given.ended if part.node in ("", peer.node_text))
    kept = KeptGrant(
        grant.id, "out", peer.node_id, given.id, given.case_id, grant, signed, work.now, ended=ended
    )
    store.add_grant(work.connection, kept, EPOCH + timedelta(seconds=grant.expires))
    return kept


def _draft(work: Work, given: Consent, peer: Peer, service: str, use: Usable) -> Grant:
    ceilings = use.kept.onward
    whole = draft_grant(work, given, peer)
    purpose = SERVICES[service].purpose
    scopes = tuple(
        scope for scope in whole.scopes if scope.code in ceilings.scopes and use.allows(scope.code, purpose)
    )
    grant = replace(
        whole,
        id=new_id(),
        created=seconds(work.now),
        # A grant is for each of its scopes and each of its purposes: what was withdrawn for one purpose must
        # not come back by way of another. That one gets a grant of its own, with the person's next word.
        purposes=tuple(
            code
            for code in whole.purposes
            if code in ceilings.purposes
            and all(use.allows(scope, code) for scope in ("services", *(each.code for each in scopes)))
        ),
        scopes=scopes,
        expires=min(whole.expires, ceilings.expires, use.source.grant.expires),
        onward=use.kept.id,
    )
    _refuse_other_purpose(grant, service)
    if "services" not in grant.codes():
        raise RefusedError("The permission does not reach as far; nothing was sent.", "onward-scope")
    _refuse_outside(work, grant, peer, use)
    return grant


def _refuse_other_purpose(grant: Grant, service: str) -> None:
    # The permission may be for fewer purposes than what the person said here.
    if SERVICES[service].purpose not in grant.purposes:
        raise RefusedError("The permission is not for this service; nothing was sent.", "onward-purpose")


def _refuse_outside(work: Work, grant: Grant, peer: Peer, use: Usable) -> None:
    """Hold one's own grant against the ceilings by the same rule as its recipient will."""
    if peer.node_id == use.kept.peer:
        # Back to the origin is no passing on: it has what it shared.
        raise RefusedError("The permission is this organisation's own; nothing was sent.", "onward-recipient")
    answer = use.kept.onward.permits(grant, peer.listing.organisation_type, seconds(work.now))
    if isinstance(answer, Denied):
        raise RefusedError("The permission does not cover this; nothing was sent.", answer.reason)


def tell_origin(work: Work, kept: KeptGrant, use: Usable, *, names: bool) -> None:
    """Tell the origin, before the offer, of the passing on; it `names` nobody where the person objects."""
    origin = use.kept.peer
    if onward_store.find_passing(work.connection, "out", origin, kept.id) is not None:
        return
    peer = reachable(work, origin)
    told = Passing(
        direction="out",
        peer=origin,
        passing=kept.id,
        onward_id=use.kept.id,
        recipient=kept.peer if names else b"",
        scopes=tuple(scope.code for scope in kept.grant.scopes) if names else (),
        expires_at=EPOCH + timedelta(seconds=kept.grant.expires),
        told_at=work.now,
    )
    onward_store.add_passing(work.connection, told)
    send(work, peer, _notice(told))
    record(
        work,
        "consent.onward-noticed",
        subject=use.kept.id,
        case_id=kept.case_id,
        peer_id=origin.hex(),
        scopes=told.scopes,
        detail={"named": int(names)},
    )


def _notice(told: Passing, outcome: str = "") -> NoticeOnward:
    return NoticeOnward(
        onward=told.onward_id,
        passing=told.passing,
        expires=seconds(told.expires_at),
        recipient=told.recipient.hex(),
        scopes=told.scopes,
        outcome=outcome,
    )


def told_of(work: Work, kept: KeptGrant) -> Passing | None:
    """Return what the origin was told of a grant that this node issued under its permission."""
    permission = onward_store.find_permission(work.connection, kept.grant.onward, way="in")
    if permission is None:
        return None
    return onward_store.find_passing(work.connection, "out", permission.peer, kept.id)


def tell_outcome(work: Work, origin: Peer, told: Passing, outcome: str) -> None:
    """Tell the origin what the next recipient has stated about the end of what was passed on to it."""
    peer_store.lock(work.connection, origin.node_id)
    onward_store.set_outcome(work.connection, told, outcome, work.now)
    send(work, origin, _notice(told, outcome))
