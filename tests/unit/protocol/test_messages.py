from __future__ import annotations

from typing import Any

import pytest
from tests.specimens import DAY, MISSION, OFFER, SHELTER, START, grant, onward, withdrawal

from iars_protocol import consent, errors
from iars_protocol.checkpoint import origin_of
from iars_protocol.errors import MalformedError, ProtocolError, UnsupportedVersionError
from iars_protocol.messages.administration import AnnounceListing, ResyncStreams, StreamHead, read_head
from iars_protocol.messages.consent import ErasureReport, ScopeOutcome, Withdraw
from iars_protocol.messages.exception import DecideException
from iars_protocol.messages.onward import NoticeOnward, PermitOnward
from iars_protocol.messages.proof import ErasureProof
from iars_protocol.messages.referral import Accept, Offer, Reject
from iars_protocol.messages.registry import TYPES, Body, message, read_body

ORIGIN = origin_of(bytes(32), bytes(16))
SIGNED = consent.sign(withdrawal(), SHELTER.signing)
PERMITTED = consent.sign(onward(), SHELTER.signing)
ERASED = ScopeOutcome("identity", "erased", START, START + DAY, START + 36 * DAY)
RETAINED = ScopeOutcome("medical", "retained", START, ground="legal-obligation", until=START + DAY)
FAILED = ScopeOutcome("services", "failed", START, code="key-store")
REPORT = {"cause": "withdrawal", "grant": "01" * 16, "leaf": bytes(32)}

PROOF: dict[str, Any] = {"report": bytes(32), "position": 3, "checkpoint": b"note", "proof": [bytes(32)]}
SOUND: dict[str, dict[str, Any]] = {
    "referral.offer/1": OFFER.to_plain(),
    "referral.accept/1": {},
    "handover.accept/1": {"remark": "With pleasure."},
    "referral.reject/1": {"reason": "no-capacity"},
    "referral.disclose/1": {},
    "referral.appointment/1": {"outcome": "scheduled", "at": START},
    "referral.progress/1": {},
    "referral.hold/1": {"reason": "person-asked"},
    "referral.complete/1": {},
    "referral.fail/1": {"reason": "person-left"},
    "referral.cancel/1": {"reason": "no-longer-needed"},
    "referral.entered-in-error/1": {},
    "referral.amend/1": {},
    "referral.note/1": {},
    "listing.announce/1": {"listing": b"listing"},
    "stream.resync/1": {"asks": True},
    "exception.approval/1": {"grant": "01" * 16, "outcome": "lapsed", "at": START},
    "checkpoint.submit/1": {
        "checkpoint": b"note",
        "old": 5,
        "proof": [bytes(32)],
        "opening": [bytes(32), b"event"],
        "first": [bytes(32)],
    },
    "checkpoint.cosign/1": {"origin": ORIGIN, "size": 7, "cosignature": bytes(72)},
    "checkpoint.known/1": {"reason": "behind", "checkpoint": b"note"},
    "checkpoint.ask/1": {},
    "consent.withdraw/1": {"signed": SIGNED.to_plain()},
    "erasure.report/1": REPORT,
    "onward.permit/1": {"grant": "01" * 16, "signed": PERMITTED.to_plain()},
    "onward.notice/1": {"onward": "03" * 16, "passing": "06" * 16, "expires": START},
    "erasure.proof/1": PROOF,
}


def test_every_type_has_its_example() -> None:
    assert SOUND.keys() == TYPES.keys()


@pytest.mark.parametrize(("name", "plain"), SOUND.items())
def test_a_body_comes_out_as_it_went_in(name: str, plain: dict[str, Any]) -> None:
    body = read_body(name, plain)
    assert body.type == name
    assert body.to_plain() == plain


def test_lists_and_remarks_survive() -> None:
    whole = Offer("handover", "SHELTER", "normal", "MS-1", START, ("0c" * 16, "0d" * 16))
    assert read_body("referral.offer/1", whole.to_plain()) == whole
    heads = ResyncStreams(
        asks=False,
        received=([bytes(16), 3, bytes(32)],),
        sent=([bytes(16), 0, b""],),
        returned=([b"m", b"r"],),
    )
    assert read_body("stream.resync/1", heads.to_plain()) == heads
    assert read_head(heads.received[0]) == StreamHead(bytes(16), 3, bytes(32))
    assert read_body("referral.reject/1", {"reason": "other", "remark": "x"}) == Reject("other", "x")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("referral.offer/1", {**SOUND["referral.offer/1"], "kind": "gift"}),
        ("referral.offer/1", {**SOUND["referral.offer/1"], "service": []}),
        ("referral.offer/1", {**SOUND["referral.offer/1"], "priority": 1}),
        ("referral.offer/1", {**SOUND["referral.offer/1"], "reference": "x" * 21}),
        ("referral.offer/1", {**SOUND["referral.offer/1"], "respond_by": "soon"}),
        ("referral.offer/1", {**SOUND["referral.offer/1"], "together": ["x"]}),
        ("referral.offer/1", {**SOUND["referral.offer/1"], "together": ["0c" * 16] * 2}),
        ("referral.offer/1", {**SOUND["referral.offer/1"], "together": [[]]}),
        ("referral.offer/1", {}),
        ("referral.accept/1", {"remark": ""}),
        ("referral.accept/1", {"remark": "x" * 501}),
        ("referral.accept/1", {"remark": None}),
        ("referral.accept/1", {"name": "Mira"}),
        ("referral.reject/1", {}),
        ("referral.reject/1", {"reason": "whim"}),
        ("referral.reject/1", {"reason": {}}),
        ("referral.appointment/1", {"outcome": "scheduled", "at": True}),
        ("listing.announce/1", {"listing": "text"}),
        ("listing.announce/1", {"listing": bytes(512 * 1024 + 1)}),
        ("stream.resync/1", {"asks": 1}),
        ("stream.resync/1", {"asks": True, "received": {}}),
        ("stream.resync/1", {"asks": True, "received": [[bytes(16), 1]]}),
        ("stream.resync/1", {"asks": True, "received": [b""]}),
        ("stream.resync/1", {"asks": True, "sent": [[bytes(15), 1, b""]]}),
        ("stream.resync/1", {"asks": True, "sent": [[bytes(16), -1, b""]]}),
        ("stream.resync/1", {"asks": True, "sent": [[bytes(16), 1, bytes(31)]]}),
        ("stream.resync/1", {"asks": True, "sent": [[bytes(16), 1, b""]] * 1001}),
        ("stream.resync/1", {"asks": True, "returned": [b"m"]}),
        ("stream.resync/1", {"asks": True, "returned": [[b"m"]]}),
        ("stream.resync/1", {"asks": True, "returned": [[b"m", ""]]}),
        ("checkpoint.submit/1", {"checkpoint": b"note"}),
        ("checkpoint.submit/1", {"checkpoint": bytes(16 * 1024 + 1), "old": 0}),
        ("checkpoint.submit/1", {"checkpoint": b"note", "old": -1}),
        ("checkpoint.submit/1", {"checkpoint": b"note", "old": 0, "proof": [bytes(32)] * 129}),
        ("checkpoint.submit/1", {"checkpoint": b"note", "old": 0, "proof": [bytes(31)]}),
        ("checkpoint.submit/1", {"checkpoint": b"note", "old": 0, "opening": [bytes(32)]}),
        ("checkpoint.submit/1", {"checkpoint": b"note", "old": 0, "opening": [bytes(32), bytes(4097)]}),
        ("checkpoint.cosign/1", {"origin": "log", "size": 7, "cosignature": bytes(72)}),
        ("checkpoint.cosign/1", {"origin": ORIGIN, "size": 7, "cosignature": bytes(71)}),
        ("checkpoint.known/1", {"reason": "whim", "checkpoint": b""}),
        ("consent.withdraw/1", {"signed": []}),
        ("consent.withdraw/1", {"signed": consent.sign(grant(), SHELTER.signing).to_plain()}),
        ("erasure.report/1", {**REPORT, "cause": "mood"}),
        ("erasure.report/1", {**REPORT, "leaf": bytes(31)}),
        ("erasure.proof/1", {**PROOF, "report": bytes(31)}),
        ("erasure.proof/1", {**PROOF, "position": -1}),
        ("erasure.proof/1", {**PROOF, "checkpoint": bytes(16 * 1024 + 1)}),
        ("erasure.proof/1", {**PROOF, "proof": [bytes(31)]}),
        ("erasure.proof/1", {**PROOF, "proof": [bytes(32)] * 129}),
        ("erasure.report/1", {**REPORT, "withdrawal": ""}),
        ("erasure.report/1", {**REPORT, "outcomes": {}}),
        ("erasure.report/1", {**REPORT, "outcomes": [[]]}),
        ("erasure.report/1", {**REPORT, "outcomes": [{}]}),
        ("erasure.report/1", {**REPORT, "outcomes": [{**ERASED.to_plain(), "outcome": []}]}),
        ("erasure.report/1", {**REPORT, "outcomes": [{**ERASED.to_plain(), "keys_destroyed": 1}]}),
        ("erasure.report/1", {**REPORT, "outcomes": [{**ERASED.to_plain(), "ground": "vital-interest"}]}),
        ("erasure.report/1", {**REPORT, "outcomes": [ERASED.to_plain()] * 2}),
        ("erasure.report/1", {**REPORT, "outcomes": [{**RETAINED.to_plain(), "ground": "mood"}]}),
        ("erasure.report/1", {**REPORT, "outcomes": [{**RETAINED.to_plain(), "until": "ever"}]}),
        ("erasure.report/1", {**REPORT, "outcomes": [{**FAILED.to_plain(), "code": "It broke."}]}),
    ],
)
def test_a_body_of_another_form_is_refused(name: str, plain: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        read_body(name, plain)


def test_a_withdrawal_keeps_its_own_signature_inside_the_message() -> None:
    body = read_body("consent.withdraw/1", {"signed": SIGNED.to_plain()})
    assert isinstance(body, Withdraw)
    assert body.withdrawal == SIGNED
    assert withdrawal().is_whole
    assert not withdrawal(scopes=("medical",)).is_whole
    assert not withdrawal(purposes=("return",)).is_whole


def test_a_report_says_of_each_scope_what_became_of_it() -> None:
    outcomes = (ERASED, RETAINED, FAILED)
    plain = {**REPORT, "outcomes": [entry.to_plain() for entry in outcomes], "referral": "0c" * 16}
    body = read_body("erasure.report/1", plain)
    assert isinstance(body, ErasureReport)
    assert body.scopes() == outcomes
    assert body.to_plain() == plain


def test_a_permission_is_read_from_the_message_that_brings_it() -> None:
    body = read_body("onward.permit/1", SOUND["onward.permit/1"])
    assert isinstance(body, PermitOnward)
    assert body.permission == PERMITTED
    with pytest.raises(MalformedError):
        read_body("onward.permit/1", {"grant": "01" * 16, "signed": SIGNED.to_plain()})


@pytest.mark.parametrize(
    "changes",
    [{"recipient": MISSION.text}, {"scopes": ["services"]}, {"recipient": MISSION.text, "scopes": ["shoes"]}],
)
def test_a_notice_tells_a_recipient_with_its_scopes_or_neither(changes: dict[str, Any]) -> None:
    plain = SOUND["onward.notice/1"]
    whole = {**plain, "recipient": MISSION.text, "scopes": ["services"], "outcome": "erased"}
    assert read_body("onward.notice/1", whole).to_plain() == whole
    with pytest.raises(MalformedError):
        read_body("onward.notice/1", {**plain, **changes})


def test_an_unknown_type_is_refused_as_such() -> None:
    with pytest.raises(UnsupportedVersionError):
        read_body("referral.offer/2", {})


def test_a_name_is_registered_once() -> None:
    with pytest.raises(RuntimeError):
        message("referral.accept/1")(Accept)
    assert TYPES["referral.accept/1"] is Accept


def test_a_message_about_nodes_or_exceptions_carries_a_body_only() -> None:
    assert {name for name, kind in TYPES.items() if not kind.carries_scopes} == {
        AnnounceListing.type,
        DecideException.type,
        ResyncStreams.type,
        *(name for name in TYPES if name.startswith("checkpoint.")),
        Withdraw.type,
        ErasureReport.type,
        PermitOnward.type,
        NoticeOnward.type,
        ErasureProof.type,
    }
    assert Body.carries_scopes


def test_every_error_has_a_code_of_its_own() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProtocolError)
    ]
    assert len({kind.code for kind in kinds}) == len(kinds)
