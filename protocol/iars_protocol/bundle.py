"""Bundles: a log with everything that proves it, for an auditor on another machine (SPEC § 14.4).

Here they are read and written; `verification` says what holds in one. Nothing but public keys is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from iars_protocol import fields
from iars_protocol.checkpoint import Checkpoint, Note, node_of, read_note
from iars_protocol.encoding import decode_json, encode_json, from_text, to_text
from iars_protocol.errors import MalformedError, UnsupportedVersionError
from iars_protocol.keys import KeyHistory, read_history
from iars_protocol.receipt import SignedReceipt, read_signed_receipt
from iars_protocol.statements import Statement
from iars_protocol.transparency import (
    HASH_BYTES,
    MOST_HASHES,
    SALT_BYTES,
    Tree,
    commitment,
    leaf_hash,
    tree_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERSION = 1

State: TypeAlias = Literal["shown", "changed", "withheld"]
SHOWN: State = "shown"
CHANGED: State = "changed"
WITHHELD: State = "withheld"

_ENTRIES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "bundle": (frozenset({"version", "node", "at", "whole"}), frozenset()),
    "statement": (frozenset({"node", "body", "signature"}), frozenset()),
    "origin": (frozenset({"origin"}), frozenset()),
    "checkpoint": (frozenset({"note"}), frozenset({"proof"})),
    "leaf": (frozenset({"position", "leaf"}), frozenset({"salt", "content", "proof"})),
    "held": (frozenset({"note"}), frozenset()),
    "receipt": (frozenset({"receipt"}), frozenset()),
}


def line(kind: str, **entries: bytes | str | int | bool | Sequence[bytes]) -> bytes:
    """Write one line of a bundle, with its end; bytes are written in base64."""
    return encode_json({"line": kind, **{name: _plain(value) for name, value in entries.items()}}) + b"\n"


def _plain(value: object) -> Any:  # noqa: ANN401 - what JSON holds
    if isinstance(value, bytes):
        return to_text(value)
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


@dataclass
class Signed:
    """A checkpoint of the log, and who is known to have cosigned it when."""

    note: Note
    proof: tuple[bytes, ...]
    cosigned: dict[bytes, int] = field(default_factory=dict)

    @property
    def head(self) -> Checkpoint:
        """The checkpoint."""
        return self.note.checkpoint

    @property
    def witnesses(self) -> tuple[str, ...]:
        """The nodes that cosigned it."""
        return tuple(sorted(node_id.hex() for node_id in self.cosigned))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf as the bundle shows it. Its event is compared at once, and kept of the first leaf alone."""

    position: int
    hash: bytes
    state: State
    proof: tuple[bytes, ...]
    first_content: bytes = b""


@dataclass
class LogOfBundle:
    """One log of the node: its leaves and its checkpoints."""

    origin: str
    leaves: list[Leaf] = field(default_factory=list)
    checkpoints: list[Signed] = field(default_factory=list)
    _tree: Tree | None = None

    @property
    def tree(self) -> Tree:
        """The tree over the leaves; it means something where all of them are there."""
        if self._tree is None:
            self._tree = tree_of([leaf.hash for leaf in self.leaves])
        return self._tree

    @property
    def cosigned(self) -> Signed | None:
        """The largest checkpoint that a witness has cosigned."""
        seen = [each for each in self.checkpoints if each.cosigned]
        return max(seen, key=lambda each: each.head.size, default=None)


@dataclass
class Bundle:
    """A bundle as it was read: nothing of it is verified but its form and its key histories."""

    node_id: bytes
    at: int
    is_whole: bool
    histories: dict[bytes, KeyHistory] = field(default_factory=dict)
    logs: list[LogOfBundle] = field(default_factory=list)
    held: list[Note] = field(default_factory=list)
    receipts: list[SignedReceipt] = field(default_factory=list)

    @property
    def history(self) -> KeyHistory:
        """The key history of the node whose log it is, or MalformedError."""
        if self.node_id not in self.histories:
            raise MalformedError("the bundle lacks the key history of its node")
        return self.histories[self.node_id]


def read_bundle(lines: Iterable[bytes]) -> Bundle:
    """Read a bundle.

    Raises:
        MalformedError, UnsupportedVersionError: not the form of SPEC § 14.4.
        SignatureError, KeyRefusedError, UnknownKeyError: a key history in it that nobody may trust.

    """
    every = iter(lines)
    kind, opening = _read_line(next(every, b""))
    if kind != "bundle":
        raise MalformedError("a bundle begins by saying what it is")
    if type(opening["version"]) is not int or opening["version"] != VERSION:
        raise UnsupportedVersionError("not a bundle of a known version")
    made = Bundle(
        bytes.fromhex(fields.hexadecimal(opening["node"], HASH_BYTES, "node")),
        fields.time(opening["at"], "at"),
        fields.typed(opening["whole"], bool, "whole"),
    )
    statements: dict[bytes, list[Statement]] = {}
    for octets in every:
        kind, entries = _read_line(octets)
        _READERS[kind](made, statements, entries)
    for node_id, own in statements.items():
        history = read_history(own)
        if history.node_id != node_id:
            raise MalformedError("a key history stands under another node's id")
        made.histories[node_id] = history
    made.history  # noqa: B018 - refused here where it is lacking
    return made


def _read_line(octets: bytes) -> tuple[str, dict[str, Any]]:
    entries = decode_json(octets.removesuffix(b"\n"))
    kind = entries.pop("line", None)
    if type(kind) is not str or kind not in _ENTRIES:
        raise MalformedError("a line of no known kind")
    return kind, fields.mapping(entries, *_ENTRIES[kind])


def _bytes(value: object, name: str) -> bytes:
    return from_text(fields.typed(value, str, name))


def _hashes(value: object) -> tuple[bytes, ...]:
    entries = fields.typed(value, list, "proof")
    if len(entries) > MOST_HASHES:
        raise MalformedError("the proof is too long")
    return tuple(fields.octets(_bytes(entry, "proof"), HASH_BYTES, "proof") for entry in entries)


def _add_statement(_made: Bundle, statements: dict[bytes, list[Statement]], entries: dict[str, Any]) -> None:
    node_id = bytes.fromhex(fields.hexadecimal(entries["node"], HASH_BYTES, "node"))
    plain = [_bytes(entries["body"], "body"), _bytes(entries["signature"], "signature")]
    statements.setdefault(node_id, []).append(Statement.from_plain(plain))


def _add_origin(made: Bundle, _statements: object, entries: dict[str, Any]) -> None:
    origin = fields.typed(entries["origin"], str, "origin")
    if node_of(origin) != made.node_id or origin in {log.origin for log in made.logs}:
        raise MalformedError("an origin of another node, or twice")
    made.logs.append(LogOfBundle(origin))


def _log(made: Bundle) -> LogOfBundle:
    if not made.logs:
        raise MalformedError("no origin stands before this line")
    return made.logs[-1]


def _note(entries: dict[str, Any]) -> Note:
    return read_note(fields.typed(entries["note"], str, "note").encode("utf-8", "surrogatepass"))


def _add_checkpoint(made: Bundle, _statements: object, entries: dict[str, Any]) -> None:
    note, log = _note(entries), _log(made)
    if note.checkpoint.origin != log.origin:
        raise MalformedError("a checkpoint of another log")
    log.checkpoints.append(Signed(note, _hashes(entries.get("proof", []))))


def _add_leaf(made: Bundle, _statements: object, entries: dict[str, Any]) -> None:
    log = _log(made)
    position = fields.number(entries["position"], "position")
    if made.is_whole and position != len(log.leaves):
        raise MalformedError("the leaves are not in their order")
    stated = fields.octets(_bytes(entries["leaf"], "leaf"), HASH_BYTES, "leaf")
    state, content = _compare(entries, stated)
    kept = content if position == 0 else b""
    log.leaves.append(Leaf(position, stated, state, _hashes(entries.get("proof", [])), kept))


def _compare(entries: dict[str, Any], stated: bytes) -> tuple[State, bytes]:
    """Say whether the event that stands with a leaf is the one that was committed to."""
    if ("salt" in entries) != ("content" in entries):
        raise MalformedError("an event is shown with its salt")
    if "salt" not in entries:
        return WITHHELD, b""
    salt = fields.octets(_bytes(entries["salt"], "salt"), SALT_BYTES, "salt")
    content = _bytes(entries["content"], "content")
    is_same = leaf_hash(commitment(salt, content)) == stated
    return (SHOWN if is_same else CHANGED), content


def _add_held(made: Bundle, _statements: object, entries: dict[str, Any]) -> None:
    made.held.append(_note(entries))


def _add_receipt(made: Bundle, _statements: object, entries: dict[str, Any]) -> None:
    made.receipts.append(read_signed_receipt(_bytes(entries["receipt"], "receipt")))


def _add_bundle(_made: Bundle, _statements: object, _entries: dict[str, Any]) -> None:
    raise MalformedError("a bundle begins once")


_READERS = {
    "bundle": _add_bundle,
    "statement": _add_statement,
    "origin": _add_origin,
    "checkpoint": _add_checkpoint,
    "leaf": _add_leaf,
    "held": _add_held,
    "receipt": _add_receipt,
}
