"""Vectors of § 5.6, § 6.3, § 7.7 and § 9.4: what a node remembers, derives, and what has ended."""

from __future__ import annotations

from typing import Any

from iars_protocol.consent import ScopeGrant
from iars_protocol.envelope import message_id
from iars_protocol.permission_json import write
from tests.specimens import DAY, START, grant, header, seed, withdrawal
from tests.vectors.cases import Group

PART = (seed("part"),)
FIRST = header(parts=PART, signing_key=seed("key")).to_bytes()
STREAM = bytes.fromhex("07" * 16)
OLDER, HEAD, REFUSED, SENT = (seed(name) for name in ("older", "head", "refused", "sent"))


def _known(message: bytes, number: int, outcome: str = "applied") -> dict[str, Any]:
    return {"id": message, "stream": STREAM, "number": number, "outcome": outcome}


RECEIVED = [_known(OLDER, 1), _known(HEAD, 2), _known(REFUSED, 3, "refused")]


def places() -> Group:
    group = Group("5.6-places", "5.6", "judge-place")

    def add(name: str, expect: str = "ok", *, at: int = START, **changes: Any) -> None:
        made = {"number": 4, "previous": HEAD, "parts": PART, "signing_key": seed("key"), **changes}
        memory = {"head": HEAD, "received": RECEIVED, "sent": [SENT]}
        group.add(name, expect, header=header(**made).to_bytes(), at=at, **memory)

    empty: dict[str, Any] = {"head": b"", "received": [], "sent": []}
    group.add("the first of a thread", header=FIRST, at=START, **empty)
    known = {**empty, "head": message_id(FIRST), "received": [_known(message_id(FIRST), 1)]}
    group.add("it comes once more", header=FIRST, at=START, **known)
    group.add("it comes once more when it is past its time", header=FIRST, at=START + 30 * DAY, **known)
    taken = {**empty, "received": [_known(OLDER, 1)]}
    group.add("its number belongs to another message", "replay", header=FIRST, at=START, **taken)
    late = {"header": FIRST, "at": START + 30 * DAY}
    group.add("its number belongs to another, and it is past its time", "replay", **late, **taken)
    add("in its turn")
    add("with a number that leaves a gap", number=9)
    add("past its time", at=START + 30 * DAY)
    add("past its time, and out of turn", at=START + 30 * DAY, previous=seed("other"))
    add("after one that is not known", previous=seed("other"))
    add("after one that was refused", previous=REFUSED)
    add("after an older one", previous=OLDER)
    add("after none in a thread that has begun", previous=b"")
    add("a message of the other side was seen", seen=SENT)
    add("a message was seen that nobody sent", seen=seed("other"))
    add("one's own message was seen", seen=HEAD)
    add("out of turn, and a message was seen that nobody sent", previous=seed("other"), seen=seed("other"))
    return group


def timely() -> Group:
    group = Group("9.4-answers", "9.4", "check-answer")

    def add(name: str, expect: str, step: str, kind: str = "service", created: int = START + DAY - 1) -> None:
        group.add(name, expect, step=step, kind=kind, created=created, respond_by=START + DAY)

    add("an acceptance in the last second", "ok", "referral.accept/1")
    add("an acceptance at the deadline", "expired", "referral.accept/1", created=START + DAY)
    add("a rejection at the deadline", "expired", "referral.reject/1", created=START + DAY)
    add("a handover taken over at the deadline", "expired", "handover.accept/1", "handover", START + DAY)
    add("progress after it", "ok", "referral.progress/1", created=START + 2 * DAY)
    add("a handover taken over", "ok", "handover.accept/1", "handover")
    add("a handover rejected", "ok", "referral.reject/1", "handover")
    add("a service taken over as a handover", "transition", "handover.accept/1")
    add("a handover accepted as a service", "transition", "referral.accept/1", "handover")
    return group


def derived() -> list[Group]:
    deriving = Group("6.3-derived", "6.3", "derive-fields")
    birth: list[tuple[str, str]] = [
        ("2008-06-15", "2026-06-14"), ("2008-06-15", "2026-06-15"), ("2008-06", "2026-05-31"),
        ("2008-06", "2026-06-01"), ("2008", "2026-06-30"), ("2008~", "2026-07-01"), ("2030", "2026-01-01"),
        ("2008-02-29", "2026-02-28"), ("2008-02-29", "2026-03-01"), ("1920", "2026-01-01"),
    ]  # fmt: skip
    for born, today in birth:
        given: dict[str, Any] = {"identity": {"birth_date": born}, "demographics": {}, "country": "AL"}
        deriving.add(f"born {born}, on {today}", **given, today=today)
    for name, demographics in {
        "a national": {"citizenships": ["RU", "AL"]},
        "a national of another country": {"citizenships": ["RU"]},
        "a stateless person": {"stateless": True},
        "nobody knows": {},
    }.items():
        deriving.add(name, identity={}, demographics=demographics, country="AL", today="2026-01-01")
    seen = Group("6.3-tracks", "6.3", "derive-track")
    for name, track, citizenships, here in (
        ("the same country", "national", [], "AL"),
        ("a national there", "national", [], "IT"),
        ("a third-country national there", "third-country", [], "IT"),
        ("citizenships tell", "national", ["IT", "AL"], "IT"),
        ("citizenships tell otherwise", "third-country", ["FR"], "IT"),
        ("nothing said", "", [], "IT"),
    ):
        said = ({"track": track} if track else {}) | ({"citizenships": citizenships} if citizenships else {})
        seen.add(name, demographics=said, there="AL", here=here)
    return [deriving, seen]


def standing() -> Group:
    group = Group("7.7-standing", "7.7", "what-stands")
    terms = grant(
        purposes=("assistance", "return"),
        scopes=tuple(ScopeGrant(code, "offer") for code in ("services", "identity", "medical")),
    )

    def add(name: str, *said: dict[str, Any], service: str = "SHELTER") -> None:
        bodies = [write(withdrawal(**each)) for each in said]
        group.add(name, grant=write(terms), withdrawals=bodies, service=service)

    add("nothing was withdrawn")
    add("the whole", {})
    add("one scope", {"scopes": ("medical",)})
    add("one purpose, which is not the service's", {"purposes": ("return",)})
    add("one purpose, the service's", {"purposes": ("return",)}, service="RET-REPAT")
    add("one scope for another purpose", {"scopes": ("medical",), "purposes": ("return",)})
    add("two after each other", {"scopes": ("medical",)}, {"scopes": ("identity",)})
    return group


def groups() -> list[Group]:
    """Return every group of these sections."""
    return [places(), timely(), *derived(), standing()]
