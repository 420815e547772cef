"""Messages between a log and its witnesses (SPEC § 14.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from iars_protocol import fields
from iars_protocol.checkpoint import COSIGNATURE_BYTES, MAX_NOTE, node_of
from iars_protocol.errors import MalformedError
from iars_protocol.messages.registry import Body, checked, code_of, message
from iars_protocol.transparency import HASH_BYTES, MOST_HASHES, SALT_BYTES

REASONS = frozenset({"asked", "behind", "rolled-back", "forked"})
MAX_OPENING = 4 * 1024


def _note(value: object) -> bytes:
    octets = fields.typed(value, bytes, "checkpoint")
    if len(octets) > MAX_NOTE:
        raise MalformedError("the checkpoint is too long")
    return octets


def _size(value: object) -> int:
    return fields.number(value, "size")


def _hashes(value: object) -> tuple[bytes, ...]:
    entries = fields.typed(value, list, "proof")
    if len(entries) > MOST_HASHES:
        raise MalformedError("the proof is too long")
    return tuple(fields.octets(entry, HASH_BYTES, "proof") for entry in entries)


def _opening(value: object) -> tuple[bytes, ...]:
    pieces = fields.typed(value, list, "opening")
    if len(pieces) != 2:  # noqa: PLR2004 - salt and content
        raise MalformedError("the opening of a log has two pieces")
    content = fields.typed(pieces[1], bytes, "opening")
    if len(content) > MAX_OPENING:
        raise MalformedError("the opening is too long")
    return fields.octets(pieces[0], SALT_BYTES, "opening"), content


def _origin(value: object) -> str:
    origin = fields.typed(value, str, "origin")
    node_of(origin)
    return origin


def _cosignature(value: object) -> bytes:
    return fields.octets(value, COSIGNATURE_BYTES, "cosignature")


@message("checkpoint.submit/1")
@dataclass(frozen=True, slots=True)
class SubmitCheckpoint(Body):
    """Show a witness the log's newest checkpoint.

    `proof` leads from the tree of `old` leaves, which the witness cosigned last, to this one. A log that was
    opened after another shows its first event in `opening`, [salt, content], and in `first` the proof that
    it is the first leaf.
    """

    carries_scopes: ClassVar[bool] = False
    checkpoint: bytes = checked(_note)
    old: int = checked(_size)
    proof: tuple[bytes, ...] = checked(_hashes, default=())
    opening: tuple[bytes, ...] = checked(_opening, default=())
    first: tuple[bytes, ...] = checked(_hashes, default=())


@message("checkpoint.cosign/1")
@dataclass(frozen=True, slots=True)
class CosignCheckpoint(Body):
    """Answer a checkpoint: consistent with what was seen before, at the time in the cosignature."""

    carries_scopes: ClassVar[bool] = False
    origin: str = checked(_origin)
    size: int = checked(_size)
    cosignature: bytes = checked(_cosignature)


@message("checkpoint.known/1")
@dataclass(frozen=True, slots=True)
class KnownCheckpoint(Body):
    """Show the newest checkpoint of the recipient's log that was cosigned here, and why it is shown.

    The note is empty where none ever was.
    """

    carries_scopes: ClassVar[bool] = False
    reason: str = checked(code_of(REASONS, "reason"))
    checkpoint: bytes = checked(_note)


@message("checkpoint.ask/1")
@dataclass(frozen=True, slots=True)
class AskCheckpoint(Body):
    """Ask a witness what it cosigned last: a restored node has to know how far it had come."""

    carries_scopes: ClassVar[bool] = False
