"""Peers, and the audit log for auditors."""

from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime

from iars_node.api.bodies.others import AuditEvent, AuditPage, PeerHead, PeerList
from iars_node.api.callers import CallerParam
from iars_node.api.operations import Topic
from iars_node.audit import record
from iars_node.audit.model import AuditFilter, RecordedEvent
from iars_node.audit.store import page
from iars_node.peers.model import Peer
from iars_node.peers.service import every

peers = Topic("Peers")
audit_log = Topic("Audit log")

ShortText = Annotated[str, Query(max_length=64)]


@peers.read("/peers", "peer.read")
def list_peers(caller: CallerParam) -> PeerList:
    """List the other organisations' nodes that are known here."""
    with caller.work() as work:
        return PeerList(peers=[_peer(one) for one in every(work)])


@audit_log.read("/audit", "audit.read")
def read_audit_log(  # noqa: PLR0913 - a reader narrows by these, all by name
    caller: CallerParam,
    *,
    case_id: ShortText = "",
    referral_id: ShortText = "",
    actor_id: ShortText = "",
    peer_id: ShortText = "",
    action: ShortText = "",
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: Annotated[int | None, Query(ge=0)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> AuditPage:
    """Read the audit log, the newest events first; `action` may be a prefix such as `exchange.`."""
    with caller.work() as work:
        filters = AuditFilter(case_id, referral_id, actor_id, peer_id, action, since, until)
        found = page(work.connection, filters, cursor, limit)
        record(work, "audit.read", detail={"count": len(found.events)})
        return AuditPage(events=[_event(one) for one in found.events], cursor=found.next_cursor)


def _peer(one: Peer) -> PeerHead:
    return PeerHead(
        node_id=one.node_text,
        names=dict(one.listing.names),
        organisation_type=one.listing.organisation_type,
        country=one.listing.country,
        services=list(one.listing.services),
        trust=one.trust,
        fingerprint=one.fingerprint,
        added_at=one.added_at,
        verified_at=one.verified_at,
        is_exchanged_with=one.is_exchanged_with,
    )


def _event(one: RecordedEvent) -> AuditEvent:
    event = one.event
    return AuditEvent(
        seq=one.seq,
        id=event.id,
        at=event.at,
        actor_kind=event.actor_kind,
        actor_id=event.actor_id,
        action=event.action,
        purpose=event.purpose,
        case_id=event.case_id,
        referral_id=event.referral_id,
        peer_id=event.peer_id,
        subject=event.subject,
        scopes=list(event.scopes),
        detail=dict(event.detail),
        leaf=one.leaf.hex(),
    )
