"""Bundles: what an auditor finds in one, without the node whose log it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.specimens import MISSION, SHELTER, START, STRANGER, Node

from iars_protocol import keys
from iars_protocol.bundle import Bundle, line, read_bundle
from iars_protocol.checkpoint import Checkpoint, NoteSignature, cosign, origin_of, sign_checkpoint
from iars_protocol.encoding import encode, to_text
from iars_protocol.errors import KeyRefusedError, MalformedError, ProtocolError, UnsupportedVersionError
from iars_protocol.receipt import Receipt, sign_receipt
from iars_protocol.transparency import commitment, leaf_hash, tree_of
from iars_protocol.verification import Finding, verify_bundle

ORIGIN = origin_of(SHELTER.id, bytes(16))
SALTS = [bytes([number]) * 32 for number in range(7)]
EVENTS = [encode({"v": 1, "action": "case.read", "at": number}) for number in range(7)]
LEAVES = [leaf_hash(commitment(salt, event)) for salt, event in zip(SALTS, EVENTS, strict=True)]
TREE = tree_of(LEAVES)
FORGED = tree_of([bytes(32), *LEAVES[1:]])
AT = START + 100


def statements(*nodes: Node) -> list[bytes]:
    return [
        line("statement", node=node.text, body=each.body, signature=each.signature)
        for node in nodes
        for each in node.statements
    ]


def note(
    size: int, *witnesses: Node, root: bytes | None = None, by: Node = SHELTER, origin: str = ORIGIN
) -> str:
    head = Checkpoint(origin, size, root or TREE.root(size))
    made = sign_checkpoint(head, by.key("log"))
    for witness in witnesses:
        made = made.with_signature(cosign(head, witness.id, witness.key("log"), at=START))
    return made.to_bytes().decode()


def leaf(position: int, **changes: Any) -> bytes:
    shown = {"leaf": LEAVES[position], "salt": SALTS[position], "content": EVENTS[position], **changes}
    return line(
        "leaf", position=position, **{name: value for name, value in shown.items() if value is not None}
    )


def opening(*, whole: bool = True, at: int = AT, node: Node = SHELTER) -> bytes:
    return line("bundle", version=1, node=node.text, at=at, whole=whole)


def lines(*more: bytes, at: int = AT, count: int = 7) -> list[bytes]:
    """Return a sound bundle: two checkpoints, the first of them cosigned."""
    return [
        opening(at=at),
        *statements(SHELTER, MISSION),
        *more,
        line("origin", origin=ORIGIN),
        line("checkpoint", note=note(4, MISSION), proof=[]),
        line("checkpoint", note=note(7), proof=TREE.consistency(4, 7)),
        *(leaf(position) for position in range(count)),
    ]


def narrowed(*more: bytes) -> list[bytes]:
    """Return a bundle of two events with their proofs."""
    return [
        opening(whole=False),
        *statements(SHELTER, MISSION),
        line("origin", origin=ORIGIN),
        line("checkpoint", note=note(4, MISSION)),
        line("checkpoint", note=note(7), proof=TREE.consistency(4, 7)),
        *(more or [leaf(2, proof=TREE.inclusion(2, 7)), leaf(5, proof=TREE.inclusion(5, 7))]),
    ]


def found(octets: list[bytes], *others: Bundle) -> list[Finding]:
    return verify_bundle(read_bundle(octets), others)


def faults(octets: list[bytes], *others: Bundle) -> list[Finding]:
    return [finding for finding in found(octets, *others) if finding.is_fault]


def swapped(octets: list[bytes], old: bytes, new: bytes) -> list[bytes]:
    assert old in octets
    return [new if each == old else each for each in octets]


def holder(*octets: bytes, node: Node = MISSION) -> Bundle:
    return read_bundle([opening(node=node), *statements(node), *octets])


def receipt(leaf_of: bytes, *, by: Node = SHELTER, at: int = START, key: str = "signing") -> bytes:
    made = Receipt(bytes(32), SHELTER.id, "applied", "ok", leaf_of, at)
    return line("receipt", receipt=sign_receipt(made, by.key(key)).to_bytes())


def test_a_sound_log_is_found_so_and_what_is_not_provable_yet_is_named() -> None:
    assert found(lines()) == [
        Finding("cosigned", False, ORIGIN, 0, 4, (MISSION.text,)),
        Finding("unprovable", False, ORIGIN, 4, 7),
    ]
    assert found(narrowed()) == found(lines())


def test_a_log_that_nobody_has_witnessed_is_not_provable_at_all() -> None:
    alone = [opening(), *statements(SHELTER), line("origin", origin=ORIGIN), leaf(0)]
    assert found(alone) == [Finding("unprovable", False, ORIGIN, 0, 1)]
    assert found([opening(), *statements(SHELTER)]) == []


def test_a_changed_event_is_found_with_its_place_and_who_can_show_it() -> None:
    changed = swapped(lines(), leaf(2), leaf(2, content=b"changed"))
    assert faults(changed) == [Finding("changed", True, ORIGIN, 2, 2, (MISSION.text,))]
    late = swapped(lines(), leaf(5), leaf(5, content=b"changed"))
    assert faults(late) == [Finding("changed", True, ORIGIN, 5, 5)]


def test_a_missing_event_is_found() -> None:
    gone = swapped(lines(), leaf(6), leaf(6, salt=None, content=None))
    assert faults(gone) == [Finding("missing", True, ORIGIN, 6, 6)]


def test_a_leaf_that_was_exchanged_with_its_event_breaks_every_head_above_it() -> None:
    salt, event = bytes(32), b"forged"
    forged = leaf(5, leaf=leaf_hash(commitment(salt, event)), salt=salt, content=event)
    assert faults(swapped(lines(), leaf(5), forged)) == [Finding("rewritten", True, ORIGIN, 4, 7)]
    early = leaf(1, leaf=leaf_hash(commitment(salt, event)), salt=salt, content=event)
    assert faults(swapped(lines(), leaf(1), early)) == [
        Finding("rewritten", True, ORIGIN, 0, 4, (MISSION.text,)),
        Finding("rewritten", True, ORIGIN, 0, 7),
    ]


def test_a_log_whose_end_is_cut_off_is_shorter_than_its_heads() -> None:
    assert faults(lines(count=3)) == [
        Finding("cut", True, ORIGIN, 3, 4, (MISSION.text,)),
        Finding("cut", True, ORIGIN, 3, 7),
    ]


def test_a_head_that_the_log_did_not_sign_is_found() -> None:
    octets = swapped(
        lines(),
        line("checkpoint", note=note(4, MISSION), proof=[]),
        line("checkpoint", note=note(4, MISSION, by=STRANGER), proof=[]),
    )
    assert faults(octets) == [Finding("signature", True, ORIGIN, 0, 4)]


def test_a_head_under_a_revoked_key_counts_if_a_witness_had_seen_it_before() -> None:
    def revoked(since: int) -> list[bytes]:
        content = {"key_id": SHELTER.key("log").key_id, "revoked_at": AT, "suspect_since": since}
        late = SHELTER.with_statement(keys.REVOCATION, content, "root")
        return [opening(), *statements(late, MISSION), *lines()[1 + len(statements(SHELTER, MISSION)) :]]

    assert faults(revoked(START + 1)) == [Finding("signature", True, ORIGIN, 0, 7)]
    assert len(faults(revoked(START))) == 2


def test_a_cosignature_that_its_witness_did_not_make_is_found() -> None:
    made = sign_checkpoint(Checkpoint(ORIGIN, 4, TREE.root(4)), SHELTER.key("log"))
    line_of = cosign(Checkpoint(ORIGIN, 3, TREE.root(3)), MISSION.id, MISSION.key("log"), at=START)
    false = made.with_signature(line_of).with_signature(NoteSignature("someone/else", bytes(4), bytes(64)))
    octets = swapped(
        lines(),
        line("checkpoint", note=note(4, MISSION), proof=[]),
        line("checkpoint", note=false.to_bytes().decode(), proof=[]),
    )
    assert faults(octets) == [Finding("cosignature", True, ORIGIN, 0, 4, (MISSION.text,))]


def test_a_narrowed_bundle_proves_each_event_and_each_step() -> None:
    without = narrowed(leaf(2, proof=TREE.inclusion(3, 7)))
    assert faults(without) == [Finding("unproved-leaf", True, ORIGIN, 2, 2)]
    step = line("checkpoint", note=note(7), proof=TREE.consistency(4, 7))
    broken = swapped(narrowed(), step, line("checkpoint", note=note(7), proof=TREE.consistency(5, 7)))
    assert faults(broken) == [Finding("inconsistent", True, ORIGIN, 4, 7)]
    headless = [opening(whole=False), *statements(SHELTER), line("origin", origin=ORIGIN), leaf(2)]
    assert faults(headless) == [Finding("unproved-leaf", True, ORIGIN, 2, 2)]


def test_a_receipt_whose_event_is_gone_tells_of_the_loss_whoever_holds_it() -> None:
    kept, lost = receipt(LEAVES[3]), receipt(bytes(32))
    assert faults(lines(kept)) == []
    assert faults(lines(lost)) == [Finding("receipt", True, "", START, START, (SHELTER.text, SHELTER.text))]
    assert faults(lines(), holder(kept)) == []
    assert faults(lines(), holder(lost)) == [
        Finding("receipt", True, "", START, START, (MISSION.text, SHELTER.text))
    ]
    # A young one may be on its way into the tree; one in a narrowed bundle can't be looked for.
    assert faults(lines(at=START + 10), holder(lost)) == []
    assert faults(narrowed(), holder(lost)) == []


def test_a_receipt_that_the_node_never_signed_is_called_so() -> None:
    assert faults(lines(), holder(receipt(LEAVES[3], by=STRANGER))) == [
        Finding("false-receipt", True, shown_by=(MISSION.text,))
    ]
    other = Receipt(bytes(32), MISSION.id, "applied", "ok", bytes(32), START)
    theirs = line("receipt", receipt=sign_receipt(other, MISSION.signing).to_bytes())
    assert faults(lines(theirs)) == []


def test_what_a_witness_holds_shows_a_log_that_was_put_back_or_forked() -> None:
    larger = Checkpoint(ORIGIN, 9, bytes(32))
    held = sign_checkpoint(larger, SHELTER.key("log")).to_bytes().decode()
    assert faults(lines(), holder(line("held", note=note(7)))) == []
    assert faults(lines(), holder(line("held", note=held))) == [
        Finding("rolled-back", True, ORIGIN, 7, 9, (MISSION.text,))
    ]
    forked = line("held", note=note(7, root=FORGED.root()))
    assert faults(lines(), holder(forked)) == [Finding("forked", True, ORIGIN, 4, 7, (MISSION.text,))]
    assert faults(narrowed(), holder(forked)) == [Finding("forked", True, ORIGIN, 0, 7, (MISSION.text,))]
    assert faults(narrowed(), holder(line("held", note=note(7)))) == []
    assert faults(narrowed(), holder(line("held", note=held))) == []
    unknown = note(7, origin=origin_of(SHELTER.id, b"\x01" * 16))
    assert [each.code for each in faults(lines(), holder(line("held", note=unknown)))] == ["rolled-back"]
    false = line("held", note=note(7, by=STRANGER))
    assert [each.code for each in faults(lines(), holder(false))] == ["false-checkpoint"]
    others = note(7, origin=origin_of(STRANGER.id, bytes(16)), by=STRANGER)
    assert faults(lines(), holder(line("held", note=others))) == []


LATER = origin_of(SHELTER.id, b"\x02" * 16)


def after_restore(
    detail: dict[str, Any], *, action: str = "audit.origin-opened", at: Any = (START + 50) * 10**6
) -> list[bytes]:
    """Return a bundle with a second log, whose first leaf tells of the first one."""
    content = encode({"v": 1, "action": action, "at": at, "detail": detail})
    stated = leaf_hash(commitment(SALTS[0], content))
    return [
        *lines(),
        line("origin", origin=LATER),
        line("leaf", position=0, leaf=stated, salt=SALTS[0], content=content),
    ]


def test_a_loss_at_a_restore_is_told_and_no_fault() -> None:
    told = after_restore({"previous": ORIGIN, "size": 9, "kept": 7})
    held = sign_checkpoint(Checkpoint(ORIGIN, 9, bytes(32)), SHELTER.key("log")).to_bytes().decode()
    said = found(told, holder(line("held", note=held), receipt(bytes(32), at=START + 40)))
    assert [each for each in said if each.is_fault] == []
    assert {each.code for each in said} == {"cosigned", "unprovable", "gap", "lost", "receipt-lost"}
    assert faults(told, holder(receipt(bytes(32), at=START + 60))) != []
    smaller = after_restore({"previous": ORIGIN, "size": 8, "kept": 7})
    assert [each.code for each in faults(smaller, holder(line("held", note=held)))] == ["rolled-back"]
    assert "gap" not in {
        each.code for each in found(after_restore({"previous": ORIGIN, "size": 7, "kept": 7}))
    }


@pytest.mark.parametrize(
    "octets",
    [
        after_restore({"previous": ORIGIN, "size": 9}),
        after_restore({"previous": ORIGIN, "size": 9, "kept": 7}, action="case.read"),
        after_restore({"previous": ORIGIN, "size": 9, "kept": 7}, at="then"),
        swapped(lines(), leaf(0), leaf(0, leaf=leaf_hash(commitment(SALTS[0], b"x")), content=b"x")),
        swapped(lines(), leaf(0), leaf(0, leaf=leaf_hash(commitment(SALTS[0], b"\x01")), content=b"\x01")),
    ],
)
def test_a_first_leaf_that_opens_nothing_tells_of_no_gap(octets: list[bytes]) -> None:
    assert "gap" not in {each.code for each in found(octets)}


@pytest.mark.parametrize(
    "octets",
    [
        [],
        [leaf(0)],
        [opening()],
        [opening(), *statements(MISSION)],
        [*lines(), opening()],
        [*lines(), b'{"line":"whim"}\n'],
        [*lines(), b'{"line":1}\n'],
        [*lines(), line("origin", origin=ORIGIN)],
        [*lines(), line("origin", origin=origin_of(MISSION.id, bytes(16)))],
        [*lines()[:-1], leaf(6, salt=None)],
        [*lines()[:-1], leaf(5)],
        [*lines()[:-1], leaf(6, proof=[bytes(31)])],
        [*lines()[:-1], leaf(6, proof=[bytes(32)] * 129)],
        [*lines(), line("checkpoint", note=note(7, origin=LATER))],
        [*lines(), line("held", note="a note")],
        [*lines(), line("receipt", receipt=b"receipt")],
        [opening(), *statements(SHELTER), leaf(0)],
        [
            opening(),
            *statements(SHELTER),
            *(each.replace(STRANGER.text.encode(), MISSION.text.encode()) for each in statements(STRANGER)),
        ],
    ],
)
def test_a_bundle_of_another_form_is_refused(octets: list[bytes]) -> None:
    with pytest.raises((MalformedError, KeyRefusedError)):
        read_bundle(octets)


@pytest.mark.parametrize("version", [0, 2, True, "1"])
def test_a_bundle_of_another_version_is_refused_as_such(version: Any) -> None:
    with pytest.raises(UnsupportedVersionError):
        read_bundle([line("bundle", version=version, node=SHELTER.text, at=AT, whole=True)])


def test_a_key_history_that_does_not_verify_is_refused() -> None:
    broken = replace(SHELTER.statements[1], signature=bytes(64))
    with pytest.raises(ProtocolError):
        read_bundle([opening(), *statements(replace(SHELTER, statements=(SHELTER.statements[0], broken)))])


def test_a_line_holds_bytes_in_base64() -> None:
    assert line("leaf", proof=[b"\xff"], salt=b"\xfe") == (
        b'{"line":"leaf","proof":["'
        + to_text(b"\xff").encode()
        + b'"],"salt":"'
        + to_text(b"\xfe").encode()
        + b'"}\n'
    )
