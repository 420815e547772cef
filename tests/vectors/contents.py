"""Vectors of § 10.1: what a message's parts say together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iars_protocol import consent
from iars_protocol.content import Content
from iars_protocol.encoding import encode
from iars_protocol.envelope import sign_message
from iars_protocol.messages.referral import Note
from iars_protocol.parts import Part
from iars_protocol.returned import Returned
from tests.specimens import SHELTER, STRANGER, grant, message, onward, salted, seed, withdrawal
from tests.vectors.cases import Group
from tests.vectors.exchange import MESSAGE, SCOPES

if TYPE_CHECKING:
    from iars_protocol.envelope import Message

GRANT = MESSAGE.header.grant
ONWARD_GRANT = consent.sign(grant(onward="03" * 16), SHELTER.signing)
ENDED = consent.sign(withdrawal(), SHELTER.signing)


def _passed_on() -> Part:
    return Part(bytes(32), encode({"part": "grant", "signed": ONWARD_GRANT.to_plain()}))


def _permission() -> Part:
    signed = consent.sign(onward(STRANGER, SHELTER), STRANGER.signing)
    return Part(bytes(32), encode({"part": "onward", "signed": signed.to_plain()}))


def contents() -> Group:
    group = Group("10.1-contents", "10.1", "read-content")
    group.add("an offer with its grant", message=MESSAGE.to_bytes())
    group.add("a note without content", message=message(Content(Note()), grant=GRANT).to_bytes())
    body, given, services, demographics = MESSAGE.parts
    note = list(salted(Content(Note(), None, None, SCOPES[:1])))

    def add(name: str, expect: str, pieces: list[Part], **changes: Any) -> None:
        made: Message = sign_message(replace(MESSAGE.header, **changes), pieces, SHELTER.signing)
        group.add(name, expect, message=made.to_bytes())

    add("no body", "malformed", [given, services])
    whole = Returned(MESSAGE.header_bytes, MESSAGE.signature, MESSAGE.parts)
    for name, expect, left in (
        ("an offer of which a scope was taken out", "ok", (body, given, None, demographics)),
        ("an offer of which every scope was taken out", "ok", (body, given, None, None)),
        ("an offer of which the grant was taken out", "malformed", (body, None, services, demographics)),
        ("an offer of which the body was taken out", "ok", (None, given, services, demographics)),
        ("an offer of which only its header left", "ok", (None,) * 4),
    ):
        group.add(name, expect, message=replace(whole, parts=left).to_bytes())
    add("the grant behind the scopes", "malformed", [body, services, given])
    twice = replace(services, salt=seed("another salt"))
    add("a scope twice", "malformed", [body, given, services, twice])
    add("a part of another kind", "malformed", [body, Part(bytes(32), encode({"part": "gift"}))])
    add("a header that names another grant", "malformed", [body, given, demographics], grant=bytes(32))
    add("an offer without its grant", "malformed", [body, services])
    add("a grant in a note", "malformed", [note[0], given], type="referral.note/1")
    add("a note's scopes without a grant", "malformed", note, type="referral.note/1", grant=b"")
    add("a permission that its grant does not name", "malformed", [body, given, _permission()])
    passed = _passed_on()
    add("an onward offer", "ok", [body, passed, _permission()], grant=ONWARD_GRANT.hash)
    add("an onward offer without its permission", "malformed", [body, passed], grant=ONWARD_GRANT.hash)
    withdrawn = Part(bytes(32), encode({"part": "grant", "signed": ENDED.to_plain()}))
    add("a withdrawal in the place of a grant", "malformed", [body, withdrawn], grant=ENDED.hash)
    twins = replace(_permission(), salt=seed("other"))
    add("two permissions", "malformed", [body, passed, _permission(), twins], grant=ONWARD_GRANT.hash)
    add("another type", "unsupported-version", [body, given, services], type="referral.offer/9")
    admin = message(Content(Note()), type="listing.announce/1", grant=b"")
    group.add("another type's body", "malformed", message=admin.to_bytes())
    return group


def groups() -> list[Group]:
    """Return every group of this section."""
    return [contents()]
