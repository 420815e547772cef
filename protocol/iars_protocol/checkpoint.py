"""Checkpoints: a log's signed tree heads and their cosignatures, as C2SP signed notes (SPEC § 14.2).

The formats are c2sp.org/signed-note, /tlog-checkpoint and /tlog-cosignature, so that tools made for other
logs read these too. The log key signs both kinds: a checkpoint begins with its origin, which begins with
`iars/1/log/`, and what is cosigned begins with `cosignature/v1`: one can't be taken for the other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from iars_protocol import fields
from iars_protocol.crypto import SIGNATURE_BYTES, SigningKey, verify_bytes
from iars_protocol.errors import MalformedError, ProofError, SignatureError
from iars_protocol.transparency import HASH_BYTES, verify_consistency

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iars_protocol.keys import KeyHistory

MAX_NOTE = 16 * 1024
MOST_SIGNATURES = 64
COSIGNATURE_BYTES = 8 + SIGNATURE_BYTES

_LOG_KEY, _COSIGNING_KEY = 1, 4
_KEY_ID_BYTES = 4

_ORIGIN = re.compile(r"iars/1/log/([0-9a-f]{64})/([0-9a-f]{32})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_SIGNATURE_LINE = re.compile(r"— ([^\s+]{1,200}) ([A-Za-z0-9+/]{8,400}={0,2})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's tree head: which log, how many leaves, and the root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note's text: three lines, each with its line end."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @property
    def node_id(self) -> bytes:
        """The node whose log it is."""
        return node_of(self.origin)


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature under a note: the key's name, its short id, and the bytes of its kind."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line as it stands in the note, with its line end."""
        return f"— {self.name} {_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint with every signature that stands under it; nothing of it is verified yet."""

    checkpoint: Checkpoint
    signatures: tuple[NoteSignature, ...]

    def to_bytes(self) -> bytes:
        """Return the signed note."""
        return (self.checkpoint.text + "\n" + "".join(each.line for each in self.signatures)).encode()

    def with_signature(self, added: NoteSignature) -> Note:
        """Return the note with one more signature under it."""
        return Note(self.checkpoint, (*self.signatures, added))


Judgement: TypeAlias = Literal["consistent", "behind", "rolled-back", "forked"]


def origin_of(node_id: bytes, log: bytes) -> str:
    """Name a log: 32 bytes of the node's id, and 16 random bytes that no other log of the node has."""
    return f"iars/1/log/{node_id.hex()}/{log.hex()}"


def node_of(origin: str) -> bytes:
    """Return the node id, 32 bytes, that an origin names, or raise MalformedError."""
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        raise MalformedError("not the origin of a node's log")
    return bytes.fromhex(found[1])


def witness_name(node_id: bytes) -> str:
    """Return the name under which a node cosigns."""
    return f"iars/1/witness/{node_id.hex()}"


def read_note(octets: bytes) -> Note:
    """Read a checkpoint's signed note.

    Raises:
        MalformedError: longer than 16 KiB, over 64 signatures, or not the form of SPEC § 14.2.

    """
    if len(octets) > MAX_NOTE:
        raise MalformedError("the note is too long")
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("the note is not UTF-8") from error
    body, separator, signatures = text.partition("\n\n")
    lines = signatures.split("\n")
    if not separator or lines.pop() != "" or not 0 < len(lines) <= MOST_SIGNATURES:
        raise MalformedError("a note is a text, an empty line and its signatures")
    return Note(_read_text(body), tuple(_read_signature(line) for line in lines))


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> Note:
    """Sign a checkpoint with the log key (SPEC § 14.2), or raise MalformedError if nobody could read it."""
    _read_text(checkpoint.text.removesuffix("\n"))
    signature = key.sign_bytes(checkpoint.text.encode())
    name = checkpoint.origin
    return Note(checkpoint, (NoteSignature(name, _short_id(name, _LOG_KEY, key.public), signature),))


def verify_checkpoint(note: Note, history: KeyHistory, *, seen: int | None = None) -> Checkpoint:
    """Verify that a node's log key signed a checkpoint of the node's own log.

    Args:
        note: the checkpoint with its signatures.
        history: the key history of the node.
        seen: the time at which a witness is known to have seen it, as evidence about the past; without it a
            revoked key counts for nothing.

    Raises:
        SignatureError: another node's log, or no signature by a log key of the history that counts
            (SPEC § 14.2, § 14.3).

    """
    checkpoint = note.checkpoint
    if checkpoint.node_id != history.node_id:
        raise SignatureError("the checkpoint is of another node's log")
    text = checkpoint.text.encode()
    for public, signature in _by_log_keys(note, history, seen):
        verify_bytes(public, text, signature)
        return checkpoint
    raise SignatureError("no log key of the node has signed the checkpoint")


def cosign(checkpoint: Checkpoint, node_id: bytes, key: SigningKey, *, at: int) -> NoteSignature:
    """State that, at a time, this is the largest tree seen of a log, consistent with every one before.

    Args:
        checkpoint: one that `judge` found consistent.
        node_id: who cosigns, 32 bytes.
        key: its log key.
        at: seconds since 1970.

    Returns:
        The line under the note (c2sp.org/tlog-cosignature, Ed25519; SPEC § 14.3).

    """
    name = witness_name(node_id)
    signature = at.to_bytes(8, "big") + key.sign_bytes(_cosigned(checkpoint, at))
    return NoteSignature(name, _short_id(name, _COSIGNING_KEY, key.public), signature)


def read_cosignature(octets: bytes, witness: KeyHistory, checkpoint: Checkpoint) -> int:
    """Verify a cosignature that came alone.

    Args:
        octets: the time as 8 bytes, big-endian, then 64 bytes of signature.
        witness: the key history of the node that cosigned.
        checkpoint: what it cosigned.

    Returns:
        The time of the cosignature, in seconds since 1970.

    Raises:
        SignatureError: no log key of the witness that counts at that time made it (SPEC § 14.3).

    """
    return _verify_cosignature(fields.octets(octets, COSIGNATURE_BYTES, "cosignature"), witness, checkpoint)


def verify_cosignature(note: Note, witness: KeyHistory) -> int:
    """Verify a witness's cosignature under a note; errors and result as in `read_cosignature`."""
    name = witness_name(witness.node_id)
    for signed in note.signatures:
        if signed.name == name and len(signed.signature) == COSIGNATURE_BYTES:
            return _verify_cosignature(signed.signature, witness, note.checkpoint)
    raise SignatureError("this witness has not cosigned")


def as_line(octets: bytes, witness: KeyHistory, checkpoint: Checkpoint) -> NoteSignature:
    """Return a cosignature that came alone as the line under its note, with the key that verifies it."""
    at = read_cosignature(octets, witness, checkpoint)
    name = witness_name(witness.node_id)
    message = _cosigned(checkpoint, at)
    public = next(key for key in witness.log.values() if _is_by(key, message, octets[8:]))
    return NoteSignature(name, _short_id(name, _COSIGNING_KEY, public), octets)


def judge(held: Checkpoint | None, offered: Checkpoint, old: int, proof: Sequence[bytes]) -> Judgement:
    """Compare what a log shows now with the newest checkpoint of it that was cosigned here.

    Args:
        held: the newest one cosigned here, None where this log was never seen.
        offered: what is shown now; its signature was verified.
        old: the size that the proof begins at, as the log believes it was cosigned here.
        proof: the consistency proof from `old` to the offered size.

    Returns:
        `consistent`: may be cosigned. `behind`: the proof begins elsewhere; the log has to ask again.
        `rolled-back`: the log was larger when it was cosigned here. `forked`: the two can't be one log
        (SPEC § 14.3).

    """
    if held is None:
        return "consistent"
    if offered.size < held.size:
        return "rolled-back"
    if offered.size == held.size:
        return "consistent" if offered.root == held.root else "forked"
    if old != held.size:
        return "behind"
    try:
        verify_consistency(held.size, offered.size, held.root, offered.root, proof)
    except ProofError:
        return "forked"
    return "consistent"


def _read_text(body: str) -> Checkpoint:
    lines = body.split("\n")
    if len(lines) != 3:  # noqa: PLR2004 - origin, size, root; extension lines nobody could audit
        raise MalformedError("a checkpoint has three lines")
    origin, size, root = lines
    node_of(origin)
    if not _SIZE.fullmatch(size):
        raise MalformedError("the size is not a number")
    number = fields.number(int(size), "size")
    return Checkpoint(origin, number, fields.octets(_from_base64(root), HASH_BYTES, "root"))


def _read_signature(line: str) -> NoteSignature:
    found = _SIGNATURE_LINE.fullmatch(line)
    if found is None:
        raise MalformedError("a line under the note is not a signature")
    octets = _from_base64(found[2])
    return NoteSignature(found[1], octets[:_KEY_ID_BYTES], octets[_KEY_ID_BYTES:])


def _by_log_keys(note: Note, history: KeyHistory, seen: int | None) -> Iterator[tuple[bytes, bytes]]:
    """Yield each signature by a log key that counts, with the key."""
    name = note.checkpoint.origin
    for signed in note.signatures:
        for key_id, public in history.log.items():
            revocation = history.revoked.get(key_id)
            counts = revocation is None or (seen is not None and seen < revocation.suspect_since)
            if counts and signed.name == name and signed.key_id == _short_id(name, _LOG_KEY, public):
                yield public, signed.signature


def _verify_cosignature(octets: bytes, witness: KeyHistory, checkpoint: Checkpoint) -> int:
    at = int.from_bytes(octets[:8], "big")
    if at > fields.MAX_TIME:
        raise SignatureError("the time of the cosignature is none")
    message = _cosigned(checkpoint, at)
    for key_id, public in witness.log.items():
        revocation = witness.revoked.get(key_id)
        # A thief of the key could give any time: what it says of the time after is worth nothing.
        is_suspect = revocation is not None and revocation.suspect_since <= at
        if not is_suspect and _is_by(public, message, octets[8:]):
            return at
    raise SignatureError("no log key of the witness has made this cosignature")


def _is_by(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        verify_bytes(public, message, signature)
    except SignatureError:
        return False
    return True


def _cosigned(checkpoint: Checkpoint, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{checkpoint.text}".encode()


def _short_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:_KEY_ID_BYTES]


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _from_base64(text: str) -> bytes:
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError("not base64") from error
    if _base64(octets) != text:
        raise MalformedError("not canonical base64")
    return octets
