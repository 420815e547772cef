"""Attachments, peers and the audit log as other systems read them."""

from typing import Any

from pydantic import AwareDatetime, Field

from iars_node.api.bodies.base import ATTACHMENT, CASE, MORNING, NODE, PERSON, Body, Id, NodeId, example

_ATTACHMENT: dict[str, Any] = {
    "id": ATTACHMENT,
    "case_id": CASE,
    "scope": "identity",
    "source": "own",
    "state": "stored",
    "created_at": MORNING,
    "created_by": PERSON,
    "name": "passport.pdf",
    "media_type": "application/pdf",
    "size": 48211,
}


class AttachmentHead(Body, json_schema_extra=example(**_ATTACHMENT)):
    """An attachment of a case. Name, type and size are null while it is locked and once it is erased."""

    id: Id
    case_id: Id
    scope: str
    source: str
    state: str
    created_at: AwareDatetime
    created_by: str
    name: str | None = Field(repr=False)
    media_type: str | None
    size: int | None


class AttachmentList(Body, json_schema_extra=example(attachments=[_ATTACHMENT])):
    """A case's attachments in the scopes that were asked for."""

    attachments: list[AttachmentHead]


_PEER: dict[str, Any] = {
    "node_id": NODE,
    "names": {"en": "Mission of the Lake"},
    "organisation_type": "NGO",
    "country": "AL",
    "services": ["MED-SCREEN", "MED-CARE"],
    "trust": "pinned",
    "fingerprint": "04182 77310 52944 60071",
    "added_at": MORNING,
    "verified_at": MORNING,
    "is_exchanged_with": True,
}


class PeerHead(Body, json_schema_extra=example(**_PEER)):
    """Another organisation's node, as it presents itself and as it is trusted here."""

    node_id: NodeId
    names: dict[str, str]
    organisation_type: str
    country: str
    services: list[str]
    trust: str
    fingerprint: str
    added_at: AwareDatetime
    verified_at: AwareDatetime | None
    is_exchanged_with: bool


class PeerList(Body, json_schema_extra=example(peers=[_PEER])):
    """Every known node, the first added first."""

    peers: list[PeerHead]


_EVENT: dict[str, Any] = {
    "seq": 4711,
    "id": "1b" * 16,
    "at": MORNING,
    "actor_kind": "account",
    "actor_id": PERSON,
    "action": "case.read",
    "purpose": "",
    "case_id": CASE,
    "referral_id": "",
    "peer_id": "",
    "subject": "",
    "scopes": ["identity"],
    "detail": {},
    "leaf": "c4" * 32,
}


class AuditEvent(Body, json_schema_extra=example(**_EVENT)):
    """One event: who did what, when, to which record; and the leaf hash of its salted commitment."""

    seq: int
    id: Id
    at: AwareDatetime
    actor_kind: str
    actor_id: str
    action: str
    purpose: str
    case_id: str
    referral_id: str
    peer_id: str
    subject: str
    scopes: list[str]
    detail: dict[str, str | int]
    leaf: str


class AuditPage(Body, json_schema_extra=example(events=[_EVENT], cursor=4711)):
    """A page of the audit log, the newest first, and the cursor of the next."""

    events: list[AuditEvent]
    cursor: int | None
