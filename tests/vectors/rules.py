"""Vectors of § 6, § 7 and § 9: values, consent, the cut, the life of a referral."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iars_protocol import consent
from iars_protocol.approvals import OUTCOMES
from iars_protocol.attachment import sealed_length
from iars_protocol.consent import Basis, ScopeGrant, recipient_hash
from iars_protocol.encoding import encode_json
from iars_protocol.parts import AttachmentPart, ScopePart
from iars_protocol.permission_json import write
from iars_protocol.referral import STATES, TRANSITIONS
from tests.specimens import DAY, MISSION, RECORD, SHELTER, START, STRANGER, grant, onward, withdrawal
from tests.vectors.cases import Group

if TYPE_CHECKING:
    from iars_protocol.consent import Grant

VALUES: list[tuple[str, str, list[Any], list[Any]]] = [
    ("identity", "given_name", ["Mira", "x" * 500], ["", "x" * 501, 1, None, ["Mira"], "a\x00b"]),
    ("contact", "address", ["Street 1\nTirana"], ["x" * 20_001]),
    ("identity", "other_names", [["Mira", "Mirela"]], [[], ["a", "a"], "Mira"]),
    (
        "identity",
        "birth_date",
        ["2003", "2003~", "2003-05", "2003-05-31", "2004-02-29", "0001", "9999-12-31~"],
        ["2003-02-29", "2003-13", "03", 2003, "0000", "0000-01-01", "1900-02-29", "2003~~", "2003-05-31\n"],
    ),
    ("family", "children", [0, 1_000_000], [-1, 1_000_001, True, "1"]),
    ("travel", "escort_needed", [True, False], [0, "true"]),
    ("demographics", "gender", ["Feminine"], ["feminine", "", [], {}]),
    ("exploitation", "types", [["ForcedLabour"]], [["Nonsense"], "ForcedLabour", [[]]]),
    ("identity", "document_country", ["AL"], ["al", "ALB"]),
    ("demographics", "citizenships", [["AL", "RU"]], [["AL", "AL"], []]),
    ("demographics", "languages", [["sq", "rus"]], [["SQ"]]),
    ("contact", "phone", ["+35542222222"], ["0035542222222", "+355 42", "+0355422"]),
    (
        "contact",
        "email",
        ["mira@mail.example", "a@b", "x" * 64 + "@" + "y" * 190, "\ufeff@b"],
        ["mira", "a b@c.example", "@b", "a@", "a@b@c", "a\u00a0@b", "a\u0085@b", "a\u2028@b", "a\u3000@b",
         "x" * 65 + "@b", "a@" + "y" * 191],
    ),
    (
        "services",
        "needs",
        [[{"service": "SHELTER", "priority": "urgent", "needed_by": "2026-05"}]],
        [
            [{"service": "SHELTER"}],
            [{"service": "NOPE", "priority": "urgent"}],
            [{"service": [], "priority": {}}],
        ],
    ),
    ("identity", "photograph", ["0a" * 16], ["0A" * 16, "0a"]),
]  # fmt: skip


def values() -> Group:
    group = Group("6.2-values", "6.2", "check-value")
    for scope, field, sound, refused in VALUES:
        for expect, listed in (("ok", sound), ("field", refused)):
            for number, value in enumerate(listed, 1):
                name = f"{scope}.{field}: {expect} {number}"
                group.add(name, expect, scope=scope, field=field, value=value)
    return group


def changed(permission: consent.Permission, **changes: Any) -> bytes:
    plain = {**json.loads(write(permission)), **changes}
    return encode_json({name: value for name, value in plain.items() if value is not ...})


def permissions() -> list[Group]:
    reading = Group("7.1-permissions", "7.1", "read-permission")
    exception = consent.Basis("vital-interest", "A. Author", "B. Approver", START + DAY, "approved")
    sound: dict[str, consent.Permission] = {
        "a grant": grant(),
        "a grant by an exception": grant(basis=exception),
        "an onward permission": onward(),
        "an onward permission that was over when it was made": onward(expires=START),
        "a withdrawal": withdrawal(),
        "a withdrawal of an onward permission alone": withdrawal(grants=(), onward=("03" * 16,)),
        "a withdrawal of one scope for one purpose": withdrawal(scopes=("medical",), purposes=("return",)),
    }
    for name, permission in sound.items():
        reading.add(name, body=write(permission))
    one = {"scope": "identity", "step": "offer"}
    pending = {"kind": "judicial", "author": "A", "approver": "", "review": 1, "approval": "pending"}
    for name, permission, changes in (
        ("no purposes", grant(), {"purposes": []}),
        ("an unknown purpose", grant(), {"purposes": ["fun"]}),
        ("no scopes", grant(), {"scopes": []}),
        ("a scope twice", grant(), {"scopes": [one, one]}),
        ("an unknown scope", grant(), {"scopes": [{**one, "scope": "shoes"}]}),
        ("a field withheld twice", grant(), {"scopes": [{**one, "withheld": ["a", "a"]}]}),
        ("an unknown scope to write back about", grant(), {"feedback": ["shoes"]}),
        ("an unknown step", grant(), {"scopes": [{**one, "step": "later"}]}),
        ("an exception without author", grant(), {"basis": {**pending, "author": ""}}),
        ("a scope that is a list", grant(), {"scopes": [{**one, "scope": []}]}),
        ("an empty list of fields", grant(), {"scopes": [{**one, "only": []}]}),
        ("an end before the beginning", grant(), {"expires": START}),
        ("a time that is true", grant(), {"created": True}),
        ("an id in capitals", grant(), {"id": "AB" * 16}),
        ("an onward that is false", grant(), {"onward": False}),
        ("an entry too few", grant(), {"onward": ...}),
        ("an entry too many", grant(), {"more": 1}),
        ("a consent with an approver", grant(), {"basis": {**pending, "kind": "consent"}}),
        ("an approved exception without approver", grant(), {"basis": {**pending, "approval": "approved"}}),
        ("a pending exception with approver", grant(), {"basis": {**pending, "approver": "B"}}),
        ("an onward permission of depth 2", onward(), {"depth": 2}),
        ("an onward permission for an unknown scope", onward(), {"scopes": ["shoes"]}),
        ("an onward permission for an unknown purpose", onward(), {"purposes": ["fun"]}),
        ("an onward permission for an unknown class", onward(), {"classes": ["Club"]}),
        ("an onward permission for nobody", onward(), {"classes": [], "recipients": []}),
        ("an onward permission without holder", onward(), {"holder": ...}),
        ("a withdrawal of nothing", withdrawal(), {"grants": [], "onward": []}),
        ("a withdrawal by nobody", withdrawal(), {"by": "nobody"}),
        ("a withdrawal of an unknown scope", withdrawal(), {"scopes": ["shoes"]}),
        ("a withdrawal for an unknown purpose", withdrawal(), {"purposes": ["fun"]}),
    ):
        reading.add(name, "malformed", body=changed(permission, **changes))
    reading.add("version 2", "unsupported-version", body=changed(grant(), type="grant/2"))
    reading.add("no type", "unsupported-version", body=changed(grant(), type=...))
    reading.add("a type that is a list", "unsupported-version", body=changed(grant(), type=[]))
    reading.add("not canonical", "malformed", body=write(grant()).replace(b'{"basis"', b'{ "basis"'))
    return [reading, _signed()]


def _signed() -> Group:
    group = Group("7.2-signed", "7.2", "verify-permission")
    key = SHELTER.signing

    def add(name: str, expect: str, signed: consent.Signed, issuer: str = "shelter") -> None:
        pieces = {"body": signed.body, "key_id": signed.key_id, "signature": signed.signature}
        group.add(name, expect, **pieces, issuer=issuer, at=START)

    sound: dict[str, consent.Permission]
    sound = {"a grant": grant(), "onward": onward(), "a withdrawal": withdrawal()}
    for name, permission in sound.items():
        add(name, "ok", consent.sign(permission, key))
    add("naming another controller", "signature", consent.sign(grant(controller=MISSION), key))
    add("another node's key", "unknown-key", consent.sign(grant(), key), "mission")
    add("signed by the hop key", "unknown-key", consent.sign(grant(), SHELTER.key("hop")))
    body = write(grant())
    as_withdrawal = consent.Signed(body, key.key_id, key.sign("iars/1/withdrawal", body))
    add("signed as another type", "signature", as_withdrawal)
    longer = body.replace(b'"retention_days":365', b'"retention_days":366')
    add("changed", "signature", consent.Signed(longer, key.key_id, consent.sign(grant(), key).signature))
    return group


def cuts() -> list[Group]:
    cutting = Group("7.3-cut", "7.3", "cut")
    for step in ("offer", "acceptance"):
        cutting.add(f"the record at the {step}", record=RECORD, grant=write(grant()), step=step)
    everything = grant(scopes=tuple(ScopeGrant(code, "offer") for code in RECORD))
    cutting.add("everything at the offer", record=RECORD, grant=write(everything), step="offer")
    nothing = grant(scopes=(ScopeGrant("travel", "offer"),))
    cutting.add("nothing", record=RECORD, grant=write(nothing), step="acceptance")
    checking = Group("7.4-disclosure", "7.4", "check-content")
    attached = AttachmentPart(
        "0b" * 16, "a.pdf", "application/pdf", 8, bytes(32), sealed_length(8), bytes(32)
    )

    def add_all(name: str, expect: str, parts: list[ScopePart], rule: tuple[str, str, Grant]) -> None:
        contents = [part.to_part().content for part in parts]
        by, step, given = rule
        checking.add(name, expect, parts=contents, grant=write(given), by=by, step=step)

    def add(name: str, expect: str, part: ScopePart, by: str = "sender", step: str = "offer") -> None:
        add_all(name, expect, [part], (by, step, grant()))

    sound = ScopePart("services", dict(RECORD["services"]))
    outside, ill = ScopePart("medical", {}), ScopePart("demographics", {"age_band": "old"})
    offered = ("sender", "offer", grant())
    add_all("two parts", "ok", [sound, ScopePart("demographics", {"age_band": "21-23"})], offered)
    add_all("the second part outside", "outside-grant", [sound, outside], offered)
    add_all("a value of another form, then a part outside", "field", [ill, outside], offered)
    add_all("a part outside, then a value of another form", "outside-grant", [outside, ill], offered)
    pictured = ScopePart("identity", {"photograph": "0b" * 16}, (), (attached,))
    for name, expect, part, fields in (
        ("a photograph", "ok", pictured, ("photograph", "attachments")),
        ("a photograph of which attachments are not named", "outside-grant", pictured, ("photograph",)),
        ("a photograph whose field is not named", "outside-grant", pictured, ("attachments",)),
        ("a photograph that lies elsewhere", "ok", replace(pictured, attachments=()), ("photograph",)),
    ):
        named = grant(scopes=(ScopeGrant("identity", "offer", only=fields),))
        add_all(name, expect, [part], ("sender", "offer", named))
    add("a scope at the offer", "ok", ScopePart("services", dict(RECORD["services"]), ("A sentence.",)))
    add("fields at the offer", "ok", ScopePart("demographics", {"age_band": "21-23"}))
    add("a field of a newer version", "ok", ScopePart("services", {"newer": ["a", 1, {"b": True}]}))
    nested = {"newer": {"a text as key": ["", {"": 1}]}}
    add("a newer field of lists and maps", "ok", ScopePart("services", nested))
    add("feedback with a sentence", "ok", ScopePart("services", {}, ("Yes.",)), "receiver", "acceptance")
    add("feedback", "ok", ScopePart("services", {"services_received": ["SHELTER"]}), "receiver", "acceptance")
    for name, part, by, step in (
        ("a scope outside", ScopePart("medical", {}), "sender", "acceptance"),
        ("a field too early", ScopePart("demographics", {"gender": "Feminine"}), "sender", "offer"),
        ("a sentence too early", ScopePart("demographics", {}, ("A sentence.",)), "sender", "offer"),
        ("an attachment too early", ScopePart("demographics", {}, (), (attached,)), "sender", "offer"),
        ("a field withheld", ScopePart("demographics", {"citizenships": ["AL"]}), "sender", "acceptance"),
        ("a field not named", ScopePart("identity", {"family_name": "x"}), "sender", "acceptance"),
        ("a sentence not named", ScopePart("identity", {}, ("A sentence.",)), "sender", "acceptance"),
        ("feedback outside", ScopePart("demographics", {}), "receiver", "acceptance"),
    ):
        add(name, "outside-grant", part, by, step)
    add("a value of another form", "field", ScopePart("demographics", {"age_band": "old"}))
    add("a newer field that holds bytes", "field", ScopePart("services", {"newer": b"x"}))
    add("a newer field that is null", "field", ScopePart("services", {"newer": None}))
    add("a newer field that holds null", "field", ScopePart("services", {"newer": [{"a": None}]}))
    add("a newer field with a control character", "field", ScopePart("services", {"newer": "a\x00"}))
    add("a newer field with one in a key", "field", ScopePart("services", {"newer": {"a\x00": 1}}))
    add("a newer field that is too long", "field", ScopePart("services", {"newer": "x" * 20_001}))
    add("a newer field with another name", "field", ScopePart("services", {"New-er": "x"}))
    add("feedback of another form", "field", ScopePart("services", {"needs": "all"}), "receiver")
    return [cutting, checking]


def answers() -> list[Group]:
    covering = Group("7.5-periods", "7.5", "covers-service")
    for name, service, at in (
        ("now", "SHELTER", START),
        ("five minutes early", "SHELTER", START - 300),
        ("too early", "SHELTER", START - 301),
        ("at the end", "SHELTER", START + 90 * DAY),
        ("another purpose", "RET-REPAT", START),
    ):
        covering.add(name, grant=write(grant()), service=service, at=at)
    passing = Group("7.6-onward", "7.6", "onward-permits")
    services = (ScopeGrant("services", "offer"),)
    own: dict[str, Any] = {"scopes": services, "expires": START + 30 * DAY, "onward": "03" * 16}
    named = onward(classes=(), recipients=(recipient_hash("04" * 16, STRANGER.text),))
    for name, permission, changes, recipient_class, at in (
        ("a class", onward(), {}, "NGO", START),
        ("another class", onward(), {}, "LawEnforcement", START),
        ("a recipient", named, {}, "LawEnforcement", START),
        ("over", onward(), {}, "NGO", START + 60 * DAY),
        ("a grant that lasts longer", onward(), {"expires": START + 61 * DAY}, "NGO", START),
        ("a scope too many", onward(), {"scopes": (*services, ScopeGrant("medical", "offer"))}, "NGO", START),
        ("a purpose too many", onward(), {"purposes": ("assistance", "return")}, "NGO", START),
        ("held by another", onward(), {"controller": STRANGER, "recipient": MISSION}, "NGO", START),
        ("another permission", onward(), {"onward": "09" * 16}, "NGO", START),
    ):
        given = grant(**{"controller": MISSION, "recipient": STRANGER, **own, **changes})
        passing.add(
            name, onward=write(permission), grant=write(given), recipient_class=recipient_class, at=at
        )
    hashing = Group("7.6-recipients", "7.6", "hash-recipient")
    hashing.add("salted", salt="04" * 16, node_id=STRANGER.text)
    return [covering, passing, hashing]


def taken(*steps: tuple[str, str, str, str]) -> list[dict[str, str]]:
    return [
        {"message": message, "by": by, "step": f"{step}/1", "seen": seen} for message, by, step, seen in steps
    ]


OFFERED = ("01", "sender", "referral.offer", "")
ACCEPTED = ("02", "receiver", "referral.accept", "01")
PROGRESS = ("03", "receiver", "referral.progress", "01")
CANCELLED = ("04", "sender", "referral.cancel", "01")
COMPLETED = ("05", "receiver", "referral.complete", "01")
CANCEL_SEEN = ("06", "sender", "referral.cancel", "02")


def steps() -> list[Group]:
    advancing = Group("9.2-transitions", "9.2", "advance")
    for step, transition in TRANSITIONS.items():
        for by in ("sender", "receiver"):
            for state in STATES:
                is_allowed = by in transition.by and state in transition.origins
                name = f"{step} by the {by} when {state}"
                advancing.add(name, "ok" if is_allowed else "transition", state=state, step=step, by=by)
    advancing.add("no step", "transition", state="accepted", step="listing.announce/1", by="sender")
    arriving = Group("9.3-crossing", "9.3", "arrive")
    cancelled = [OFFERED, CANCELLED]
    for name, expect, state, step, by, seen, known in (
        ("an acceptance in turn", "ok", "requested", "accept", "receiver", "01", [OFFERED]),
        ("an acceptance crosses a cancellation", "ok", "cancelled", "accept", "receiver", "01", cancelled),
        ("progress crosses it too", "ok", "cancelled", "progress", "receiver", "01", [*cancelled, ACCEPTED]),
        ("completion outranks it", "ok", "cancelled", "complete", "receiver", "01", [*cancelled, ACCEPTED]),
        ("rejection outranks it", "ok", "cancelled", "reject", "receiver", "01", cancelled),
        ("the cancellation arrives after completion", "ok", "completed", "cancel", "sender", "02",
         [OFFERED, ACCEPTED, COMPLETED]),
        ("an error outranks completion", "ok", "completed", "entered-in-error", "sender", "02",
         [OFFERED, ACCEPTED, COMPLETED]),
        ("an answer arrives after the deadline", "ok", "expired", "accept", "receiver", "01", [OFFERED]),
        ("a step that its author could not take", "transition", "cancelled", "complete", "receiver", "04",
         [OFFERED, ACCEPTED, CANCELLED]),
        ("a message that was not sent", "transition", "requested", "accept", "receiver", "09", [OFFERED]),
        ("the same is seen again", "ok", "accepted", "progress", "receiver", "01", [OFFERED, ACCEPTED]),
        ("an author who unsees everything", "transition", "cancelled", "complete", "receiver", "",
         [OFFERED, ACCEPTED, CANCEL_SEEN, ("07", "receiver", "referral.note", "06")]),
        ("a first step, nothing seen", "ok", "requested", "accept", "receiver", "", [OFFERED]),
        ("an author who unsees", "transition", "cancelled", "complete", "receiver", "01",
         [OFFERED, ACCEPTED, CANCEL_SEEN, ("07", "receiver", "referral.note", "06")]),
    ):  # fmt: skip
        arriving.add(
            name, expect, state=state, step=f"referral.{step}/1", by=by, seen=seen, taken=taken(*known)
        )
    folding = Group("9.3-states", "9.3", "state-of")
    for name, known in {
        "nothing": [],
        "offered": [OFFERED],
        "accepted": [OFFERED, ACCEPTED],
        "cancelled while it was accepted": [OFFERED, ACCEPTED, CANCELLED, PROGRESS],
        "the same in another order": [OFFERED, CANCELLED, ACCEPTED, PROGRESS],
        "completed while it was cancelled": [OFFERED, CANCELLED, ACCEPTED, PROGRESS, COMPLETED],
    }.items():
        folding.add(name, taken=taken(*known))
    return [advancing, arriving, folding]


def approvals() -> Group:
    group = Group("7.8-approvals", "7.8", "settle-exception")
    pending = write(grant(basis=Basis("vital-interest", "8e" * 16, "", START + DAY, "pending")))
    approved = write(grant(basis=Basis("judicial", "8e" * 16, "9f" * 16, START + DAY, "approved")))
    for told in OUTCOMES:
        group.add(f"told for the first time: {told}", grant=pending, known="", told=told)
        group.add(f"told again: {told}", grant=pending, known=told, told=told)
    group.add(
        "a lapsed exception does not revive", "transition", grant=pending, known="lapsed", told="approved"
    )
    group.add("an approved one does not lapse", "transition", grant=pending, known="approved", told="lapsed")
    group.add("it was approved when it went out", "transition", grant=approved, known="", told="approved")
    group.add("it rests on a consent", "transition", grant=write(grant()), known="", told="lapsed")
    return group


def groups() -> list[Group]:
    """Return every group of these sections."""
    return [values(), *permissions(), approvals(), *cuts(), *answers(), *steps()]
