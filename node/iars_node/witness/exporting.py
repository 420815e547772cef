"""Exporting the log: the lines of a bundle that an auditor verifies elsewhere, with public keys only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from iars_node.audit import log_store
from iars_node.audit.reading import all_pages, contents
from iars_node.exchange.tables import message
from iars_node.peers.service import every
from iars_node.vault.identity import identity_of, seconds
from iars_node.witness import store
from iars_protocol.bundle import VERSION, line
from iars_protocol.checkpoint import NoteSignature, as_line, read_note, witness_name
from iars_protocol.errors import ProofError, SignatureError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iars_node.audit.log_store import Cosignature, Log, StoredCheckpoint
    from iars_node.audit.model import AuditFilter
    from iars_node.work import Work
    from iars_protocol.checkpoint import Note
    from iars_protocol.keys import KeyHistory
    from iars_protocol.transparency import Tree

ROWS_AT_ONCE = 1_000


def bundle_lines(work: Work, filters: AuditFilter | None = None) -> Iterator[bytes]:
    """Yield the bundle's lines: of the whole log, or of events that a filter lets through, with proofs."""
    identity = identity_of(work.vault)
    histories = {peer.node_id: peer.history for peer in every(work)}
    yield line(
        "bundle", version=VERSION, node=identity.node_text, at=seconds(work.now), whole=filters is None
    )
    yield from _statements(identity.history)
    for history in histories.values():
        yield from _statements(history)
    if filters is None:
        yield from _receipts(work)
    for held in store.held_logs(work.connection):
        yield line("held", note=held.note.decode())
    logs = log_store.logs(work.connection)
    wanted = None if filters is None else _wanted(work, filters)
    for log in logs:
        yield line("origin", origin=log.origin)
        yield from _checkpoints(work, log, histories)
        yield from _whole_log(work, log) if wanted is None else _narrowed(work, log, wanted)


def _statements(history: KeyHistory) -> Iterator[bytes]:
    for each in history.statements:
        yield line("statement", node=history.node_id.hex(), body=each.body, signature=each.signature)


def _receipts(work: Work) -> Iterator[bytes]:
    query = select(message.c.receipt).where(message.c.receipt.is_not(None)).order_by(message.c.sequence)
    rows = work.connection.execute(query.execution_options(yield_per=ROWS_AT_ONCE))
    for receipt in rows.scalars():
        yield line("receipt", receipt=bytes(receipt))


def _checkpoints(work: Work, log: Log, histories: dict[bytes, KeyHistory]) -> Iterator[bytes]:
    tree = log_store.tree(work.connection, log)
    cosignatures = log_store.cosignatures(work.connection, log.number)
    before = 0
    for stored in log_store.checkpoints(work.connection, log.number):
        found = [each for each in cosignatures if each.size == stored.size]
        note = with_cosignatures(stored, found, histories).to_bytes().decode()
        yield line("checkpoint", note=note, proof=_consistency(tree, before, stored.size))
        before = stored.size


def with_cosignatures(
    stored: StoredCheckpoint, found: Sequence[Cosignature], histories: dict[bytes, KeyHistory]
) -> Note:
    """Return a checkpoint's note with what its witnesses wrote under it, whether it verifies or not."""
    note = read_note(stored.note)
    for each in found:
        name = witness_name(each.witness)
        try:
            added = as_line(each.signature, histories[each.witness], note.checkpoint)
        except (SignatureError, KeyError):
            # It is shown as it is: that it does not verify is for the auditor to see.
            added = NoteSignature(name, bytes(4), each.signature)
        note = note.with_signature(added)
    return note


def _consistency(tree: Tree, old: int, new: int) -> list[bytes]:
    try:
        return tree.consistency(old, new)
    except ProofError:
        # The stored tree is damaged. That is seen without this proof, and the rest is worth exporting.
        return []


def _whole_log(work: Work, log: Log) -> Iterator[bytes]:
    position = 0
    for entries in log_store.stored_leaves(work.connection, log):
        shown = contents(work.connection, [number for number, _leaf in entries])
        for number, leaf in entries:
            yield line("leaf", position=position, leaf=leaf, **shown.get(number, {}))
            position += 1


def _wanted(work: Work, filters: AuditFilter) -> set[int]:
    return {found.seq for found in all_pages(work.connection, filters)}


def _narrowed(work: Work, log: Log, wanted: set[int]) -> Iterator[bytes]:
    newest = log_store.newest_checkpoint(work.connection, log.number)
    size = newest.size if newest else 0
    tree = log_store.tree(work.connection, log)
    position = 0
    for entries in log_store.stored_leaves(work.connection, log):
        here = [number for number, _leaf in entries if number in wanted]
        shown = contents(work.connection, here)
        for number, leaf in entries:
            # What no head covers yet can't be proved: it is in the next bundle.
            if number in wanted and position < size:
                proof = tree.inclusion(position, size)
                yield line("leaf", position=position, leaf=leaf, proof=proof, **shown.get(number, {}))
            position += 1
