"""Witnessing: a peer shows its log's head; it is compared with the last one, kept and cosigned.

A cosignature says "consistent with what I last saw, at this time", never that anything in the log is true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.audit.alarms import raise_alarm
from iars_node.audit.service import record
from iars_node.exchange.model import Handler
from iars_node.vault.identity import identity_of, seconds
from iars_node.witness import store
from iars_node.witness.service import answer, take_cosignature, take_known
from iars_protocol.checkpoint import cosign, judge, node_of, read_note, verify_checkpoint
from iars_protocol.encoding import decode
from iars_protocol.errors import MalformedError, ProofError
from iars_protocol.messages.checkpoint import (
    MAX_OPENING,
    AskCheckpoint,
    CosignCheckpoint,
    KnownCheckpoint,
    SubmitCheckpoint,
)
from iars_protocol.transparency import commitment, leaf_hash, verify_inclusion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_node.exchange.model import Incoming
    from iars_node.witness.model import Held
    from iars_node.work import Work
    from iars_protocol.checkpoint import Checkpoint, Judgement


def handlers() -> dict[str, Handler]:
    """Return what each message about logs does here; of none of them the body is kept."""
    handler = Handler(apply=_apply, part_keys=lambda _work, incoming: ((),) * len(incoming.message.parts))
    return {
        kind.type: handler for kind in (SubmitCheckpoint, CosignCheckpoint, KnownCheckpoint, AskCheckpoint)
    }


def _apply(work: Work, incoming: Incoming) -> None:
    store.note_message(work, incoming.message.id)
    match incoming.content.body:
        case SubmitCheckpoint() as body:
            _take_head(work, incoming, body)
        case CosignCheckpoint() as body:
            take_cosignature(work, incoming, body)
        case KnownCheckpoint() as body:
            take_known(work, incoming, body)
        case AskCheckpoint():
            held = store.held_logs(work.connection, incoming.peer.node_id)
            answer(work, incoming.peer, KnownCheckpoint("asked", held[-1].note if held else b""))
        case _:
            raise MalformedError("not a message about logs")


def _take_head(work: Work, incoming: Incoming, body: SubmitCheckpoint) -> None:
    peer = incoming.peer
    note = read_note(body.checkpoint)
    offered = verify_checkpoint(note, peer.history)
    known = store.held_logs(work.connection, peer.node_id)
    held = next((each for each in known if each.origin == offered.origin), None)
    if held is None and known:
        _check_opening(work, incoming, body, offered, known[-1])
    # What it signed itself, without what others have written under it.
    own_note = type(note)(offered, tuple(s for s in note.signatures if s.name == offered.origin)).to_bytes()
    judgement = _judge(held, offered, body, is_newest=held is None or held == known[-1])
    if judgement == "consistent":
        _cosign(work, incoming, offered, own_note)
        return
    kept = (held or known[-1]).note
    if judgement != "behind":
        _keep_evidence(work, incoming, judgement, kept, own_note)
    answer(work, peer, KnownCheckpoint(judgement, kept))


def _judge(held: Held | None, offered: Checkpoint, body: SubmitCheckpoint, *, is_newest: bool) -> Judgement:
    if not is_newest:
        # It had opened another log since: this is a database that was put back without a word.
        return "rolled-back"
    return judge(read_note(held.note).checkpoint if held else None, offered, body.old, body.proof)


def _cosign(work: Work, incoming: Incoming, offered: Checkpoint, note: bytes) -> None:
    identity = identity_of(work.vault)
    store.hold(work, incoming.peer.node_id, offered.origin, note, offered.size)
    signed = cosign(offered, identity.node_id, identity.log, at=seconds(work.now))
    record(work, "audit.cosigned", peer_id=incoming.peer.node_text, detail={"size": offered.size})
    answer(work, incoming.peer, CosignCheckpoint(offered.origin, offered.size, signed.signature))


def _keep_evidence(work: Work, incoming: Incoming, judgement: Judgement, held: bytes, offered: bytes) -> None:
    peer = incoming.peer
    store.keep_evidence(
        work,
        peer=peer.node_id,
        kind=judgement,
        held=held,
        offered=offered,
        message_id=incoming.message.id,
    )
    detail: dict[str, str | int] = {"size": read_note(held).checkpoint.size, "by": "log"}
    action = "audit.rollback-seen" if judgement == "rolled-back" else "audit.fork-seen"
    record(work, action, peer_id=peer.node_text, detail=detail)
    raise_alarm(work, f"audit.{judgement}", peer.node_text, detail)


def _check_opening(
    work: Work, incoming: Incoming, body: SubmitCheckpoint, offered: Checkpoint, before: Held
) -> None:
    """Check that a new log says what it continues, and alarm where it forgets what was cosigned."""
    named, size = read_opening(body.opening, body.first, offered)
    peer = incoming.peer
    detail: dict[str, str | int] = {"size": size, "cosigned": before.size}
    raise_alarm(work, "audit.restarted", peer.node_text, detail)
    if named != before.origin or size < before.size:
        record(work, "audit.gap-found", peer_id=peer.node_text, detail=detail)
        raise_alarm(work, "audit.gap", peer.node_text, detail)


def read_opening(opening: Sequence[bytes], first: Sequence[bytes], offered: Checkpoint) -> tuple[str, int]:
    """Return which log a new one continues, and how far that had been cosigned as its node knows.

    Raises:
        ProofError: the event is not shown, not the first leaf, or opens nothing.
        MalformedError: it has another form.

    """
    if not opening:
        raise ProofError("a log after another shows what it begins with")
    salt, content = opening
    verify_inclusion(leaf_hash(commitment(salt, content)), 0, offered.size, first, offered.root)
    event = decode(content, MAX_OPENING)
    detail = event.get("detail") if type(event) is dict else None
    if type(detail) is not dict or event.get("action") != "audit.origin-opened":
        raise ProofError("the first leaf of the log opens nothing")
    named, size = detail.get("previous"), detail.get("size")
    if type(named) is not str or type(size) is not int or size < 0:
        raise MalformedError("the opening of the log has another form")
    node_of(named)
    return named, size
