"""Proofs of erasure: the leaf of a report, under a head that its author's log key signed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.specimens import MISSION, SHELTER

from iars_protocol.checkpoint import Checkpoint, origin_of, sign_checkpoint
from iars_protocol.errors import MalformedError, ProofError, SignatureError
from iars_protocol.messages.proof import ErasureProof, verify_erasure_proof
from iars_protocol.transparency import leaf_hash, tree_of

LEAVES = [leaf_hash(bytes([number]) * 32) for number in range(7)]
TREE = tree_of(LEAVES)
HEAD = Checkpoint(origin_of(SHELTER.id, bytes(16)), 7, TREE.root())
NOTE = sign_checkpoint(HEAD, SHELTER.key("log"))
SHOWN = ErasureProof(bytes(32), 4, NOTE.to_bytes(), tuple(TREE.inclusion(4, 7)))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"checkpoint": b"note"}, MalformedError),
        ({"position": 5}, ProofError),
        ({"position": 7}, ProofError),
        ({"proof": ()}, ProofError),
    ],
)
def test_a_proof_that_was_altered_proves_nothing(changes: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        verify_erasure_proof(replace(SHOWN, **changes), LEAVES[4], SHELTER.history)  # type: ignore[arg-type]


def test_it_proves_one_leaf_of_one_node() -> None:
    with pytest.raises(ProofError):
        verify_erasure_proof(SHOWN, LEAVES[5], SHELTER.history)
    with pytest.raises(SignatureError):
        verify_erasure_proof(SHOWN, LEAVES[4], MISSION.history)
    assert verify_erasure_proof(SHOWN, LEAVES[4], SHELTER.history).checkpoint == HEAD
