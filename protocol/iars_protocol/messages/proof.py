"""A proof that a statement of erasure stands in its author's log (SPEC § 10.4, § 14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from iars_protocol import fields
from iars_protocol.checkpoint import MAX_NOTE, read_note, verify_checkpoint
from iars_protocol.errors import MalformedError
from iars_protocol.messages.registry import Body, checked, message
from iars_protocol.transparency import HASH_BYTES, MOST_HASHES, verify_inclusion

if TYPE_CHECKING:
    from iars_protocol.checkpoint import Note
    from iars_protocol.keys import KeyHistory


def _report(value: object) -> bytes:
    return fields.octets(value, 32, "report")


def _position(value: object) -> int:
    return fields.number(value, "position")


def _note(value: object) -> bytes:
    octets = fields.typed(value, bytes, "checkpoint")
    if len(octets) > MAX_NOTE:
        raise MalformedError("the checkpoint is too long")
    return octets


def _hashes(value: object) -> tuple[bytes, ...]:
    entries = fields.typed(value, list, "proof")
    if len(entries) > MOST_HASHES:
        raise MalformedError("the proof is too long")
    return tuple(fields.octets(entry, HASH_BYTES, "proof") for entry in entries)


@message("erasure.proof/1")
@dataclass(frozen=True, slots=True)
class ErasureProof(Body):
    """Prove that the leaf of a report stands in its author's log, below a head that is signed.

    `report` is the id of the report's message, 32 bytes; `position` the leaf's place, from 0; `checkpoint` a
    note with whatever witnesses wrote under it; `proof` leads from the leaf to the note's root.
    """

    carries_scopes: ClassVar[bool] = False
    report: bytes = checked(_report)
    position: int = checked(_position)
    checkpoint: bytes = checked(_note)
    proof: tuple[bytes, ...] = checked(_hashes, default=())


def verify_erasure_proof(shown: ErasureProof, leaf: bytes, author: KeyHistory) -> Note:
    """Verify that a report's leaf stands in its author's log.

    Args:
        shown: as it came.
        leaf: the leaf hash that the report names, 32 bytes.
        author: the verified key history of the report's author.

    Returns:
        The note, its checkpoint verified. Each cosignature under it is verified by `verify_cosignature`.

    Raises:
        MalformedError: the checkpoint is no note.
        SignatureError: no log key of the author signed it, or it is of another node's log.
        ProofError: the leaf is not where the proof says (SPEC § 14.1).

    """
    note = read_note(shown.checkpoint)
    head = verify_checkpoint(note, author)
    verify_inclusion(leaf, shown.position, head.size, shown.proof, head.root)
    return note
