"""Proofs for statements of erasure: sent once the log's head is signed, kept by those who had asked."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from iars_node import audit
from iars_node.audit import log_store
from iars_node.audit.tiles import WIDTH, split
from iars_node.errors import RefusedError
from iars_node.exchange import messages
from iars_node.exchange.model import Draft, Handler
from iars_node.exchange.outbox import queue
from iars_node.exchange.tables import message as message_table
from iars_node.jobs.service import schedule
from iars_node.peers import store as peer_store
from iars_node.peers.service import every
from iars_node.vault.identity import identity_of, seconds
from iars_node.withdrawals import store
from iars_node.withdrawals.model import MESSAGE_LIFE
from iars_node.withdrawals.tables import erasure_proof
from iars_node.witness.exporting import with_cosignatures
from iars_protocol.bundle import VERSION, line
from iars_protocol.checkpoint import verify_cosignature
from iars_protocol.content import Content, read_content
from iars_protocol.errors import MalformedError, ProtocolError
from iars_protocol.messages.consent import ErasureReport
from iars_protocol.messages.proof import ErasureProof, verify_erasure_proof

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from iars_node.audit.log_store import Log, StoredCheckpoint
    from iars_node.exchange.model import Incoming
    from iars_node.jobs.model import Job
    from iars_node.peers.model import Peer
    from iars_node.withdrawals.model import Report
    from iars_node.work import Work
    from iars_protocol.checkpoint import Note
    from iars_protocol.keys import KeyHistory

PROVE_JOB = "erasure.prove"
LOOK_AGAIN = timedelta(minutes=20)
WITNESSED_WITHIN = timedelta(days=3)
"""So long a proof waits for a head that a witness has cosigned; then it goes under the log's name alone."""


@dataclass(frozen=True, slots=True)
class Proved:
    """A report's place in its author's log, as it was verified here: under which head, cosigned by whom."""

    origin: str
    size: int
    position: int
    proof: tuple[bytes, ...]
    note: bytes
    witnesses: tuple[bytes, ...]


# -- the reporter


def promise(work: Work, report: bytes) -> None:
    """Have the proof follow a report that is on its way, once there is one."""
    schedule(work, PROVE_JOB, work.now + LOOK_AGAIN, report.hex())


def prove_job(may_report: Callable[[Work, bytes], bool]) -> Callable[[Work, Job], None]:
    """Return the job that sends a report's proof, or looks again later."""

    def run(work: Work, job: Job) -> None:
        report = bytes.fromhex(job.subject)
        column = message_table.c
        row = work.connection.execute(
            select(column.peer, column.recorded_at).where(column.id == report)
        ).first()
        if row is None or work.now - row.recorded_at > MESSAGE_LIFE:
            return
        peer = (
            peer_store.find(work.connection, bytes(row.peer)) if may_report(work, bytes(row.peer)) else None
        )
        shown = None if peer is None else _proof_of(work, report, work.now - row.recorded_at)
        if peer is None or shown is None:
            promise(work, report)
            return
        peer_store.lock(work.connection, peer.node_id)
        _send(work, peer, shown)

    return run


def _send(work: Work, peer: Peer, shown: ErasureProof) -> None:
    key, thread = ((messages.own_key(work),),), secrets.token_bytes(16)
    queue(work, Draft(peer, thread, Content(shown), key, work.now + MESSAGE_LIFE))
    audit.record(work, "erasure.proved", subject=shown.report.hex(), peer_id=peer.node_text)


def _proof_of(work: Work, report: bytes, age: timedelta) -> ErasureProof | None:
    said = messages.load(work.connection, work.vault, report)
    body = None if said is None else read_content(said).body
    if not isinstance(body, ErasureReport):
        return None
    for log in reversed(log_store.logs(work.connection)):
        position = _position(work, log, body.leaf)
        if position is not None:
            break
    else:
        return None
    head = _head(work, log, position, age)
    if head is None:
        return None
    proof = tuple(log_store.tree(work.connection, log).inclusion(position, head.size))
    return ErasureProof(report, position, _note(work, head), proof)


def _position(work: Work, log: Log, leaf: bytes) -> int | None:
    # From the end: a report is proved soon after it was written.
    for tile in range((log.size - 1) // WIDTH, -1, -1):
        hashes, _numbers = log_store.read_tile(work.connection, log.number, 0, tile)
        leaves = split(hashes)
        if leaf in leaves:
            return tile * WIDTH + leaves.index(leaf)
    return None


def _head(work: Work, log: Log, position: int, age: timedelta) -> StoredCheckpoint | None:
    """Return the newest head over a leaf that a witness has cosigned; after days, the newest at all."""
    sizes = {each.size for each in log_store.cosignatures(work.connection, log.number)}
    cosigned = max((size for size in sizes if size > position), default=0)
    if cosigned:
        return log_store.checkpoint_at(work.connection, log.number, cosigned)
    newest = log_store.newest_checkpoint(work.connection, log.number)
    is_late = newest is not None and newest.size > position and age > WITNESSED_WITHIN
    return newest if is_late else None


def _note(work: Work, head: StoredCheckpoint) -> bytes:
    under = [each for each in log_store.cosignatures(work.connection, head.log) if each.size == head.size]
    histories = {peer.node_id: peer.history for peer in every(work)}
    return with_cosignatures(head, under, histories).to_bytes()


# -- who had asked


def proof_handler() -> Handler:
    """Return what a proof does here: it is verified, and kept beside the report."""
    return Handler(
        apply=_apply,
        part_keys=lambda work, incoming: ((messages.own_key(work),),) * len(incoming.message.parts),
    )


def _apply(work: Work, incoming: Incoming) -> None:
    body, peer = incoming.content.body, incoming.peer
    if not isinstance(body, ErasureProof):
        raise MalformedError("a proof has another form")
    report = store.find_report(work.connection, body.report)
    if report is None or report.peer != peer.node_id:
        raise RefusedError("This organisation has made no such statement here.", "not-yours")
    verify_erasure_proof(body, report.leaf, peer.history)
    _keep(work, body, work.now)
    audit.record(
        work,
        "erasure.proved",
        subject=body.report.hex(),
        case_id=report.case_id,
        peer_id=peer.node_text,
    )


def _keep(work: Work, shown: ErasureProof, at: datetime) -> None:
    row = {
        "position": shown.position,
        "proof": b"".join(shown.proof),
        "note": shown.checkpoint,
        "received_at": at,
    }
    fresh = (sqlite if work.is_sqlite else postgresql).insert(erasure_proof)
    work.connection.execute(
        fresh.values(report=shown.report, **row).on_conflict_do_update(index_elements=["report"], set_=row)
    )


def proofs_of(work: Work, reports: Sequence[Report]) -> dict[bytes, Proved]:
    """Return reports' proofs by their messages, each verified again, with the cosignatures that hold."""
    kept = _kept(work, [report.message for report in reports])
    if not kept:
        return {}
    own = identity_of(work.vault)
    histories = {own.node_id: own.history} | {peer.node_id: peer.history for peer in every(work)}
    found = {}
    for report in reports:
        shown = kept.get(report.message)
        if shown is not None and report.peer in histories:
            # One whose author has revoked the key since proves nothing any more.
            with suppress(ProtocolError):
                found[report.message] = _verified(shown, report, histories)
    return found


def _kept(work: Work, reports: Sequence[bytes]) -> dict[bytes, ErasureProof]:
    rows = work.connection.execute(select(erasure_proof).where(erasure_proof.c.report.in_(reports)))
    return {
        bytes(row.report): ErasureProof(
            bytes(row.report), row.position, bytes(row.note), tuple(split(bytes(row.proof)))
        )
        for row in rows
    }


def _verified(shown: ErasureProof, report: Report, histories: Mapping[bytes, KeyHistory]) -> Proved:
    note = verify_erasure_proof(shown, report.leaf, histories[report.peer])
    others = [history for node, history in histories.items() if node != report.peer]
    witnesses = tuple(each.node_id for each in others if _has_cosigned(note, each))
    head = note.checkpoint
    return Proved(head.origin, head.size, shown.position, shown.proof, shown.checkpoint, witnesses)


def _has_cosigned(note: Note, witness: KeyHistory) -> bool:
    try:
        verify_cosignature(note, witness)
    except ProtocolError:
        return False
    return True


def proof_lines(work: Work, report: Report, proved: Proved) -> Iterator[bytes]:
    """Yield a report's proof as a bundle that anybody verifies offline (SPEC § 14.4)."""
    node = report.peer.hex()
    yield line("bundle", version=VERSION, node=node, at=seconds(work.now), whole=False)
    own = identity_of(work.vault).history
    shown = {report.peer, own.node_id, *proved.witnesses}
    for history in (own, *(peer.history for peer in every(work))):
        if history.node_id in shown:
            for each in history.statements:
                yield line("statement", node=history.node_id.hex(), body=each.body, signature=each.signature)
    yield line("origin", origin=proved.origin)
    yield line("checkpoint", note=proved.note.decode(), proof=[])
    yield line("leaf", position=proved.position, leaf=report.leaf, proof=list(proved.proof))
