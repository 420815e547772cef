"""Sound protocol objects made from fixed seeds, for every test that needs one to start from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from iars_protocol import consent, keys
from iars_protocol.consent import Grant, Onward, ScopeGrant, Withdrawal
from iars_protocol.content import Content
from iars_protocol.crypto import EncryptionKey, SigningKey
from iars_protocol.envelope import NO_HASH, Header, Message, sign_message
from iars_protocol.keys import KeyHistory, Statement, commitment, hop_content, read_history, state
from iars_protocol.listing import Listing, SignedListing, sign_listing
from iars_protocol.messages.referral import Offer
from iars_protocol.parts import Part, ScopePart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_protocol.messages.registry import Body
    from iars_protocol.record import Record

START = 1_770_000_000
DAY = 86_400
ROLES = ("root", "next_root", "signing", "log", "hop", "encryption", "spare", "later")


def seed(name: str) -> bytes:
    """Return 32 bytes that everybody can make again from a name."""
    return hashlib.sha256(name.encode()).digest()


@dataclass(frozen=True)
class Node:
    """A node with all its private keys, which belong to nobody."""

    name: str
    statements: tuple[Statement, ...]
    history: KeyHistory

    @property
    def id(self) -> bytes:
        return self.history.node_id

    @property
    def text(self) -> str:
        return self.id.hex()

    def key(self, role: str) -> SigningKey:
        return SigningKey(seed(f"{self.name} {role}"))

    @property
    def signing(self) -> SigningKey:
        return self.key("signing")

    @property
    def encryption(self) -> EncryptionKey:
        return EncryptionKey(seed(f"{self.name} encryption"))

    def with_statement(self, kind: str, content: dict[str, Any], role: str, *, created: int = START) -> Node:
        added = state(kind, content, key=self.key(role), previous=self.statements, created=created)
        statements = (*self.statements, added)
        return replace(self, statements=statements, history=read_history(statements))


@cache
def node(name: str) -> Node:
    """Return a node with one key in each role and one endpoint."""
    key = {role: SigningKey(seed(f"{name} {role}")) for role in ROLES}
    statements: list[Statement] = []

    def add(kind: str, content: dict[str, Any], role: str) -> None:
        statements.append(state(kind, content, key=key[role], previous=statements, created=START))

    add(
        keys.INCEPTION, {"root": key["root"].public, "next_root": commitment(key["next_root"].public)}, "root"
    )
    add(keys.DELEGATION, {"role": "signing", "key": key["signing"].public}, "root")
    add(keys.DELEGATION, {"role": "log", "key": key["log"].public}, "root")
    add(keys.HOP_KEY, hop_content(read_history(statements).node_id, key["hop"]), "signing")
    add(keys.ENDPOINT, {"urls": [f"https://{name}.example"]}, "signing")
    encryption = {
        "key": EncryptionKey(seed(f"{name} encryption")).public,
        "seal_until": START + keys.SEAL_SECONDS,
        "destroy_after": START + keys.SEAL_SECONDS + keys.HOLD_SECONDS,
    }
    add(keys.ENCRYPTION_KEY, encryption, "signing")
    return Node(name, tuple(statements), read_history(statements))


SHELTER = node("shelter")
MISSION = node("mission")
STRANGER = node("stranger")


def listing(of: Node = SHELTER, **changes: Any) -> Listing:
    """Return a listing of a node."""
    plain = Listing(
        node=of.text,
        number=1,
        created=START,
        names={"en": "The Shelter", "sq": "Strehëza"},
        organisation_type="NGO",
        country="AL",
        zone="Europe/Tirane",
        languages=("sq", "en"),
        services=("SHELTER", "MED-SCREEN"),
    )
    return replace(plain, **changes)


def signed_listing(of: Node = SHELTER, **changes: Any) -> SignedListing:
    """Return a node's signed listing."""
    return sign_listing(listing(of, **changes), of.statements, of.signing)


def grant(controller: Node = SHELTER, recipient: Node = MISSION, **changes: Any) -> Grant:
    """Return a grant for services at the offer, and for a part of demographics and identity on acceptance."""
    plain = Grant(
        id="01" * 16,
        controller=controller.text,
        recipient=recipient.text,
        subject="02" * 16,
        purposes=("assistance",),
        scopes=(
            ScopeGrant("services", "offer"),
            ScopeGrant(
                "demographics", "acceptance", at_offer=("age_band", "track"), withheld=("citizenships",)
            ),
            ScopeGrant("identity", "acceptance", only=("given_name", "birth_date")),
        ),
        created=START,
        not_before=START,
        expires=START + 90 * DAY,
        retention_days=365,
        notice_language="sq",
        feedback=("services",),
    )
    return replace(plain, **changes)


def onward(controller: Node = SHELTER, holder: Node = MISSION, **changes: Any) -> Onward:
    """Return an onward permission for NGOs."""
    plain = Onward(
        id="03" * 16,
        controller=controller.text,
        holder=holder.text,
        scopes=("services", "demographics"),
        purposes=("assistance", "follow-up"),
        created=START,
        expires=START + 60 * DAY,
        classes=("NGO",),
        salt="04" * 16,
    )
    return replace(plain, **changes)


def withdrawal(controller: Node = SHELTER, **changes: Any) -> Withdrawal:
    """Return a withdrawal of the grant."""
    return replace(Withdrawal("05" * 16, controller.text, START + DAY, grants=("01" * 16,)), **changes)


RECORD: Record = {
    "services": {"needs": [{"service": "MED-SCREEN", "priority": "urgent"}], "constraints": ["ground floor"]},
    "demographics": {"age_band": "21-23", "track": "national", "gender": "Feminine", "citizenships": ["AL"]},
    "identity": {"given_name": "Mira", "family_name": "Example", "birth_date": "2003~"},
    "medical": {"conditions": ["asthma"]},
}


def salted(content: Content) -> tuple[Part, ...]:
    """Return the parts of a content with salts that everybody can make again."""
    return tuple(
        Part(seed(f"salt {position}"), part.content) for position, part in enumerate(content.to_parts())
    )


OFFER = Offer("service", "MED-SCREEN", "urgent", "MS-4821", START + 3 * DAY)


def offer(scopes: Sequence[ScopePart] = (), given: Grant | None = None) -> Content:
    """Return the content of an offer with its grant."""
    return Content(OFFER, consent.sign(given or grant(), SHELTER.signing), None, tuple(scopes))


def header(sender: Node = SHELTER, recipient: Node = MISSION, **changes: Any) -> Header:
    """Return a header; `sign_message` fills in the signing key and the parts."""
    plain = Header(
        type="referral.offer/1",
        sender=sender.id,
        recipient=recipient.id,
        signing_key=NO_HASH,
        sealing_key=recipient.encryption.key_id,
        thread=bytes.fromhex("06" * 16),
        previous=NO_HASH,
        seen=NO_HASH,
        stream=bytes.fromhex("07" * 16),
        number=1,
        created=START,
        expires=START + 30 * DAY,
        grant=NO_HASH,
        parts=(),
    )
    return replace(plain, **changes)


def message(
    content: Content | None = None,
    sender: Node = SHELTER,
    recipient: Node = MISSION,
    **changes: Any,
) -> Message:
    """Return a signed message; an offer where nothing else is said."""
    held = content or offer([ScopePart("services", dict(RECORD["services"]))])
    named = {"type": held.body.type, "grant": held.grant.hash if held.grant else NO_HASH, **changes}
    return sign_message(header(sender, recipient, **named), salted(held), sender.signing)


def of_body(body: Body, **changes: Any) -> Message:
    """Return a signed message that carries a body only."""
    return message(Content(body), **changes)
