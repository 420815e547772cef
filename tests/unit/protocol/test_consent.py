from __future__ import annotations

import json
from typing import Any

import pytest
from tests.specimens import DAY, MISSION, SHELTER, START, STRANGER, grant, onward, withdrawal

from iars_protocol import consent
from iars_protocol.consent import (
    Allowed,
    Basis,
    Denied,
    Signed,
    recipient_hash,
    sign,
    verify_issued,
    verify_signed,
)
from iars_protocol.encoding import encode_json
from iars_protocol.errors import MalformedError, SignatureError, UnknownKeyError, UnsupportedVersionError

EXCEPTION = Basis("vital-interest", "A. Author", "B. Approver", START + DAY, "approved")
SOUND = [
    grant(),
    grant(basis=EXCEPTION, onward="03" * 16),
    grant(basis=Basis("judicial", "A. Author", "", START, "pending"), feedback=()),
    onward(),
    onward(classes=(), recipients=(recipient_hash("04" * 16, MISSION.text),)),
    withdrawal(),
    withdrawal(grants=(), onward=("03" * 16,), scopes=("medical",), by="other"),
    withdrawal(scopes=("medical",), purposes=("return",)),
]


@pytest.mark.parametrize("permission", SOUND)
def test_a_permission_comes_out_as_it_was_signed(permission: consent.Permission) -> None:
    signed = sign(permission, SHELTER.signing)
    assert verify_signed(signed, SHELTER.signing.public) == permission
    assert verify_issued(Signed.from_line(signed.to_line()), SHELTER.history, at=START) == permission
    assert Signed.from_plain(signed.to_plain()) == signed
    assert len(signed.hash) == 32


def test_a_permission_counts_under_its_controllers_signature_only() -> None:
    for_another = sign(grant(controller=STRANGER), SHELTER.signing)
    with pytest.raises(SignatureError):
        verify_issued(for_another, SHELTER.history, at=START)
    with pytest.raises(UnknownKeyError):
        verify_issued(for_another, STRANGER.history, at=START)
    with pytest.raises(UnknownKeyError):
        verify_issued(sign(grant(), SHELTER.key("hop")), SHELTER.history, at=START)


def test_a_changed_permission_does_not_verify() -> None:
    signed = sign(grant(), SHELTER.signing)
    longer = Signed(
        signed.body.replace(b'"retention_days":365', b'"retention_days":366'), signed.key_id, signed.signature
    )
    with pytest.raises(SignatureError):
        verify_signed(longer, SHELTER.signing.public)


def test_a_signature_of_one_type_is_worthless_for_another() -> None:
    body = sign(grant(), SHELTER.signing).body
    as_withdrawal = SHELTER.signing.sign("iars/1/withdrawal", body)
    with pytest.raises(SignatureError):
        verify_signed(Signed(body, SHELTER.signing.key_id, as_withdrawal), SHELTER.signing.public)


def changed(permission: consent.Permission, **changes: Any) -> bytes:
    plain = json.loads(sign(permission, SHELTER.signing).body)
    for name, value in changes.items():
        if value is ...:
            del plain[name]
        else:
            plain[name] = value
    return encode_json(plain)


def scopes(**changes: object) -> dict[str, Any]:
    return {"scopes": [{"scope": "identity", "step": "offer", **changes}]}


GRANT_FAULTS: list[dict[str, Any]] = [
    {"id": "01" * 15},
    {"id": 1},
    {"id": "AB" * 16},
    {"controller": "00"},
    {"recipient": None},
    {"subject": "02" * 17},
    {"purposes": []},
    {"purposes": ["fun"]},
    {"purposes": ["assistance", "assistance"]},
    {"purposes": "assistance"},
    {"purposes": [[]]},
    {"scopes": []},
    {"scopes": {}},
    {"scopes": [1]},
    scopes(scope="nope"),
    scopes(scope=[]),
    scopes(scope={}),
    scopes(step="never"),
    scopes(step=[]),
    scopes(only=[]),
    scopes(only="alias"),
    scopes(withheld=["a", "a"]),
    scopes(more=1),
    {"scopes": [{"scope": "identity", "step": "offer"}] * 2},
    {"created": -1},
    {"created": True},
    {"expires": START},
    {"expires": 2**50},
    {"retention_days": -1},
    {"retention_days": 36_526},
    {"notice_language": ""},
    {"notice_language": "Albanian language"},
    {"feedback": ["nope"]},
    {"basis": {"kind": "consent", "author": "x"}},
    {"basis": {"kind": "whim", "author": "x", "approver": "y", "review": 1, "approval": "approved"}},
    {"basis": {"kind": "judicial", "author": "", "approver": "y", "review": 1, "approval": "approved"}},
    {"basis": {"kind": "judicial", "author": "x", "approver": "", "review": 1, "approval": "approved"}},
    {"basis": {"kind": "judicial", "author": "x", "approver": "y", "review": 1, "approval": "pending"}},
    {"basis": {"kind": "judicial", "author": "x", "approver": 0, "review": 1, "approval": "pending"}},
    {"basis": {"kind": "judicial", "author": "x", "approver": "", "review": 1, "approval": []}},
    {"basis": {"kind": [], "author": "x", "approver": "", "review": 1, "approval": "pending"}},
    {"basis": {"kind": "judicial", "author": "x", "approver": "", "review": "1", "approval": "pending"}},
    {"basis": []},
    {"onward": "03"},
    {"onward": 0},
    {"onward": False},
    {"onward": None},
    {"onward": []},
    {"onward": ["x"]},
    {"onward": ...},
    {"more": 1},
]
ONWARD_FAULTS: list[dict[str, Any]] = [
    {"depth": 2},
    {"depth": 0},
    {"depth": True},
    {"classes": [], "recipients": []},
    {"classes": ["Friends"]},
    {"recipients": ["00"]},
    {"recipients": 1},
    {"salt": ""},
    {"holder": ""},
    {"holder": ...},
    {"scopes": []},
]
WITHDRAWAL_FAULTS: list[dict[str, Any]] = [
    {"grants": [], "onward": []},
    {"grants": ["00"]},
    {"onward": [1]},
    {"by": "nobody"},
    {"by": []},
    {"scopes": ["nope"]},
    {"purposes": ["nope"]},
    {"purposes": ...},
    {"created": "now"},
]


@pytest.mark.parametrize(
    "body",
    [changed(grant(), **fault) for fault in GRANT_FAULTS]
    + [changed(onward(), **fault) for fault in ONWARD_FAULTS]
    + [changed(withdrawal(), **fault) for fault in WITHDRAWAL_FAULTS],
)
def test_a_permission_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        consent.read(body)


@pytest.mark.parametrize("kind", ["grant/2", "", 1, None, [], {}])
def test_a_permission_of_another_version_is_refused_as_such(kind: object) -> None:
    with pytest.raises(UnsupportedVersionError):
        consent.read(changed(grant(), type=kind))


@pytest.mark.parametrize(
    "unreadable",
    [grant(purposes=()), grant(expires=START - 1), onward(depth=2), withdrawal(grants=()), grant(id="x")],
)
def test_what_nobody_could_read_is_not_signed(unreadable: consent.Permission) -> None:
    with pytest.raises(MalformedError):
        sign(unreadable, SHELTER.signing)


@pytest.mark.parametrize(
    "plain", [None, [], [b"", b""], [b"", b"", b""], ["", bytes(32), bytes(64)], [b"", bytes(32), bytes(63)]]
)
def test_a_signed_object_has_three_pieces(plain: object) -> None:
    with pytest.raises(MalformedError):
        Signed.from_plain(plain)


@pytest.mark.parametrize("line", ["", "a", "..", "YQ.YQ", "\n"])
def test_a_line_of_another_form_is_refused(line: str) -> None:
    with pytest.raises(MalformedError):
        Signed.from_line(line)


@pytest.mark.parametrize(
    ("purpose", "at", "answer"),
    [
        ("assistance", START, Allowed()),
        ("assistance", START - 300, Allowed()),
        ("assistance", START - 301, Denied("grant-not-yet-valid")),
        ("assistance", START + 90 * DAY - 1, Allowed()),
        ("assistance", START + 90 * DAY, Denied("grant-expired")),
        ("return", START, Denied("purpose-not-granted")),
    ],
)
def test_a_grant_answers_for_its_purposes_and_its_period(
    purpose: str, at: int, answer: consent.Answer
) -> None:
    assert grant().permits(purpose=purpose, at=at) == answer


def test_a_grant_answers_for_its_scopes() -> None:
    assert grant().codes() == {"services", "demographics", "identity"}
    assert grant().scope("medical") is None


def narrower(**changes: Any) -> consent.Grant:
    own = {
        "controller": MISSION,
        "recipient": STRANGER,
        "scopes": (consent.ScopeGrant("services", "offer"),),
        "expires": START + 30 * DAY,
        "onward": "03" * 16,
    }
    return grant(**{**own, **changes})


BY_NAME = onward(classes=(), recipients=(recipient_hash("04" * 16, STRANGER.text),))


@pytest.mark.parametrize(
    ("permission", "given", "recipient_class", "at", "answer"),
    [
        (onward(), narrower(), "NGO", START, Allowed()),
        (onward(), narrower(), "LawEnforcement", START, Denied("onward-recipient")),
        (BY_NAME, narrower(), "LawEnforcement", START, Allowed()),
        (BY_NAME, narrower(recipient=MISSION), "NGO", START, Denied("onward-recipient")),
        (onward(), narrower(), "NGO", START + 60 * DAY, Denied("onward-expired")),
        (onward(), narrower(expires=START + 61 * DAY), "NGO", START, Denied("onward-expired")),
        (
            onward(),
            narrower(scopes=(consent.ScopeGrant("medical", "offer"),)),
            "NGO",
            START,
            Denied("onward-scope"),
        ),
        (onward(), narrower(purposes=("return",)), "NGO", START, Denied("onward-purpose")),
        (onward(), narrower(onward=""), "NGO", START, Denied("onward-holder")),
        (onward(), narrower(onward="09" * 16), "NGO", START, Denied("onward-holder")),
        (onward(), narrower(controller=STRANGER), "NGO", START, Denied("onward-holder")),
    ],
)
def test_an_onward_permission_lets_its_holder_narrow_only(
    permission: consent.Onward, given: consent.Grant, recipient_class: str, at: int, answer: consent.Answer
) -> None:
    assert permission.permits(given, recipient_class, at) == answer
