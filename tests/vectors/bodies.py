"""Vectors of § 10 and § 14.3: the bodies of messages."""

from __future__ import annotations

from typing import Any

from iars_protocol import consent
from iars_protocol.encoding import encode
from tests.specimens import DAY, OFFER, SHELTER, START, STRANGER, grant, onward, withdrawal
from tests.vectors.cases import Group

BODIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "referral.offer/1": (OFFER.to_plain(), {**OFFER.to_plain(), "kind": "gift"}),
    "referral.accept/1": ({}, {"remark": ""}),
    "handover.accept/1": ({"remark": "With pleasure."}, {"remark": 1}),
    "referral.reject/1": ({"reason": "no-capacity"}, {"reason": "whim"}),
    "referral.disclose/1": ({}, {"more": 1}),
    "referral.appointment/1": ({"outcome": "scheduled", "at": START}, {"outcome": "scheduled"}),
    "referral.progress/1": ({}, {"remark": "x" * 501}),
    "referral.hold/1": ({"reason": "person-asked"}, {}),
    "referral.complete/1": ({}, {"remark": None}),
    "referral.fail/1": ({"reason": "person-left", "remark": "x"}, {"reason": []}),
    "referral.cancel/1": ({"reason": "no-longer-needed"}, {"reason": "waitlist"}),
    "referral.entered-in-error/1": ({}, {"reason": "other"}),
    "referral.amend/1": ({}, {"remark": "x"}),
    "referral.note/1": ({}, {"text": "x"}),
    "listing.announce/1": ({"listing": b"listing"}, {"listing": "text"}),
    "stream.resync/1": (
        {"asks": True, "received": [[bytes(16), 3, bytes(32)]], "sent": [[bytes(16), 0, b""]],
         "returned": [[b"inner message", b"signed receipt"]], "more": True},
        {"asks": 1},
    ),
    "exception.approval/1": (
        {"grant": "01" * 16, "outcome": "approved", "at": START, "approver": "9f" * 16},
        {"grant": "01" * 16, "outcome": "approved", "at": START},
    ),
}  # fmt: skip


def bodies() -> Group:
    group = Group("10.2-bodies", "10.2", "read-body")
    for name, (sound, refused) in BODIES.items():
        group.add(f"{name}: sound", type=name, body=encode(sound))
        group.add(f"{name}: refused", "malformed", type=name, body=encode(refused))
    lapsed = {"grant": "01" * 16, "outcome": "lapsed", "at": START}
    group.add("exception.approval/1: lapsed", type="exception.approval/1", body=encode(lapsed))
    group.add(
        "exception.approval/1: a lapse that somebody approved",
        "malformed",
        type="exception.approval/1",
        body=encode({**lapsed, "approver": "9f" * 16}),
    )
    for name, kind, entry, value in (
        ("an empty remark", "referral.accept/1", "remark", ""),
        ("no referrals of one household", "referral.offer/1", "together", []),
        ("a referral of one household twice", "referral.offer/1", "together", ["0c" * 16] * 2),
        ("no more that follows", "stream.resync/1", "more", False),
        ("no heads", "stream.resync/1", "received", []),
        ("nothing returned", "stream.resync/1", "returned", []),
        ("a head of two pieces", "stream.resync/1", "sent", [[bytes(16), 3]]),
        ("a head with a short stream", "stream.resync/1", "sent", [[bytes(15), 3, b""]]),
        ("a returned message as a list", "stream.resync/1", "returned", [[[b""], b""]]),
        ("a thousand and one heads", "stream.resync/1", "sent", [[bytes(16), 1, b""]] * 1001),
    ):
        group.add(f"{kind}: {name}", "malformed", type=kind, body=encode({**BODIES[kind][0], entry: value}))
    unanswered = {"asks": False, "returned": [[b"inner message", b""]]}
    kind = "stream.resync/1"
    group.add(f"{kind}: a message without receipt", type=kind, body=encode(unanswered))
    group.add("another version", "unsupported-version", type="referral.offer/2", body=encode({}))
    group.add("no map", "malformed", type="referral.note/1", body=encode([]))
    return group


def passing_on() -> Group:
    group = Group("10.6-onward", "10.6", "read-body")

    def add(name: str, expect: str, kind: str, plain: dict[str, Any]) -> None:
        group.add(name, expect, type=kind, body=encode(plain))

    signed = consent.sign(onward(), SHELTER.signing).to_plain()
    permit = {"grant": "01" * 16, "signed": signed}
    add("a permission", "ok", "onward.permit/1", permit)
    add("a permission for nobody's grant", "malformed", "onward.permit/1", {"signed": signed})
    other = consent.sign(withdrawal(), SHELTER.signing).to_plain()
    add("a withdrawal in place of it", "malformed", "onward.permit/1", {**permit, "signed": other})
    notice = {"onward": "03" * 16, "passing": "06" * 16, "expires": START}
    told = {**notice, "recipient": STRANGER.text, "scopes": ["services", "medical"]}
    add("passed on, not visible", "ok", "onward.notice/1", notice)
    add("passed on to somebody", "ok", "onward.notice/1", told)
    add("what the recipient stated", "ok", "onward.notice/1", {**told, "outcome": "erased"})
    add("a recipient without scopes", "malformed", "onward.notice/1", {**notice, "recipient": STRANGER.text})
    add("scopes without a recipient", "malformed", "onward.notice/1", {**notice, "scopes": ["services"]})
    add("no scopes", "malformed", "onward.notice/1", {**told, "scopes": []})
    add("an unknown scope", "malformed", "onward.notice/1", {**told, "scopes": ["shoes"]})
    add("an unknown outcome", "malformed", "onward.notice/1", {**told, "outcome": "lost"})
    add("a recipient by name", "malformed", "onward.notice/1", {**told, "recipient": "mission"})
    return group


def endings() -> Group:
    group = Group("10.4-endings", "10.4", "read-body")

    def add(name: str, expect: str, kind: str, **plain: Any) -> None:
        group.add(name, expect, type=kind, body=encode(plain))

    signed = consent.sign(withdrawal(), SHELTER.signing).to_plain()
    add("a withdrawal", "ok", "consent.withdraw/1", signed=signed)
    of_grant = consent.sign(grant(), SHELTER.signing).to_plain()
    add("a grant in its place", "malformed", "consent.withdraw/1", signed=of_grant)
    add("a withdrawal without signature", "malformed", "consent.withdraw/1", signed=signed[:2])
    add("a withdrawal with a reason", "malformed", "consent.withdraw/1", signed=signed, reason="x")
    report = {"cause": "withdrawal", "grant": "01" * 16, "leaf": bytes(32), "withdrawal": "05" * 16}
    outcomes: list[dict[str, Any]] = [
        {"scope": "identity", "outcome": "erased", "access_ended": START, "keys_destroyed": START + DAY,
         "backups_expire": START + 36 * DAY},
        {"scope": "medical", "outcome": "retained", "access_ended": START, "ground": "legal-obligation",
         "until": START + 900 * DAY},
        {"scope": "services", "outcome": "failed", "access_ended": START, "code": "key-store"},
    ]  # fmt: skip
    add("a report", "ok", "erasure.report/1", **report, outcomes=outcomes)
    add("a report that nothing was held", "ok", "erasure.report/1", **report)
    never = {name: value for name, value in report.items() if name != "withdrawal"}
    alike = {"access_ended": START, "keys_destroyed": START, "backups_expire": START}
    at_once = {"scope": "identity", "outcome": "erased", **alike}
    add("a report of an erasure at once", "ok", "erasure.report/1", **report, outcomes=[at_once])
    add("a report with no outcomes in it", "malformed", "erasure.report/1", **report, outcomes=[])
    add("a report that names no withdrawal", "ok", "erasure.report/1",
        **{key: value for key, value in report.items() if key != "withdrawal"})  # fmt: skip
    add("of a referral never accepted", "ok", "erasure.report/1",
        **{**never, "cause": "not-accepted", "referral": "0c" * 16})  # fmt: skip
    add("of an exception that lapsed", "ok", "erasure.report/1", **{**never, "cause": "lapse"})
    erased, retained, failed = outcomes
    for name, entry in (
        ("with dates out of order", {**erased, "keys_destroyed": START - 1}),
        ("with a date too few", {key: value for key, value in erased.items() if key != "backups_expire"}),
        ("with an unknown scope", {**erased, "scope": "gossip"}),
        ("retained without a ground", {**retained, "ground": ""}),
        ("retained and erased at once", {**retained, "keys_destroyed": START}),
        ("failed with a sentence", {**failed, "code": "It broke."}),
        ("with an unknown outcome", {**failed, "outcome": "lost"}),
    ):
        add(name, "malformed", "erasure.report/1", **report, outcomes=[entry])
    add("a scope twice", "malformed", "erasure.report/1", **report, outcomes=[erased, erased])
    add("an outcome that is a list", "malformed", "erasure.report/1", **report, outcomes=[[]])
    add("an unknown cause", "malformed", "erasure.report/1", **{**report, "cause": "mood"})
    proof = {"report": bytes(32), "position": 6, "checkpoint": b"note"}
    add("a proof", "ok", "erasure.proof/1", **proof, proof=[bytes(32)])
    add("a proof under a tree of one leaf", "ok", "erasure.proof/1", **{**proof, "position": 0})
    most = [bytes([number]) * 32 for number in range(129)]
    add("a proof of 128 hashes", "ok", "erasure.proof/1", **proof, proof=most[:128])
    add("a proof of 129 hashes", "malformed", "erasure.proof/1", **proof, proof=most)
    add("a proof without hashes in it", "malformed", "erasure.proof/1", **proof, proof=[])
    add("a proof with a hash too short", "malformed", "erasure.proof/1", **proof, proof=[bytes(31)])
    add("a proof of no report", "malformed", "erasure.proof/1", **{**proof, "report": b""})
    add("a leaf too short", "malformed", "erasure.report/1", **{**report, "leaf": bytes(31)})
    return group


def witnessing() -> Group:
    group = Group("14.3-bodies", "14.3", "read-body")

    def add(name: str, expect: str, kind: str, **plain: Any) -> None:
        group.add(name, expect, type=f"checkpoint.{kind}/1", body=encode(plain))

    shown: dict[str, Any] = {"checkpoint": b"note", "old": 5}
    add("a checkpoint", "ok", "submit", **shown, proof=[bytes(32)])
    add("the first of a log", "ok", "submit", **{**shown, "old": 0})
    opened = {**shown, "old": 0, "opening": [bytes(32), b"event"], "first": [bytes(32)]}
    add("the first of a log after another", "ok", "submit", **opened)
    faulty: dict[str, dict[str, Any]] = {
        "a size below nothing": {"old": -1},
        "a checkpoint that is text": {"checkpoint": "note"},
        "a checkpoint that is too long": {"checkpoint": bytes(16 * 1024 + 1)},
        "a proof of 129 hashes": {"proof": [bytes(32)] * 129},
        "an opening without its salt": {"opening": [b"event"]},
        "an opening that is too long": {"opening": [bytes(32), bytes(4 * 1024 + 1)]},
        "no hashes": {"first": []},
    }
    for name, changes in faulty.items():
        add(name, "malformed", "submit", **{**opened, **changes})
    signed: dict[str, Any] = {
        "origin": f"iars/1/log/{SHELTER.text}/{'0d' * 16}",
        "size": 7,
        "cosignature": bytes(72),
    }
    add("a cosignature", "ok", "cosign", **signed)
    add("a cosignature that is too short", "malformed", "cosign", **{**signed, "cosignature": bytes(64)})
    other = f"iars/2/log/{SHELTER.text}/{'0d' * 16}"
    add("a cosignature for an origin of another form", "malformed", "cosign", **{**signed, "origin": other})
    add("what is known", "ok", "known", reason="behind", checkpoint=b"note")
    add("nothing is known", "ok", "known", reason="asked", checkpoint=b"")
    add("an unknown reason", "malformed", "known", reason="mood", checkpoint=b"")
    add("a question", "ok", "ask")
    add("a question about something", "malformed", "ask", origin=signed["origin"])
    return group


def groups() -> list[Group]:
    """Return every group of these sections."""
    return [bodies(), endings(), passing_on(), witnessing()]
