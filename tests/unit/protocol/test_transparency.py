"""Trees against another implementation of RFC 6962, and what proofs and notes refuse."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InclusionProof, InmemoryTree
from pymerkle import verify_inclusion as another_verifies
from pymerkle.core import _inclusion_path_layout
from tests.specimens import DAY, MISSION, SHELTER, START, STRANGER

from iars_protocol import keys
from iars_protocol.checkpoint import (
    Checkpoint,
    as_line,
    cosign,
    node_of,
    origin_of,
    read_cosignature,
    read_note,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosignature,
)
from iars_protocol.errors import MalformedError, ProofError, SignatureError
from iars_protocol.transparency import (
    EMPTY_ROOT,
    Tree,
    commitment,
    leaf_hash,
    tree_of,
    verify_consistency,
    verify_inclusion,
)

SIZES = st.integers(min_value=1, max_value=300)
ORIGIN = origin_of(SHELTER.id, bytes(range(16)))


def entries(count: int) -> list[bytes]:
    return [commitment(bytes(32), number.to_bytes(4, "big")) for number in range(count)]


def tree(count: int) -> Tree:
    return tree_of([leaf_hash(entry) for entry in entries(count)])


def another_tree(count: int) -> InmemoryTree:
    made = InmemoryTree(algorithm="sha256")
    for entry in entries(count):
        made.append_entry(entry)
    return made


def by_definition(leaves: list[bytes]) -> bytes:
    """Return the root exactly as RFC 6962 § 2.1 writes it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:half]) + by_definition(leaves[half:])).digest()


def test_an_event_is_committed_to_with_its_salt_before_it() -> None:
    assert commitment(b"salt", b"event") == hashlib.sha256(b"saltevent").digest()


def test_a_tree_of_nothing_has_the_root_of_the_rfc() -> None:
    assert tree_of([]).root() == EMPTY_ROOT == by_definition([])


@pytest.mark.parametrize("wrong", [-1, 6])
def test_a_tree_has_no_root_at_a_size_that_it_never_had(wrong: int) -> None:
    with pytest.raises(ProofError):
        tree(5).root(wrong)
    with pytest.raises(ProofError):
        tree(5).inclusion(0, wrong)
    with pytest.raises(ProofError):
        tree(5).consistency(wrong, 5)


@given(size=SIZES)
def test_the_root_is_that_of_another_implementation(size: int) -> None:
    another = another_tree(size)
    assert tree(size).root() == another.get_root() == by_definition([leaf_hash(e) for e in entries(size)])


@given(size=SIZES, data=st.data())
def test_a_proof_of_inclusion_is_accepted_here_and_by_another_implementation(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    mine, leaf = tree(size), leaf_hash(entries(size)[index])
    proof = mine.inclusion(index, size)
    verify_inclusion(leaf, index, size, proof, mine.root())
    # Its proofs begin with the leaf and say at each step which side the other hash stands on.
    rule, _ = _inclusion_path_layout(index + 1, size)
    theirs = InclusionProof(
        "sha256", security=True, size=size, index=index + 1, rule=rule, path=[leaf, *proof]
    )
    another_verifies(leaf, another_tree(size).get_root(), theirs, index=index + 1, size=size)
    assert another_tree(size).prove_inclusion(index + 1).path == [leaf, *proof]


@given(size=SIZES, data=st.data())
def test_a_proof_of_inclusion_holds_for_its_leaf_and_place_alone(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    other = data.draw(st.integers(min_value=0, max_value=size - 1).filter(lambda at: at != index) | st.none())
    mine, leaf = tree(size), leaf_hash(entries(size)[index])
    proof = mine.inclusion(index, size)
    with pytest.raises(ProofError):
        verify_inclusion(leaf_hash(b"another"), index, size, proof, mine.root())
    if other is not None:
        with pytest.raises(ProofError):
            verify_inclusion(leaf, other, size, proof, mine.root())


@given(size=SIZES, data=st.data())
def test_a_tree_is_consistent_with_every_earlier_one_and_with_no_other(
    size: int, data: st.DataObject
) -> None:
    old = data.draw(st.integers(min_value=0, max_value=size))
    mine = tree(size)
    proof = mine.consistency(old, size)
    verify_consistency(old, size, mine.root(old), mine.root(), proof)
    if old:
        changed = entries(size)
        changed[data.draw(st.integers(min_value=0, max_value=old - 1))] = b"another"
        rewritten = tree_of([leaf_hash(entry) for entry in changed])
        with pytest.raises(ProofError):
            verify_consistency(old, size, mine.root(old), rewritten.root(), rewritten.consistency(old, size))


def checkpoint(size: int = 7) -> Checkpoint:
    return Checkpoint(ORIGIN, size, tree(size).root())


def test_a_checkpoint_comes_out_as_it_was_signed() -> None:
    note = sign_checkpoint(checkpoint(), SHELTER.key("log"))
    assert read_note(note.to_bytes()) == note
    assert verify_checkpoint(note, SHELTER.history) == checkpoint()
    assert note.checkpoint.node_id == SHELTER.id == node_of(ORIGIN)


def test_the_signature_is_one_that_a_reader_of_signed_notes_makes_alike() -> None:
    # By c2sp.org/signed-note alone: the text up to the empty line, and the line's base64 behind the key's id.
    octets = sign_checkpoint(checkpoint(), SHELTER.key("log")).to_bytes()
    text, _, line = octets.decode().rpartition("\n\n")
    dash, name, encoded = line.split(" ")
    signed = base64.b64decode(encoded)
    public = SHELTER.key("log").public
    assert (dash, name) == ("—", ORIGIN)
    assert signed[:4] == hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    assert SHELTER.key("log").sign_bytes((text + "\n").encode()) == signed[4:]


def test_a_note_that_is_not_text_is_refused() -> None:
    with pytest.raises(MalformedError):
        read_note(b"\xff\n\n\n")


def test_a_log_key_of_a_rotated_history_still_counts_and_a_foreign_one_does_not() -> None:
    rotated = SHELTER.with_statement(
        keys.DELEGATION, {"role": "log", "key": SHELTER.key("later").public}, "root"
    )
    for role in ("log", "later"):
        verify_checkpoint(sign_checkpoint(checkpoint(), SHELTER.key(role)), rotated.history)
    with pytest.raises(SignatureError):
        verify_checkpoint(sign_checkpoint(checkpoint(), SHELTER.signing), rotated.history)


def test_a_cosignature_that_came_alone_gets_its_line() -> None:
    made = cosign(checkpoint(), MISSION.id, MISSION.key("log"), at=START)
    assert read_cosignature(made.signature, MISSION.history, checkpoint()) == START
    assert as_line(made.signature, MISSION.history, checkpoint()) == made
    note = sign_checkpoint(checkpoint(), SHELTER.key("log")).with_signature(made)
    assert verify_cosignature(read_note(note.to_bytes()), MISSION.history) == START


@pytest.mark.parametrize("since", [START - DAY, START])
def test_a_cosignature_by_a_key_that_was_suspect_is_worth_nothing(since: int) -> None:
    content = {"key_id": MISSION.key("log").key_id, "revoked_at": START + DAY, "suspect_since": since}
    suspect = MISSION.with_statement(keys.REVOCATION, content, "root")
    made = cosign(checkpoint(), MISSION.id, MISSION.key("log"), at=START)
    with pytest.raises(SignatureError):
        read_cosignature(made.signature, suspect.history, checkpoint())
    with pytest.raises(SignatureError):
        read_cosignature(made.signature, STRANGER.history, checkpoint())
    with pytest.raises(MalformedError):
        read_cosignature(made.signature[1:], MISSION.history, checkpoint())
