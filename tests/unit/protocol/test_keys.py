from __future__ import annotations

from typing import Any

import pytest
from tests.specimens import DAY, MISSION, SHELTER, START, STRANGER, Node, seed

from iars_protocol import keys
from iars_protocol.crypto import EncryptionKey, SigningKey, key_id
from iars_protocol.encoding import decode, encode
from iars_protocol.errors import (
    ForkError,
    KeyRefusedError,
    MalformedError,
    ProtocolError,
    SignatureError,
    UnknownKeyError,
    UnsupportedVersionError,
)
from iars_protocol.keys import (
    DELEGATION,
    ENCRYPTION_KEY,
    ENDPOINT,
    HOP_KEY,
    INCEPTION,
    REVOCATION,
    ROOT_ROTATION,
    KeyHistory,
    Statement,
    commitment,
    extend,
    fingerprint,
    hop_content,
    merge,
    read_history,
    state,
)

SPARE = SHELTER.key("spare")


def add(kind: str, content: dict[str, Any], role: str, *, created: int = START, to: Node = SHELTER) -> Node:
    return to.with_statement(kind, content, role, created=created)


def refused(
    error: type[ProtocolError], kind: str, content: dict[str, Any], role: str, *, created: int = START
) -> None:
    with pytest.raises(error):
        add(kind, content, role, created=created)


def rotation(to: Node = SHELTER) -> dict[str, Any]:
    return {"root": to.key("next_root").public, "next_root": commitment(to.key("later").public)}


def revocation(role: str, at: int = START + DAY, since: int = START) -> dict[str, Any]:
    return {"key_id": SHELTER.key(role).key_id, "revoked_at": at, "suspect_since": since}


def test_a_node_is_known_by_its_first_statement() -> None:
    assert SHELTER.id == keys.node_id_of(SHELTER.statements[0].body)
    assert SHELTER.history.endpoints == ("https://shelter.example",)
    assert SHELTER.history.head == SHELTER.statements[-1].hash


def test_each_role_has_its_own_keys() -> None:
    history = SHELTER.history
    signing, hop = SHELTER.signing, SHELTER.key("hop")
    assert history.signing_public(signing.key_id, at=START) == signing.public
    assert history.hop_public(hop.key_id, at=START) == hop.public
    with pytest.raises(UnknownKeyError):
        history.signing_public(hop.key_id, at=START)
    with pytest.raises(UnknownKeyError):
        history.hop_public(signing.key_id, at=START)


@pytest.mark.parametrize("role", ["root", "signing", "log", "hop", "next_root"])
def test_a_key_has_one_role_once(role: str) -> None:
    refused(KeyRefusedError, HOP_KEY, hop_content(SHELTER.id, SHELTER.key(role)), "signing")
    refused(KeyRefusedError, DELEGATION, {"role": "signing", "key": SHELTER.key(role).public}, "root")


def test_nobody_enrols_the_hop_key_of_another_node() -> None:
    refused(SignatureError, HOP_KEY, hop_content(MISSION.id, MISSION.key("hop")), "signing")
    stolen = {**hop_content(SHELTER.id, SPARE), "key": MISSION.key("hop").public}
    refused(SignatureError, HOP_KEY, stolen, "signing")


def test_an_encryption_key_is_enrolled_once() -> None:
    again = {"key": SHELTER.encryption.public, "seal_until": START + DAY, "destroy_after": START + 2 * DAY}
    refused(KeyRefusedError, ENCRYPTION_KEY, again, "signing")


def test_weak_keys_are_not_enrolled() -> None:
    refused(KeyRefusedError, HOP_KEY, {"key": bytes(32), "proof": bytes(64)}, "signing")
    refused(KeyRefusedError, DELEGATION, {"role": "log", "key": b"\x01" + bytes(31)}, "root")
    weak = {"key": bytes(1216), "seal_until": START + DAY, "destroy_after": START + DAY}
    refused(KeyRefusedError, ENCRYPTION_KEY, weak, "signing")


ROOT_ONLY = [
    (DELEGATION, {"role": "signing", "key": SPARE.public}),
    (REVOCATION, revocation("hop")),
]
SIGNING_ONLY = [
    (HOP_KEY, hop_content(SHELTER.id, SPARE)),
    (ENDPOINT, {"urls": []}),
    (
        ENCRYPTION_KEY,
        {"key": EncryptionKey(bytes(32)).public, "seal_until": START + 1, "destroy_after": START + 1},
    ),
]


@pytest.mark.parametrize(
    ("kind", "content", "role"),
    [(kind, content, role) for kind, content in ROOT_ONLY for role in ("signing", "hop", "next_root")]
    + [(kind, content, role) for kind, content in SIGNING_ONLY for role in ("root", "hop", "log")],
)
def test_each_kind_is_signed_by_the_key_that_may(kind: str, content: dict[str, Any], role: str) -> None:
    refused(SignatureError, kind, content, role)


def test_the_newest_living_signing_key_speaks_for_the_node() -> None:
    two = add(DELEGATION, {"role": "signing", "key": SPARE.public}, "root")
    with pytest.raises(SignatureError):
        add(ENDPOINT, {"urls": []}, "signing", to=two)
    assert add(ENDPOINT, {"urls": []}, "spare", to=two).history.endpoints == ()
    revoked = add(REVOCATION, revocation("spare"), "root", to=two)
    assert add(ENDPOINT, {"urls": []}, "signing", to=revoked).history.endpoints == ()
    silent = add(REVOCATION, revocation("signing"), "root", to=revoked)
    with pytest.raises(SignatureError):
        add(ENDPOINT, {"urls": []}, "signing", to=silent)


def test_a_rotated_root_must_be_the_one_committed_to() -> None:
    rotated = add(ROOT_ROTATION, rotation(), "next_root")
    assert rotated.id == SHELTER.id
    assert rotated.history.root == SHELTER.key("next_root").public
    refused(KeyRefusedError, ROOT_ROTATION, rotation() | {"root": SPARE.public}, "spare")
    refused(SignatureError, ROOT_ROTATION, rotation(), "root")
    refused(
        KeyRefusedError,
        ROOT_ROTATION,
        rotation() | {"next_root": commitment(SHELTER.key("next_root").public)},
        "next_root",
    )
    with pytest.raises(SignatureError):
        add(REVOCATION, revocation("hop"), "root", to=rotated)
    with pytest.raises(KeyRefusedError):
        add(ROOT_ROTATION, {"root": SHELTER.key("root").public, "next_root": bytes(32)}, "root", to=rotated)


def test_an_inception_commits_to_another_root() -> None:
    root = SHELTER.key("root")
    content = {"root": root.public, "next_root": commitment(root.public)}
    with pytest.raises(KeyRefusedError):
        read_history([state(INCEPTION, content, key=root, previous=(), created=START)])


def test_a_revoked_key_counts_until_its_time() -> None:
    history = add(REVOCATION, revocation("signing"), "root").history
    wanted = SHELTER.signing.key_id
    assert history.signing_public(wanted, at=START + DAY - 1)
    with pytest.raises(SignatureError):
        history.signing_public(wanted, at=START + DAY)


def test_a_revocation_is_never_weakened() -> None:
    once = add(REVOCATION, revocation("hop", START + DAY, START + 5), "root")
    stricter = add(REVOCATION, revocation("hop", START + 10, START), "root", to=once)
    assert stricter.history.revoked[SHELTER.key("hop").key_id].revoked_at == START + 10
    for at, since in ((START + 2 * DAY, START + 5), (START + DAY, START + 6)):
        with pytest.raises(MalformedError):
            add(REVOCATION, revocation("hop", at, since), "root", to=once)


def test_a_revocation_names_a_key_of_the_history_and_sound_times() -> None:
    refused(UnknownKeyError, REVOCATION, revocation("spare"), "root")
    refused(UnknownKeyError, REVOCATION, revocation("root"), "root")
    refused(MalformedError, REVOCATION, revocation("hop", START, START + 1), "root")
    refused(MalformedError, REVOCATION, revocation("hop") | {"key_id": b""}, "root")
    refused(MalformedError, REVOCATION, revocation("hop", True, False), "root")


def test_the_newest_living_encryption_key_is_sealed_for() -> None:
    newer = EncryptionKey(seed("newer"))
    times = {"seal_until": START + 40 * DAY, "destroy_after": START + 50 * DAY}
    two = add(ENCRYPTION_KEY, {"key": newer.public, **times}, "signing")
    assert two.history.sealing_key(at=START).key_id == newer.key_id
    gone = {"key_id": newer.key_id, "revoked_at": START + DAY, "suspect_since": START}
    revoked = add(REVOCATION, gone, "root", to=two)
    assert revoked.history.sealing_key(at=START).key_id == SHELTER.encryption.key_id
    with pytest.raises(UnknownKeyError):
        revoked.history.sealing_key(at=START + keys.SEAL_SECONDS)


@pytest.mark.parametrize(
    ("kind", "content", "role"),
    [
        (DELEGATION, {"role": "hop", "key": SPARE.public}, "root"),
        (DELEGATION, {"role": [], "key": SPARE.public}, "root"),
        (DELEGATION, {"role": "log", "key": "key"}, "root"),
        (DELEGATION, {"role": "log"}, "root"),
        (DELEGATION, {"role": "log", "key": SPARE.public, "more": 1}, "root"),
        (
            ENCRYPTION_KEY,
            {"key": EncryptionKey(bytes(32)).public, "seal_until": START, "destroy_after": START},
            "signing",
        ),
        (
            ENCRYPTION_KEY,
            {"key": EncryptionKey(bytes(32)).public, "seal_until": START + 2, "destroy_after": START + 1},
            "signing",
        ),
        (ENDPOINT, {"urls": "https://a"}, "signing"),
        (ENDPOINT, {"urls": ["https://a"] * 2}, "signing"),
        (ENDPOINT, {"urls": [f"https://a/{n}" for n in range(9)]}, "signing"),
        (ENDPOINT, {"urls": ["ftp://a"]}, "signing"),
        (ENDPOINT, {"urls": ["https://user@a"]}, "signing"),
        (ENDPOINT, {"urls": ["https://a?b"]}, "signing"),
        (ENDPOINT, {"urls": ["https://a b"]}, "signing"),
        (ENDPOINT, {"urls": ["https://"]}, "signing"),
        (ENDPOINT, {"urls": [1]}, "signing"),
        (HOP_KEY, {"key": None, "proof": bytes(64)}, "signing"),
        (HOP_KEY, {"key": SPARE.public}, "signing"),
        (HOP_KEY, {"key": SPARE.public, "proof": bytes(63)}, "signing"),
    ],
)
def test_a_statement_of_another_form_is_refused(kind: str, content: dict[str, Any], role: str) -> None:
    refused(MalformedError, kind, content, role)


def test_endpoints_of_each_accepted_form_are_kept() -> None:
    urls = ["https://a.example:8443/iars/", "http://127.0.0.1:8001", "http://[::1]:8001", "mailbox:anything"]
    assert add(ENDPOINT, {"urls": urls}, "signing").history.endpoints == tuple(urls)


def test_an_inception_stands_at_the_beginning_only() -> None:
    refused(MalformedError, INCEPTION, {"root": SPARE.public, "next_root": bytes(32)}, "root")


def test_a_statement_is_not_older_than_the_one_before() -> None:
    refused(MalformedError, ENDPOINT, {"urls": []}, "signing", created=START - 1)


def forged(changes: dict[str, Any], role: str = "signing") -> Statement:
    body = decode(
        state(ENDPOINT, {"urls": []}, key=SHELTER.signing, previous=SHELTER.statements, created=START).body
    )
    changed = {name: value for name, value in {**body, **changes}.items() if value is not ...}
    octets = encode(changed)
    return Statement(octets, SHELTER.key(role).sign(keys.SIGN_PURPOSE, octets))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"v": 2}, UnsupportedVersionError),
        ({"v": True}, UnsupportedVersionError),
        ({"v": ...}, UnsupportedVersionError),
        ({"kind": "blessing"}, UnsupportedVersionError),
        ({"kind": []}, UnsupportedVersionError),
        ({"position": 5}, MalformedError),
        ({"position": 7}, MalformedError),
        ({"position": True}, MalformedError),
        ({"position": 1000}, MalformedError),
        ({"previous": bytes(32)}, MalformedError),
        ({"previous": ""}, MalformedError),
        ({"created": "now"}, MalformedError),
    ],
)
def test_a_statement_must_continue_the_history(changes: dict[str, Any], error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        extend(SHELTER.history, [forged(changes)])


def test_a_history_begins_with_its_inception() -> None:
    with pytest.raises(MalformedError):
        read_history([])
    with pytest.raises(MalformedError):
        read_history(SHELTER.statements[1:])
    with pytest.raises(MalformedError):
        read_history([SHELTER.statements[0], *SHELTER.statements[2:]])
    with pytest.raises(SignatureError):
        read_history([Statement(SHELTER.statements[0].body, bytes(64))])


@pytest.mark.parametrize("plain", [None, [], [b"", bytes(63)], ["", bytes(64)], [b"", bytes(64), b""]])
def test_a_statement_has_two_pieces(plain: object) -> None:
    with pytest.raises(MalformedError):
        Statement.from_plain(plain)


def test_a_statement_that_is_no_map_or_too_long_is_refused() -> None:
    for body in (encode([]), encode({"v": 1, "kind": "x" * 9000})):
        with pytest.raises(MalformedError):
            read_history([Statement(body, bytes(64))])


def test_a_newer_copy_is_accepted_and_an_older_one_changes_nothing() -> None:
    newer = add(ENDPOINT, {"urls": []}, "signing")
    assert merge(SHELTER.history, newer.statements) == newer.history
    assert merge(newer.history, SHELTER.statements) == newer.history


def fork() -> tuple[KeyHistory, tuple[Statement, ...]]:
    left = add(ENDPOINT, {"urls": []}, "signing")
    right = add(ENDPOINT, {"urls": ["https://elsewhere.example"]}, "signing")
    return left.history, right.statements


def test_a_copy_that_is_empty_is_no_copy() -> None:
    with pytest.raises(MalformedError):
        merge(SHELTER.history, ())


def test_two_signed_statements_at_one_position_are_a_fork() -> None:
    known, offered = fork()
    with pytest.raises(ForkError):
        merge(known, offered)


def test_nobody_else_can_make_a_fork() -> None:
    known, offered = fork()
    unsigned = Statement(offered[-1].body, bytes(64))
    with pytest.raises(SignatureError):
        merge(known, [*offered[:-1], unsigned])
    with pytest.raises(MalformedError):
        merge(known, [*offered[:3], Statement(b"\xff", bytes(64))])
    with pytest.raises(SignatureError):
        merge(known, STRANGER.statements)


def test_a_fingerprint_is_ten_groups_of_five_digits() -> None:
    digits = fingerprint(SHELTER.id)
    assert [len(group) for group in digits.split(" ")] == [5] * 10
    assert digits.replace(" ", "").isdigit()
    assert digits != fingerprint(STRANGER.id)


def test_key_ids_name_keys_in_every_role() -> None:
    assert SHELTER.encryption.key_id in SHELTER.history.encryption
    assert key_id(1, SigningKey(seed("shelter log")).public) in SHELTER.history.log
