"""The signed heads of this node's logs, from wherever they are known here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.audit import log_store
from iars_protocol.checkpoint import read_note
from iars_protocol.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_node.audit.log_store import Log
    from iars_node.work import Work
    from iars_protocol.checkpoint import Checkpoint
    from iars_protocol.transparency import Tree

LOG_HEAD = "log-head"
"""The document in the key store with the newest cosigned checkpoint: a database that was put back can't take
it along."""


def newest_known(work: Work, closed: Log) -> Checkpoint | None:
    """Return the largest cosigned checkpoint of a log that is known here, from wherever it is known."""
    notes = [work.vault.document(LOG_HEAD), closed.newest_note]
    stored = log_store.cosignatures(work.connection, closed.number)
    if stored:
        found = log_store.checkpoint_at(work.connection, closed.number, stored[-1].size)
        notes.append(None if found is None else found.note)
    heads = [head for head in map(_head, notes) if head is not None and head.origin == closed.origin]
    return max(heads, key=lambda head: head.size, default=None)


def head_in_key_store(work: Work) -> Checkpoint | None:
    """Return the newest cosigned head of any log of this node that the key store keeps."""
    return _head(work.vault.document(LOG_HEAD))


def to_continue(work: Work, log: Log) -> list[Checkpoint]:
    """Return the heads that a log's next one has to continue: the last signed, and the key store's."""
    signed = log_store.newest_checkpoint(work.connection, log.number)
    heads = [None if signed is None else _head(signed.note), head_in_key_store(work)]
    return [head for head in heads if head is not None and head.origin == log.origin]


def contradicted_by(tree: Tree, heads: Sequence[Checkpoint]) -> Checkpoint | None:
    """Return the largest head that a tree does not continue; None where it continues all of them."""
    against = [head for head in heads if head.size > tree.size or tree.root(head.size) != head.root]
    return max(against, key=lambda head: head.size, default=None)


def _head(note: bytes | None) -> Checkpoint | None:
    if note is None:
        return None
    try:
        return read_note(note).checkpoint
    except ProtocolError:
        return None
