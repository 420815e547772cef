"""Vectors of § 4: key histories, listings, fingerprints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from iars_protocol import keys
from iars_protocol.crypto import EncryptionKey
from iars_protocol.encoding import decode, encode, encode_json
from iars_protocol.keys import Statement, commitment
from iars_protocol.listing import sign_listing
from tests.specimens import DAY, MISSION, SHELTER, START, STRANGER, Node, listing, seed, signed_listing
from tests.vectors.cases import Group
from tests.vectors.forms import write_statements

NEWER = EncryptionKey(seed("shelter newer"))
SEALING = {"key": NEWER.public, "seal_until": START + 60 * DAY, "destroy_after": START + 105 * DAY}


def revocation(role: str, at: int = START + DAY, since: int = START) -> dict[str, Any]:
    return {"key_id": SHELTER.key(role).key_id, "revoked_at": at, "suspect_since": since}


def rotation() -> dict[str, Any]:
    return {"root": SHELTER.key("next_root").public, "next_root": commitment(SHELTER.key("later").public)}


def one(
    kind: str, content: dict[str, Any], role: str, to: Node = SHELTER, created: int = START
) -> list[list[str]]:
    """Return the statement that would follow, whether it is sound or not."""
    made = keys.state(kind, content, key=to.key(role), previous=to.statements, created=created)
    return write_statements([made])


def changed(**changes: Any) -> list[list[str]]:
    made = keys.state(
        keys.ENDPOINT, {"urls": []}, key=SHELTER.signing, previous=SHELTER.statements, created=START
    )
    plain = {**decode(made.body), **changes}
    body = encode({name: value for name, value in plain.items() if value is not ...})
    return write_statements([Statement(body, SHELTER.signing.sign(keys.SIGN_PURPOSE, body))])


SPARE = SHELTER.key("spare")
HOP = keys.hop_content(SHELTER.id, SPARE)
TWO_SIGNING = SHELTER.with_statement(keys.DELEGATION, {"role": "signing", "key": SPARE.public}, "root")
ROTATED = SHELTER.with_statement(keys.ROOT_ROTATION, rotation(), "next_root")
REVOKED = SHELTER.with_statement(keys.REVOCATION, revocation("signing"), "root")
REVOKED_HOP = SHELTER.with_statement(keys.REVOCATION, revocation("hop", START + DAY, START + 5), "root")


def _sound(group: Group) -> None:
    add = {
        "a root rotation": one(keys.ROOT_ROTATION, rotation(), "next_root"),
        "a second signing key": one(keys.DELEGATION, {"role": "signing", "key": SPARE.public}, "root"),
        "a log key": one(keys.DELEGATION, {"role": "log", "key": SPARE.public}, "root"),
        "a revocation": one(keys.REVOCATION, revocation("signing"), "root"),
        "an encryption key": one(keys.ENCRYPTION_KEY, SEALING, "signing"),
        "a hop key": one(keys.HOP_KEY, HOP, "signing"),
        "a mailbox": one(keys.ENDPOINT, {"urls": ["mailbox:a.example/b"]}, "signing"),
        "no endpoints": one(keys.ENDPOINT, {"urls": []}, "signing"),
        "two endpoints": one(
            keys.ENDPOINT, {"urls": ["https://a.example:8443/iars", "http://[::1]:80"]}, "signing"
        ),
    }
    for name, statements in add.items():
        group.add(name, history="shelter", statements=statements)
    after = write_statements(ROTATED.statements)
    spoken = one(keys.REVOCATION, revocation("hop"), "next_root", ROTATED)
    group.add("the new root speaks after a rotation", history=after, statements=spoken)
    after = write_statements(TWO_SIGNING.statements)
    spoken = one(keys.ENDPOINT, {"urls": []}, "spare", TWO_SIGNING)
    group.add("the newest signing key speaks", history=after, statements=spoken)
    after = write_statements(REVOKED_HOP.statements)
    stricter = one(keys.REVOCATION, revocation("hop", START + 10, START), "root", REVOKED_HOP)
    group.add("a revocation made stricter", history=after, statements=stricter)
    same = one(keys.REVOCATION, revocation("hop", START + DAY, START + 5), "root", REVOKED_HOP)
    group.add("a revocation said again", history=after, statements=same)
    earlier = one(keys.REVOCATION, revocation("hop", START + DAY, START + 4), "root", REVOKED_HOP)
    group.add("a revocation of which one time moves", history=after, statements=earlier)
    unusable = {**rotation(), "next_root": commitment(SHELTER.signing.public)}
    group.add(
        "a root that commits to a key with a role",
        history="shelter",
        statements=one(keys.ROOT_ROTATION, unusable, "next_root"),
    )


def _signers(group: Group) -> None:
    for name, kind, content, role in (
        ("a delegation by the signing key", keys.DELEGATION, {"role": "log", "key": SPARE.public}, "signing"),
        ("a revocation by the signing key", keys.REVOCATION, revocation("hop"), "signing"),
        ("a hop key by the root", keys.HOP_KEY, HOP, "root"),
        ("an encryption key by the log key", keys.ENCRYPTION_KEY, SEALING, "log"),
        ("a root rotation by the old root", keys.ROOT_ROTATION, rotation(), "root"),
        ("another node's hop key", keys.HOP_KEY, keys.hop_content(MISSION.id, MISSION.key("hop")), "signing"),
        (
            "a hop key proved by another key",
            keys.HOP_KEY,
            {**HOP, "key": MISSION.key("hop").public},
            "signing",
        ),
    ):
        group.add(name, "signature", history="shelter", statements=one(kind, content, role))
    old = one(keys.ENDPOINT, {"urls": []}, "signing", TWO_SIGNING)
    group.add(
        "an older signing key", "signature", history=write_statements(TWO_SIGNING.statements), statements=old
    )
    silent = one(keys.ENDPOINT, {"urls": []}, "signing", REVOKED)
    group.add(
        "a revoked signing key", "signature", history=write_statements(REVOKED.statements), statements=silent
    )
    old = one(keys.REVOCATION, revocation("hop"), "root", ROTATED)
    group.add(
        "the old root after a rotation",
        "signature",
        history=write_statements(ROTATED.statements),
        statements=old,
    )


def _refused_keys(group: Group) -> None:
    again = {"key": SHELTER.encryption.public, "seal_until": START + 1, "destroy_after": START + 1}
    for name, kind, content, role in (
        ("the signing key as hop key", keys.HOP_KEY, {**HOP, "key": SHELTER.signing.public}, "signing"),
        ("the root as log key", keys.DELEGATION, {"role": "log", "key": SHELTER.key("root").public}, "root"),
        (
            "the next root as hop key",
            keys.HOP_KEY,
            {**HOP, "key": SHELTER.key("next_root").public},
            "signing",
        ),
        ("the hop key once more", keys.HOP_KEY, keys.hop_content(SHELTER.id, SHELTER.key("hop")), "signing"),
        ("the encryption key once more", keys.ENCRYPTION_KEY, again, "signing"),
        ("a hop key of low order", keys.HOP_KEY, {**HOP, "key": b"\x01" + bytes(31)}, "signing"),
        ("an encryption key of zeros", keys.ENCRYPTION_KEY, {**SEALING, "key": bytes(1216)}, "signing"),
        (
            "a root that was not committed to",
            keys.ROOT_ROTATION,
            {**rotation(), "root": SPARE.public},
            "spare",
        ),
        (
            "a root that commits to itself",
            keys.ROOT_ROTATION,
            {**rotation(), "next_root": commitment(SHELTER.key("next_root").public)},
            "next_root",
        ),
    ):
        group.add(name, "key-refused", history="shelter", statements=one(kind, content, role))


def _malformed(group: Group) -> None:
    for name, kind, content, role in (
        ("another role", keys.DELEGATION, {"role": "hop", "key": SPARE.public}, "root"),
        ("an entry too many", keys.HOP_KEY, {**HOP, "more": 1}, "signing"),
        ("an entry too few", keys.HOP_KEY, {"key": SPARE.public}, "signing"),
        ("a key that is text", keys.HOP_KEY, {**HOP, "key": "key"}, "signing"),
        ("a proof that is too short", keys.HOP_KEY, {**HOP, "proof": bytes(63)}, "signing"),
        ("a second inception", keys.INCEPTION, {"root": SPARE.public, "next_root": bytes(32)}, "root"),
        ("suspect after revoked", keys.REVOCATION, revocation("hop", START, START + 1), "root"),
        ("times out of order", keys.ENCRYPTION_KEY, {**SEALING, "destroy_after": START}, "signing"),
        ("an endpoint with a name in it", keys.ENDPOINT, {"urls": ["https://user@a.example"]}, "signing"),
        ("an endpoint of another scheme", keys.ENDPOINT, {"urls": ["ftp://a.example"]}, "signing"),
        ("an endpoint with a query", keys.ENDPOINT, {"urls": ["https://a.example/?b"]}, "signing"),
        ("an endpoint with a line end", keys.ENDPOINT, {"urls": ["https://a.example/\n"]}, "signing"),
        ("nine endpoints", keys.ENDPOINT, {"urls": [f"https://{n}.example" for n in range(9)]}, "signing"),
    ):
        group.add(name, "malformed", history="shelter", statements=one(kind, content, role))
    older = one(keys.ENDPOINT, {"urls": []}, "signing", created=START - 1)
    group.add("older than the one before", "malformed", history="shelter", statements=older)
    for name, changes in (
        ("a position taken", {"position": 5}),
        ("a position skipped", {"position": 7}),
        ("a position that is true", {"position": True}),
        ("another predecessor", {"previous": bytes(32)}),
    ):
        group.add(name, "malformed", history="shelter", statements=changed(**changes))
    weaker = one(keys.REVOCATION, revocation("hop", START + DAY, START + 6), "root", REVOKED_HOP)
    after = write_statements(REVOKED_HOP.statements)
    group.add("a revocation made weaker", "malformed", history=after, statements=weaker)
    unknown = one(keys.REVOCATION, revocation("spare"), "root")
    group.add("a revocation of a key that is not there", "unknown-key", history="shelter", statements=unknown)
    other: dict[str, dict[str, Any]] = {
        "version 2": {"v": 2},
        "a version that is true": {"v": True},
        "no version": {"v": ...},
        "another kind": {"kind": "blessing"},
        "a kind that is a number": {"kind": 1},
        "no kind": {"kind": ...},
    }
    for name, changes in other.items():
        group.add(name, "unsupported-version", history="shelter", statements=changed(**changes))


def histories() -> list[Group]:
    reading = Group("4.1-histories", "4.1", "read-history")
    reading.add("a whole history", history="shelter")
    reading.add("another node's", history="mission")
    reading.add("none", "malformed", history=[])
    reading.add("without its inception", "malformed", history=write_statements(SHELTER.statements[1:]))
    unsigned = [Statement(SHELTER.statements[0].body, bytes(64))]
    reading.add("an inception that is not signed", "signature", history=write_statements(unsigned))
    extending = Group("4.4-statements", "4.4", "extend-history")
    for fill in (_sound, _signers, _refused_keys, _malformed):
        fill(extending)
    left = SHELTER.with_statement(keys.ENDPOINT, {"urls": []}, "signing")
    right = SHELTER.with_statement(keys.ENDPOINT, {"urls": ["https://elsewhere.example"]}, "signing")
    merging = Group("4.4-forks", "4.4", "merge-histories")
    merging.add("a newer copy", known="shelter", offered=write_statements(left.statements))
    merging.add("an older copy", known=write_statements(left.statements), offered="shelter")
    merging.add(
        "a fork", "fork", known=write_statements(left.statements), offered=write_statements(right.statements)
    )
    forged = [*right.statements[:-1], Statement(right.statements[-1].body, bytes(64))]
    merging.add(
        "a fork that the node did not sign",
        "signature",
        known=write_statements(left.statements),
        offered=write_statements(forged),
    )
    merging.add("another node's history", "signature", known="shelter", offered="stranger")
    first = write_statements(SHELTER.statements[:1])
    merging.add("no more than its inception", known="shelter", offered=first)
    merging.add("nothing", "malformed", known="shelter", offered=[])
    behind = [*SHELTER.statements[:4], right.statements[-1]]
    merging.add(
        "a difference that does not continue", "malformed", known="shelter", offered=write_statements(behind)
    )
    return [reading, extending, merging]


def lookups() -> list[Group]:
    revoked = write_statements(REVOKED.statements)
    signing = Group("4.4-signing-keys", "4.4", "find-signing-key")
    wanted = SHELTER.signing.key_id
    signing.add("living", history="shelter", key_id=wanted, at=START)
    signing.add("before its revocation", history=revoked, key_id=wanted, at=START + DAY - 1)
    signing.add("at its revocation", "signature", history=revoked, key_id=wanted, at=START + DAY)
    signing.add("the hop key", "unknown-key", history="shelter", key_id=SHELTER.key("hop").key_id, at=START)
    two = write_statements(SHELTER.with_statement(keys.ENCRYPTION_KEY, SEALING, "signing").statements)
    sealing = Group("4.4-sealing-keys", "4.4", "find-sealing-key")
    sealing.add("the only one", history="shelter", at=START)
    sealing.add("the newest", history=two, at=START)
    sealing.add("none left", "unknown-key", history="shelter", at=START + keys.SEAL_SECONDS)
    newer = {"key_id": NEWER.key_id, "revoked_at": START + DAY, "suspect_since": START + DAY}
    both = SHELTER.with_statement(keys.ENCRYPTION_KEY, SEALING, "signing")
    without = write_statements(both.with_statement(keys.REVOCATION, newer, "root").statements)
    sealing.add("the newest is revoked, from a later day on", history=without, at=START)
    only = SHELTER.with_statement(
        keys.REVOCATION, {**newer, "key_id": SHELTER.encryption.key_id}, "root"
    ).statements
    sealing.add(
        "the only one is revoked, from a later day on",
        "unknown-key",
        history=write_statements(only),
        at=START,
    )
    return [signing, sealing]


def _listed(**changes: Any) -> bytes:
    plain = {**listing().to_json(), **changes}
    body = encode_json({name: value for name, value in plain.items() if value is not ...})
    signed = replace(signed_listing(), body=body, signature=SHELTER.signing.sign("iars/1/listing", body))
    return signed.to_bytes()


def listings() -> list[Group]:
    group = Group("4.5-listings", "4.5", "verify-listing")
    sound = signed_listing().to_bytes()
    group.add("sound", listing=sound, at=START)
    group.add("of a pinned node", listing=sound, at=START, known="shelter")
    group.add(
        "a service that a newer version knows", listing=_listed(services=["SHELTER", "LATER"]), at=START
    )
    newer = SHELTER.with_statement(keys.ENDPOINT, {"urls": []}, "signing")
    longer = sign_listing(listing(), newer.statements, SHELTER.signing).to_bytes()
    group.add("with a newer history", listing=longer, at=START, known="shelter")
    group.add("with an older history", listing=sound, at=START, known=write_statements(newer.statements))
    group.add("without languages", listing=_listed(languages=[]), at=START)
    forked = SHELTER.with_statement(keys.ENDPOINT, {"urls": ["https://b.example"]}, "signing")
    group.add("with a fork", "fork", listing=longer, at=START, known=write_statements(forked.statements))
    group.add(
        "another node's", "signature", listing=signed_listing(STRANGER).to_bytes(), at=START, known="shelter"
    )
    named = sign_listing(listing(MISSION), SHELTER.statements, SHELTER.signing).to_bytes()
    group.add("naming another node", "signature", listing=named, at=START)
    unsigned = replace(signed_listing(), signature=bytes(64)).to_bytes()
    group.add("not signed", "signature", listing=unsigned, at=START)
    by_hop = sign_listing(listing(), SHELTER.statements, SHELTER.key("hop")).to_bytes()
    group.add("signed by the hop key", "unknown-key", listing=by_hop, at=START)
    for name, changes in (
        ("no name", {"names": {}}),
        ("another organisation type", {"organisation_type": "Club"}),
        ("a country in words", {"country": "Albania"}),
        ("a number that is true", {"number": True}),
        ("a language twice", {"languages": ["sq", "sq"]}),
        ("a zone with a space", {"zone": "Europe/Tirane "}),
        ("an entry too many", {"more": 1}),
    ):
        group.add(name, "malformed", listing=_listed(**changes), at=START)
    group.add("version 2 inside", "unsupported-version", listing=_listed(type="listing/2"), at=START)
    group.add("no version inside", "unsupported-version", listing=_listed(type=...), at=START)
    group.add("version 2 outside", "unsupported-version", listing=encode(["listing/2"]), at=START)
    group.add("a version that is a number", "unsupported-version", listing=encode([1]), at=START)
    group.add("nothing in it", "unsupported-version", listing=encode([]), at=START)
    group.add("no list", "malformed", listing=encode("listing/1"), at=START)
    group.add("a piece too few", "malformed", listing=encode(decode(sound)[:4]), at=START)
    digits = Group("4.6-fingerprints", "4.6", "fingerprint")
    for node in (SHELTER, MISSION):
        digits.add(node.name, node_id=node.id)
    return [group, digits]


def groups() -> list[Group]:
    """Return every group of this section."""
    return [*histories(), *lookups(), *listings()]
