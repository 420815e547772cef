"""Listings: how a node presents its organisation to others (SPEC § 4.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iars_protocol import fields
from iars_protocol.crypto import SIGNATURE_BYTES, SigningKey, verify
from iars_protocol.encoding import decode, decode_json, encode, encode_json
from iars_protocol.errors import MalformedError, SignatureError, UnsupportedVersionError
from iars_protocol.keys import KeyHistory, Statement, merge, read_history
from iars_protocol.vocabulary import ORGANISATION_TYPES, SERVICES

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGN_PURPOSE = "iars/1/listing"
TYPE = "listing/1"
MOST_NAMES = 20
MAX_LISTING = 512 * 1024

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")

_NAMES = frozenset(
    {"type", "node", "number", "created", "names", "organisation_type", "country", "zone", "languages",
     "services", "training"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listing:
    """An organisation as it presents itself. `names` maps language codes to its name; `number` only grows."""

    node: str
    number: int
    created: int
    names: dict[str, str]
    organisation_type: str
    country: str
    zone: str
    languages: tuple[str, ...]
    services: tuple[str, ...]
    training: bool = False

    def name(self, language: str = "en") -> str:
        """Return the organisation's name in a language, or in the first one that it gives."""
        return self.names.get(language) or next(iter(self.names.values()))

    def to_json(self) -> dict[str, Any]:
        """Return the object that is signed as canonical JSON."""
        return {
            "type": TYPE,
            "node": self.node,
            "number": self.number,
            "created": self.created,
            "names": self.names,
            "organisation_type": self.organisation_type,
            "country": self.country,
            "zone": self.zone,
            "languages": list(self.languages),
            "services": list(self.services),
            "training": self.training,
        }


@dataclass(frozen=True)
class SignedListing:
    """A listing's exact bytes, its signature, and the key history that proves whose it is."""

    body: bytes
    key_id: bytes
    signature: bytes
    statements: tuple[Statement, ...]

    def to_bytes(self) -> bytes:
        """Return the form that is exchanged by file, address or message."""
        return encode(
            [TYPE, self.body, self.key_id, self.signature, [entry.to_plain() for entry in self.statements]]
        )


def sign_listing(listing: Listing, history: Sequence[Statement], key: SigningKey) -> SignedListing:
    """Sign a listing and attach the key history (SPEC § 4.5), or raise MalformedError if unreadable."""
    body = encode_json(listing.to_json())
    _read(body)
    return SignedListing(body, key.key_id, key.sign(SIGN_PURPOSE, body), tuple(history))


def read_signed_listing(octets: bytes) -> SignedListing:
    """Read a listing from outside without verifying it.

    Raises:
        MalformedError: not the form of SPEC § 4.5.
        UnsupportedVersionError: another version.

    """
    value = decode(octets, MAX_LISTING)
    if type(value) is not list:
        raise MalformedError("a listing is a list")
    if value[:1] != [TYPE]:
        raise UnsupportedVersionError("not a listing of a known version")
    if len(value) != 5:  # noqa: PLR2004 - type, body, key id, signature, statements
        raise MalformedError("a listing has five pieces")
    return SignedListing(
        fields.typed(value[1], bytes, "listing"),
        fields.octets(value[2], 32, "key id"),
        fields.octets(value[3], SIGNATURE_BYTES, "signature"),
        tuple(Statement.from_plain(entry) for entry in fields.typed(value[4], list, "statements")),
    )


def verify_listing(
    signed: SignedListing, *, at: int, known: KeyHistory | None = None
) -> tuple[Listing, KeyHistory]:
    """Verify a listing against its own key history, or against the one already known.

    Args:
        signed: as read from outside.
        at: seconds since 1970; revocations up to then count.
        known: the history pinned earlier; the listing's copy must continue it.

    Returns:
        The listing and the verified history.

    Raises:
        ForkError: the copy contradicts the known history, and the node's own key signed the contradiction.
        SignatureError: another node's listing, or a signature that does not verify.
        MalformedError, UnsupportedVersionError, KeyRefusedError, UnknownKeyError: as SPEC § 4 says.

    """
    history = read_history(signed.statements) if known is None else merge(known, signed.statements)
    verify(history.signing_public(signed.key_id, at=at), SIGN_PURPOSE, signed.body, signed.signature)
    listing = _read(signed.body)
    if bytes.fromhex(listing.node) != history.node_id:
        raise SignatureError("the listing names another node")
    return listing, history


def _read(body: bytes) -> Listing:
    value = decode_json(body)
    if value.get("type") != TYPE:
        raise UnsupportedVersionError("not a listing of a known version")
    fields.mapping(value, _NAMES)
    names = fields.typed(value["names"], dict, "names")
    if not 0 < len(names) <= MOST_NAMES:
        raise MalformedError("names has another form")
    services = fields.texts(value["services"], "services")
    if not frozenset(services) <= frozenset(SERVICES):
        # A service that only a newer version knows is left out here, not a reason to distrust the rest.
        services = tuple(code for code in services if code in SERVICES)
    return Listing(
        node=fields.hexadecimal(value["node"], 32, "node"),
        number=fields.number(value["number"], "number", 1),
        created=fields.time(value["created"], "created"),
        names={
            fields.matching(code, fields.LANGUAGE, "language"): fields.text(name, "name")
            for code, name in names.items()
        },
        organisation_type=fields.known(value["organisation_type"], ORGANISATION_TYPES, "organisation_type"),
        country=fields.matching(value["country"], fields.COUNTRY, "country"),
        zone=fields.matching(value["zone"], _ZONE, "zone"),
        languages=tuple(
            fields.matching(code, fields.LANGUAGE, "languages")
            for code in fields.texts(value["languages"], "languages")
        ),
        services=services,
        training=fields.typed(value["training"], bool, "training"),
    )
