"""A dishonest organisation: it has a node's keys, follows no rule, and writes what it likes on the wire."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx2
from tests.conftest import MORNING

from iars_node.audit import store as audit_store
from iars_node.audit.alarms import open_alarms
from iars_node.db import new_id
from iars_node.exchange import hop
from iars_node.exchange.sending import CBOR, PATH
from iars_node.vault.identity import identity_of, seconds
from iars_node.work import SYSTEM
from iars_protocol.batch import read_answers, write_batch
from iars_protocol.consent import Grant, ScopeGrant, Signed, sign
from iars_protocol.content import Content
from iars_protocol.envelope import Header, Message, open_envelope, read_outer, seal_envelope, sign_message
from iars_protocol.messages.referral import Offer
from iars_protocol.parts import ScopePart
from iars_protocol.receipt import Receipt, read_signed_receipt, verify_receipt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.federation.neighbours import Neighbour

    from iars_protocol.batch import Answer
    from iars_protocol.crypto import SigningKey
    from iars_protocol.parts import Part

MARKER = "Planted-7Qx2-words"
NOW = seconds(MORNING)
DAY = 86_400


@dataclass(frozen=True)
class Heard:
    """What came back from a request, and after how long."""

    status: int
    body: bytes
    seconds: float

    @property
    def hints(self) -> list[str]:
        return [answer.error for answer in read_answers(self.body, 1)]


class Dishonest:
    """Writes to a node whatever a test wants it to."""

    def __init__(self, own: Neighbour, target: Neighbour, url: str) -> None:
        self.own = own
        self.target = target
        self.identity = identity_of(own.node.vault)
        self.history = identity_of(target.node.vault).history
        self.stream = secrets.token_bytes(16)
        self._number = 0
        self._client = httpx2.Client(base_url=url, timeout=30)

    def close(self) -> None:
        self._client.close()

    # -- what is said

    def grant(self, **changes: Any) -> Grant:
        values: dict[str, Any] = {
            "id": new_id(),
            "controller": self.own.id.hex(),
            "recipient": self.target.id.hex(),
            "subject": new_id(),
            "purposes": ("assistance",),
            "scopes": (ScopeGrant("services", "offer"), ScopeGrant("medical", "acceptance")),
            "created": NOW,
            "not_before": NOW,
            "expires": NOW + 30 * DAY,
            "retention_days": 365,
            "notice_language": "ro",
            "feedback": ("services",),
        }
        return Grant(**{**values, **changes})

    def offer(
        self, grant: Grant | None = None, scopes: Sequence[ScopePart] | None = None, **changes: Any
    ) -> Content:
        given = grant or self.grant()
        said = (ScopePart("services", {}, (MARKER,)),) if scopes is None else tuple(scopes)
        values: dict[str, Any] = {
            "kind": "service",
            "service": "MED-SCREEN",
            "priority": "urgent",
            "reference": "R-2345-6789",
            "respond_by": NOW + 3 * DAY,
        }
        return Content(Offer(**{**values, **changes}), self.signed(given), None, said)

    def signed(self, grant: Grant, key: SigningKey | None = None) -> Signed:
        return sign(grant, key or self.identity.signing)

    # -- how it is written

    def header(self, content: Content, parts: Sequence[Part], **changes: Any) -> Header:
        self._number += 1
        header = Header(
            type=content.body.type,
            sender=self.own.id,
            recipient=self.target.id,
            signing_key=self.identity.signing.key_id,
            sealing_key=self.history.sealing_key(at=NOW).key_id,
            thread=secrets.token_bytes(16),
            previous=b"",
            seen=b"",
            stream=self.stream,
            number=self._number,
            created=NOW,
            expires=NOW + DAY,
            grant=b"" if content.grant is None else content.grant.hash,
            parts=tuple(part.hash for part in parts),
        )
        return replace(header, **changes)

    def message(
        self, content: Content | None = None, key: SigningKey | None = None, **changes: Any
    ) -> Message:
        said = content or self.offer()
        parts = said.to_parts()
        return sign_message(self.header(said, parts, **changes), parts, key or self.identity.signing)

    def seal(self, message: Message | bytes) -> bytes:
        inner = message if isinstance(message, bytes) else message.to_bytes()
        return seal_envelope(inner, self.target.id, self.history.sealing_key(at=NOW))

    # -- how it is sent

    def headers(self, body: bytes, **changes: Any) -> dict[str, str]:
        values: dict[str, Any] = {
            "method": "POST",
            "path": PATH,
            "body": body,
            "recipient": self.target.id,
            "now": MORNING,
        }
        key = changes.pop("key", self.identity.hop)
        return hop.sign_request(key, **{**values, **changes}) | {"Content-Type": CBOR}

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> Heard:
        began = time.perf_counter()
        answer = self._client.post(PATH, content=body, headers=headers or self.headers(body))
        return Heard(answer.status_code, answer.content, time.perf_counter() - began)

    def send(self, *envelopes: bytes) -> Heard:
        return self.post(write_batch(list(envelopes)))

    def receipts(self, *messages: Message) -> list[Receipt]:
        """Send messages in one request; return the verified receipts."""
        heard = self.send(*(self.seal(message) for message in messages))
        answers = self.answers(heard, len(messages))
        return [
            self.receipt(answer.receipt, message) for answer, message in zip(answers, messages, strict=True)
        ]

    def opened(self, heard: Heard, message: Message) -> Receipt:
        """Return the receipt for the only message of a request."""
        return self.receipt(self.answers(heard, 1)[0].receipt, message)

    def answers(self, heard: Heard, count: int) -> list[Answer]:
        assert heard.status == 200, heard.body
        return read_answers(heard.body, count)

    def receipt(self, sealed: bytes, message: Message) -> Receipt:
        outer = read_outer(sealed)
        opened = open_envelope(outer, self.own.id, self.identity.encryption[outer.sealing_key])
        return verify_receipt(read_signed_receipt(opened), self.history, message=message.id, at=NOW)


def actions(node: Neighbour) -> set[str]:
    """Return what the audit log tells, and which alarms are open."""
    with node.node.works.read(SYSTEM) as work:
        found = {event.event.action for event in audit_store.every(work.connection)}
        return found | {f"alarm {alarm.kind}" for alarm in open_alarms(work.connection)}
