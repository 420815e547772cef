"""Bad input over real HTTP, until its author is certain: one answer, nothing kept, the audit log tells."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.conftest import MORNING
from tests.security.wire.dishonest import MARKER, NOW, actions

from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM
from iars_protocol.batch import MAX_BATCH, MOST_ENVELOPES, write_batch
from iars_protocol.crypto import SigningKey, new_seed
from iars_protocol.encoding import encode
from iars_protocol.envelope import MAX_ENVELOPE, Message, read_outer, sign_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour
    from tests.security.wire.dishonest import Dishonest, Heard


REFUSED = encode([{"error": "refused"}])
CLOCK = encode([{"error": "clock"}])


# -- before anybody is known


def deeply_nested() -> bytes:
    return b"\x81" * 5000 + b"\x80"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        MARKER.encode(),
        encode({"envelopes": []}),
        encode([]),
        encode([1]),
        encode([b"x"] * (MOST_ENVELOPES + 1)),
        encode([b"x" * (MAX_ENVELOPE + 1)]),
        encode([b"x"]) + b"\x00",
        b"\x9f\x41x\xff",
        deeply_nested(),
    ],
    ids=["empty", "cut", "text", "map", "none", "numbers", "many", "long", "trailing", "endless", "deep"],
)
def test_what_is_no_list_of_envelopes_is_answered_alike(
    enemy: Dishonest, mission: Neighbour, body: bytes
) -> None:
    heard = enemy.post(body)
    assert heard.status == 422
    assert heard.body == enemy.post(b"\x00").body
    assert "alarm exchange.unauthenticated" in actions(mission)


def test_a_request_that_is_too_long_is_not_read(enemy: Dishonest) -> None:
    body = b"\x00" * (MAX_BATCH + 1)
    assert enemy.post(body).status == 413


def test_another_kind_of_content_is_not_looked_at(enemy: Dishonest) -> None:
    body = write_batch([enemy.seal(enemy.message())])
    heard = enemy.post(body, enemy.headers(body) | {"Content-Type": "application/json"})
    assert heard.status == 422


# -- who is it from?


def unsigned(enemy: Dishonest, body: bytes) -> Heard:
    return enemy.post(body, {"Content-Type": "application/cbor"})


def altered_signature(enemy: Dishonest, body: bytes) -> Heard:
    headers = enemy.headers(body)
    name = next(name for name in headers if name.lower() == "signature")
    value = headers[name]
    place = len(value) // 2
    other = "A" if value[place] != "A" else "B"
    return enemy.post(body, headers | {name: value[:place] + other + value[place + 1 :]})


def wrong_digest(enemy: Dishonest, body: bytes) -> Heard:
    other = write_batch([enemy.seal(enemy.message())])
    return enemy.post(body, enemy.headers(other))


def for_another_node(enemy: Dishonest, body: bytes) -> Heard:
    return enemy.post(body, enemy.headers(body, recipient=secrets.token_bytes(32)))


def on_another_path(enemy: Dishonest, body: bytes) -> Heard:
    return enemy.post(body, enemy.headers(body, path="/iars/v1/listing"))


def by_a_key_of_nobody(enemy: Dishonest, body: bytes) -> Heard:
    return enemy.post(body, enemy.headers(body, key=SigningKey(new_seed())))


def by_the_message_key(enemy: Dishonest, body: bytes) -> Heard:
    return enemy.post(body, enemy.headers(body, key=enemy.identity.signing))


UNAUTHENTICATED = [
    unsigned,
    altered_signature,
    wrong_digest,
    for_another_node,
    on_another_path,
    by_a_key_of_nobody,
    by_the_message_key,
]


@pytest.mark.parametrize("send", UNAUTHENTICATED, ids=lambda send: send.__name__)
def test_a_request_that_nobody_pinned_has_signed_is_refused_alike(
    enemy: Dishonest, mission: Neighbour, send: Callable[[Dishonest, bytes], Heard]
) -> None:
    body = write_batch([enemy.seal(enemy.message())])
    heard = send(enemy, body)
    assert (heard.status, heard.body) == (401, unsigned(enemy, body).body)
    assert "alarm exchange.unauthenticated" in actions(mission)
    assert "exchange.envelope-received" not in actions(mission)


def test_an_unknown_node_and_a_blocked_one_hear_what_a_stranger_hears(
    enemy: Dishonest, new_enemy: Callable[..., Dishonest], mission: Neighbour
) -> None:
    stranger = new_enemy("stranger", is_pinned=False)
    expected = unsigned(enemy, write_batch([b"x"])).body
    heard = stranger.send(stranger.seal(stranger.message()))
    assert (heard.status, heard.body) == (401, expected)
    with mission.node.works.write(SYSTEM) as work:
        peers.block_peer(work, enemy.own.id)
    heard = enemy.send(enemy.seal(enemy.message()))
    assert (heard.status, heard.body) == (401, expected)


def test_a_request_of_another_time_is_told_about_the_clock_alone(
    enemy: Dishonest, mission: Neighbour
) -> None:
    body = write_batch([enemy.seal(enemy.message())])
    for shift in (timedelta(minutes=-10), timedelta(minutes=10)):
        heard = enemy.post(body, enemy.headers(body, now=MORNING + shift))
        assert (heard.status, heard.body) == (200, CLOCK)
    assert "alarm exchange.unauthenticated" in actions(mission)


def test_a_replayed_request_changes_nothing_and_hears_the_same_receipt(
    enemy: Dishonest, mission: Neighbour
) -> None:
    message = enemy.message(enemy.offer(scopes=()))
    body = write_batch([enemy.seal(message)])
    headers = enemy.headers(body)
    first, second = (enemy.opened(enemy.post(body, headers), message) for _ in range(2))
    assert first == second
    assert first.outcome == "applied"
    assert "exchange.duplicate" in actions(mission)
    with mission.node.works.read(SYSTEM) as work:
        assert len(referrals.list_referrals(work).referrals) == 1


# -- until the inner signature verifies there is one answer


def garbage(_enemy: Dishonest) -> bytes:
    return secrets.token_bytes(2000)


def cut_envelope(enemy: Dishonest) -> bytes:
    return enemy.seal(enemy.message())[:-40]


def another_version(enemy: Dishonest) -> bytes:
    outer = read_outer(enemy.seal(enemy.message()))
    return encode([2, 1, outer.recipient, outer.sealing_key, outer.enc, outer.ciphertext])


def nested_envelope(_enemy: Dishonest) -> bytes:
    return deeply_nested()


def altered_ciphertext(enemy: Dishonest) -> bytes:
    outer = read_outer(enemy.seal(enemy.message()))
    flipped = bytes([outer.ciphertext[0] ^ 1]) + outer.ciphertext[1:]
    return replace(outer, ciphertext=flipped).to_bytes()


def altered_encapsulation(enemy: Dishonest) -> bytes:
    outer = read_outer(enemy.seal(enemy.message()))
    return replace(outer, enc=bytes([outer.enc[-1] ^ 1]) + outer.enc[1:]).to_bytes()


def outer_for_another(enemy: Dishonest) -> bytes:
    outer = read_outer(enemy.seal(enemy.message()))
    return replace(outer, recipient=secrets.token_bytes(32), sealing_key=secrets.token_bytes(32)).to_bytes()


def inner_for_another(enemy: Dishonest) -> bytes:
    return enemy.seal(enemy.message(recipient=secrets.token_bytes(32)))


def inner_garbage(enemy: Dishonest) -> bytes:
    return enemy.seal(MARKER.encode())


def signed_by_another(enemy: Dishonest) -> bytes:
    content = enemy.offer()
    parts = content.to_parts()
    signed = sign_message(enemy.header(content, parts), parts, SigningKey(new_seed()))
    return enemy.seal(signed)


def signature_altered(enemy: Dishonest) -> bytes:
    message = enemy.message()
    return enemy.seal(replace(message, signature=bytes([message.signature[0] ^ 1]) + message.signature[1:]))


def in_the_name_of_another(enemy: Dishonest) -> bytes:
    return enemy.seal(enemy.message(sender=secrets.token_bytes(32)))


def other_parts(enemy: Dishonest) -> bytes:
    message = enemy.message()
    return enemy.seal(Message(message.header_bytes, message.signature, tuple(enemy.offer().to_parts())))


def one_part_less(enemy: Dishonest) -> bytes:
    message = enemy.message()
    return enemy.seal(Message(message.header_bytes, message.signature, message.parts[:-1]))


UNVERIFIED = [
    garbage,
    cut_envelope,
    another_version,
    nested_envelope,
    altered_ciphertext,
    altered_encapsulation,
    outer_for_another,
    inner_for_another,
    inner_garbage,
    signed_by_another,
    signature_altered,
    in_the_name_of_another,
    other_parts,
    one_part_less,
]


@pytest.mark.parametrize("write", UNVERIFIED, ids=lambda write: write.__name__)
def test_whatever_does_not_verify_gets_one_answer(
    enemy: Dishonest, mission: Neighbour, write: Callable[[Dishonest], bytes]
) -> None:
    heard = enemy.send(write(enemy))
    assert (heard.status, heard.body) == (200, REFUSED)
    assert {"exchange.tampered", "alarm exchange.tampered"} <= actions(mission)
    assert "exchange.envelope-received" not in actions(mission)


def test_how_long_a_refusal_takes_does_not_tell_which_check_failed(enemy: Dishonest) -> None:
    """What the checks differ by is far below what the rest of a request takes."""
    writers = (altered_ciphertext, signature_altered, other_parts)
    # In turns, and the quickest of each: whatever else the machine does only ever adds.
    rounds = [[enemy.send(write(enemy)).seconds for write in writers] for _ in range(15)]
    quickest = [min(times) for times in zip(*rounds, strict=True)]
    assert max(quickest) < min(quickest) * 3 + 0.01, quickest


def test_a_key_that_is_not_held_and_a_message_from_the_future_get_their_public_hints(
    enemy: Dishonest, mission: Neighbour
) -> None:
    outer = read_outer(enemy.seal(enemy.message()))
    unknown = replace(outer, sealing_key=secrets.token_bytes(32)).to_bytes()
    assert enemy.send(unknown).hints == ["unknown-recipient-key"]
    early = enemy.message(created=NOW + 600)
    assert enemy.send(enemy.seal(early)).hints == ["clock"]
    assert "exchange.refused" in actions(mission)


def test_one_bad_envelope_does_not_keep_the_others_away(enemy: Dishonest) -> None:
    good = enemy.message(enemy.offer(scopes=()))
    heard = enemy.send(garbage(enemy), enemy.seal(good), altered_ciphertext(enemy))
    assert heard.status == 200
    first, second, third = enemy.answers(heard, 3)
    assert (first.error, third.error) == ("refused", "refused")
    assert enemy.receipt(second.receipt, good).outcome == "applied"
