from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.specimens import (
    DAY,
    MISSION,
    OFFER,
    RECORD,
    SHELTER,
    START,
    STRANGER,
    grant,
    header,
    message,
    offer,
    onward,
    withdrawal,
)

from iars_protocol import parts
from iars_protocol.attachment import sealed_length
from iars_protocol.consent import Allowed, Denied, sign
from iars_protocol.content import Content, check_content, covers_service, read_content
from iars_protocol.encoding import encode
from iars_protocol.envelope import Message, sign_message
from iars_protocol.errors import DisclosureError, FieldError, MalformedError, UnsupportedVersionError
from iars_protocol.messages.administration import AnnounceListing
from iars_protocol.messages.referral import Accept, Note
from iars_protocol.parts import AttachmentPart, Part, ScopePart, read_scope_part

ATTACHED = AttachmentPart(
    "0b" * 16, "letter.pdf", "application/pdf", 5, bytes(32), sealed_length(5), bytes(32)
)
SERVICES = ScopePart("services", dict(RECORD["services"]), ("On the ground floor, please.",), (ATTACHED,))
GRANT = sign(grant(), SHELTER.signing)
PASSED_ON = sign(grant(onward="03" * 16), SHELTER.signing)
PERMITTED = sign(onward(), SHELTER.signing)
ENDED = sign(withdrawal(), SHELTER.signing)


def of_parts(*plains: dict[str, Any], kind: str = "referral.note/1", named: bytes = GRANT.hash) -> Message:
    made = [Part(bytes([n]) * 32, encode(plain)) for n, plain in enumerate(plains)]
    return sign_message(header(type=kind, grant=named), made, SHELTER.signing)


BODY: dict[str, Any] = {"part": "body", "body": {}}
CARRIED = {"part": "grant", "signed": GRANT.to_plain()}
SCOPE = {"part": "scope", "scope": "services", "fields": {}, "texts": [], "attachments": []}


def test_content_comes_out_as_it_went_in() -> None:
    for content in (
        offer([SERVICES, ScopePart("demographics", {"age_band": "21-23"})]),
        Content(OFFER, PASSED_ON, PERMITTED, (SERVICES,)),
        Content(Note(), None, None, (SERVICES,)),
        Content(Accept(remark="With pleasure.")),
    ):
        named = (content.grant or GRANT).hash
        assert read_content(message(content, grant=named)) == content


@pytest.mark.parametrize(
    "content",
    [
        Content(OFFER),
        Content(OFFER, GRANT, PERMITTED),
        Content(OFFER, PASSED_ON),
        Content(OFFER, PERMITTED),
        Content(OFFER, ENDED),
        Content(OFFER, PASSED_ON, GRANT),
        Content(Note(), GRANT),
        Content(Note(), None, PERMITTED),
    ],
)
def test_permissions_go_with_an_offer_each_in_its_place(content: Content) -> None:
    named = (content.grant or GRANT).hash
    with pytest.raises(MalformedError):
        read_content(message(content, grant=named))


@pytest.mark.parametrize(
    "plains",
    [
        (SCOPE,),
        (CARRIED, BODY),
        (BODY, BODY),
        (BODY, SCOPE, CARRIED),
        (BODY, CARRIED, CARRIED),
        (BODY, SCOPE, SCOPE),
        (BODY, {"part": "gift"}),
        (BODY, {"part": []}),
        (BODY, {}),
        ({"part": "body"},),
        ({"part": "body", "body": []},),
        ({"part": "body", "body": {}, "more": 1},),
        (BODY, {"part": "grant"}),
        (BODY, {"part": "grant", "signed": []}),
        (BODY, {"part": "onward", "signed": GRANT.to_plain(), "more": 1}),
        (BODY, SCOPE | {"scope": ""}),
        (BODY, SCOPE | {"scope": "Mira!"}),
        (BODY, SCOPE | {"scope": 1}),
        (BODY, SCOPE | {"fields": []}),
        (BODY, SCOPE | {"texts": [1]}),
        (BODY, SCOPE | {"texts": [""]}),
        (BODY, SCOPE | {"texts": ["x" * 20_001]}),
        (BODY, SCOPE | {"texts": ["x"] * 51}),
        (BODY, SCOPE | {"attachments": [1]}),
        (BODY, SCOPE | {"more": 1}),
    ],
)
def test_parts_of_another_form_or_order_are_refused(plains: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(MalformedError):
        read_content(of_parts(*plains))


def test_a_part_that_is_no_map_is_refused() -> None:
    made = sign_message(header(), [Part(bytes(32), encode([]))], SHELTER.signing)
    with pytest.raises(MalformedError):
        read_content(made)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "x"},
        {"name": "a/b"},
        {"name": "a\\b"},
        {"name": "a\r\nSet-Cookie: b"},
        {"name": ""},
        {"name": "x" * 256},
        {"media_type": "pdf"},
        {"media_type": "text/html; charset=utf-8"},
        {"media_type": "a/b\n"},
        {"size": -1},
        {"size": True},
        {"size": 4 * 1024**3 + 1},
        {"sealed_size": 5},
        {"sealed_size": True},
        {"key": bytes(31)},
        {"sealed_hash": ""},
    ],
)
def test_an_attachment_of_another_form_is_refused(changes: dict[str, Any]) -> None:
    plain = {name: getattr(ATTACHED, name) for name in AttachmentPart.__dataclass_fields__}
    with pytest.raises(MalformedError):
        read_scope_part(SCOPE | {"attachments": [plain | changes]})
    with pytest.raises(MalformedError):
        read_scope_part(SCOPE | {"attachments": [plain] * 51})


def test_an_unregistered_type_is_refused_as_such() -> None:
    with pytest.raises(UnsupportedVersionError):
        read_content(of_parts(BODY, kind="referral.note/2"))


def test_the_header_names_the_grant_that_covers_the_content() -> None:
    offered = {"part": "body", "body": OFFER.to_plain()}
    for named in (b"", bytes(32)):
        with pytest.raises(MalformedError):
            read_content(of_parts(offered, CARRIED, kind="referral.offer/1", named=named))
    assert read_content(of_parts(offered, CARRIED, kind="referral.offer/1")).grant == GRANT
    with pytest.raises(MalformedError):
        read_content(of_parts(BODY, SCOPE, named=b""))
    assert read_content(of_parts(BODY, SCOPE)).scopes


def test_a_message_about_nodes_carries_no_persons_content() -> None:
    with pytest.raises(MalformedError):
        read_content(message(Content(AnnounceListing(b""), GRANT)))


def check(scopes: ScopePart, by: Any = "sender", step: Any = "offer") -> None:
    check_content([scopes], grant(), by, step)


def test_what_the_grant_discloses_passes() -> None:
    check(SERVICES)
    check(ScopePart("demographics", {"age_band": "21-23"}))
    check(
        ScopePart("demographics", {"gender": "Feminine"}, ("She asks for a woman.",), (ATTACHED,)),
        step="acceptance",
    )
    check(SERVICES, by="receiver")


@pytest.mark.parametrize(
    ("scopes", "by", "step"),
    [
        (ScopePart("medical", {}), "sender", "acceptance"),
        (ScopePart("medical", {}, ("She is ill.",)), "sender", "acceptance"),
        (ScopePart("demographics", {"gender": "Feminine"}), "sender", "offer"),
        (ScopePart("demographics", {}, ("She is 22.",)), "sender", "offer"),
        (ScopePart("demographics", {}, (), (ATTACHED,)), "sender", "offer"),
        (ScopePart("identity", {}, ("Mira.",)), "sender", "acceptance"),
        (ScopePart("demographics", {"citizenships": ["AL"]}), "sender", "acceptance"),
        (ScopePart("demographics", {"age_band": "21-23"}), "receiver", "acceptance"),
    ],
)
def test_what_lies_outside_is_refused(scopes: ScopePart, by: str, step: str) -> None:
    with pytest.raises(DisclosureError):
        check(scopes, by, step)


def test_feedback_has_the_forms_of_its_fields_too() -> None:
    with pytest.raises(FieldError):
        check(ScopePart("services", {"needs": "everything"}), by="receiver")


def test_a_grant_covers_services_of_its_purposes_while_it_lasts() -> None:
    assert covers_service(grant(), "SHELTER", at=START) == Allowed()
    assert covers_service(grant(), "RET-REPAT", at=START) == Denied("purpose-not-granted")
    assert covers_service(grant(), "SHELTER", at=START + 90 * DAY) == Denied("grant-expired")


def test_salts_make_equal_parts_differ() -> None:
    assert SERVICES.to_part().hash != SERVICES.to_part().hash
    assert SERVICES.to_part().content == SERVICES.to_part().content


def test_two_messages_of_equal_content_differ_by_their_parts_only() -> None:
    made = message(sender=SHELTER, recipient=MISSION)
    other = message(sender=SHELTER, recipient=STRANGER)
    assert made.id != other.id
    assert replace(made, signature=bytes(64)).id == made.id
    assert parts.part(parts.BODY, {"body": {}}).plain == BODY
