"""Verifying a log by its bundle: what holds, what does not, and who can show it (SPEC § 14.4).

What does not hold is a finding, never an exception: an auditor wants all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iars_protocol.bundle import CHANGED, SHOWN, WITHHELD
from iars_protocol.checkpoint import verify_checkpoint, verify_cosignature, witness_name
from iars_protocol.encoding import decode
from iars_protocol.errors import MalformedError, ProofError, ProtocolError, SignatureError
from iars_protocol.keys import ANY_TIME
from iars_protocol.receipt import verify_receipt
from iars_protocol.transparency import verify_consistency, verify_inclusion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iars_protocol.bundle import Bundle, Leaf, LogOfBundle, Signed
    from iars_protocol.checkpoint import Checkpoint
    from iars_protocol.keys import KeyHistory

SEQUENCED_WITHIN = 10
"""Seconds within which an event is in the tree (R14-4): a younger receipt's leaf may be on its way there."""

OPENED = "audit.origin-opened"
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a verifier says: what, in which log, at which places, and who can show it.

    `first` and `last` are positions of leaves, or sizes; `shown_by` are nodes whose signature proves it.
    """

    code: str
    is_fault: bool
    origin: str = ""
    first: int = 0
    last: int = 0
    shown_by: tuple[str, ...] = ()


def verify_bundle(bundle: Bundle, others: Sequence[Bundle] = ()) -> list[Finding]:
    """Verify a log by what its bundle holds, and by what bundles of other nodes hold about it.

    Returns:
        The findings, faults and remarks, log by log (SPEC § 14.4).

    """
    found: list[Finding] = []
    for log in bundle.logs:
        _find_cosignatures(log, bundle.histories)
        found += _verify_checkpoints(bundle, log)
        found += _verify_leaves(bundle, log)
        found += _remark(bundle, log)
    found += _verify_receipts(bundle, bundle)
    for other in others:
        found += _verify_receipts(bundle, other)
        found += _verify_held(bundle, other)
    return found


def _find_cosignatures(log: LogOfBundle, histories: dict[bytes, KeyHistory]) -> None:
    for each in log.checkpoints:
        for node_id, history in histories.items():
            try:
                each.cosigned[node_id] = verify_cosignature(each.note, history)
            except SignatureError:
                continue


def _verify_checkpoints(bundle: Bundle, log: LogOfBundle) -> Iterator[Finding]:
    before: Signed | None = None
    named = {witness_name(node_id): node_id for node_id in bundle.histories}
    for each in log.checkpoints:
        size = each.head.size
        try:
            seen = min(each.cosigned.values(), default=None)
            verify_checkpoint(each.note, bundle.history, seen=seen)
        except SignatureError:
            yield Finding("signature", True, log.origin, 0, size)
        for signed in each.note.signatures:
            if signed.name in named and named[signed.name] not in each.cosigned:
                shown_by = (named[signed.name].hex(),)
                yield Finding("cosignature", True, log.origin, 0, size, shown_by)
        yield from _verify_head(bundle, log, before, each)
        before = each


def _verify_head(bundle: Bundle, log: LogOfBundle, before: Signed | None, each: Signed) -> Iterator[Finding]:
    head = each.head
    last = before.head.size if before else 0
    if not bundle.is_whole:
        try:
            if before:
                verify_consistency(last, head.size, before.head.root, head.root, each.proof)
        except ProofError:
            yield Finding("inconsistent", True, log.origin, last, head.size, each.witnesses)
    elif head.size > log.tree.size:
        yield Finding("cut", True, log.origin, log.tree.size, head.size, each.witnesses)
    elif log.tree.root(head.size) != head.root:
        # What stands before the last checkpoint that fits is proved; the change lies behind it.
        yield Finding("rewritten", True, log.origin, _last_fitting(log, head.size), head.size, each.witnesses)


def _last_fitting(log: LogOfBundle, size: int) -> int:
    fitting = [
        each.head.size
        for each in log.checkpoints
        if each.head.size < size and log.tree.root(each.head.size) == each.head.root
    ]
    return max(fitting, default=0)


def _verify_leaves(bundle: Bundle, log: LogOfBundle) -> Iterator[Finding]:
    head = log.checkpoints[-1].head if log.checkpoints else None
    for leaf in log.leaves:
        if leaf.state == CHANGED:
            yield Finding("changed", True, log.origin, leaf.position, leaf.position, _shown(log, leaf))
        if bundle.is_whole:
            if leaf.state == WITHHELD:
                yield Finding("missing", True, log.origin, leaf.position, leaf.position, _shown(log, leaf))
            continue
        if not _is_proved(leaf, head):
            yield Finding("unproved-leaf", True, log.origin, leaf.position, leaf.position)


def _is_proved(leaf: Leaf, head: Checkpoint | None) -> bool:
    if head is None:
        return False
    try:
        verify_inclusion(leaf.hash, leaf.position, head.size, leaf.proof, head.root)
    except ProofError:
        return False
    return True


def _shown(log: LogOfBundle, leaf: Leaf) -> tuple[str, ...]:
    """Return who has cosigned a tree with a leaf in it."""
    return tuple(
        sorted(
            {name for each in log.checkpoints if each.head.size > leaf.position for name in each.witnesses}
        )
    )


def _remark(bundle: Bundle, log: LogOfBundle) -> Iterator[Finding]:
    cosigned = log.cosigned
    proved = cosigned.head.size if cosigned else 0
    size = log.tree.size if bundle.is_whole else max((each.head.size for each in log.checkpoints), default=0)
    if cosigned:
        yield Finding("cosigned", False, log.origin, 0, proved, cosigned.witnesses)
    if size > proved:
        yield Finding("unprovable", False, log.origin, proved, size)
    opening = _opening(log)
    if opening is not None and opening.size > opening.kept:
        yield Finding("gap", False, opening.previous, opening.kept, opening.size)


@dataclass(frozen=True, slots=True)
class Opening:
    """What the first leaf of a log after a restore says of the one before."""

    previous: str
    size: int
    kept: int
    at: int


def _opening(log: LogOfBundle) -> Opening | None:
    first = next((leaf for leaf in log.leaves if leaf.position == 0 and leaf.state == SHOWN), None)
    event = _event(first.first_content) if first else {}
    detail = event.get("detail")
    if type(detail) is not dict or event.get("action") != OPENED or type(event.get("at")) is not int:
        return None
    previous, size, kept = detail.get("previous"), detail.get("size"), detail.get("kept")
    if type(previous) is not str or type(size) is not int or type(kept) is not int:
        return None
    return Opening(previous, size, kept, event["at"] // _MICROSECONDS)


def _event(content: bytes) -> dict[str, Any]:
    try:
        event = decode(content)
    except MalformedError:
        return {}
    return event if type(event) is dict else {}


def _verify_receipts(bundle: Bundle, holder: Bundle) -> Iterator[Finding]:
    """Check that every receipt of the node, whoever holds it, names a leaf of its log."""
    if not bundle.is_whole:
        return
    leaves = {leaf.hash for log in bundle.logs for leaf in log.leaves}
    told = max((opening.at for opening in map(_opening, bundle.logs) if opening), default=-1)
    for signed in holder.receipts:
        receipt = signed.receipt
        if receipt.issuer != bundle.node_id:
            continue
        try:
            verify_receipt(signed, bundle.history, message=receipt.message, at=ANY_TIME)
        except ProtocolError:
            yield Finding("false-receipt", True, shown_by=(holder.node_id.hex(),))
            continue
        if receipt.leaf not in leaves and receipt.at < bundle.at - SEQUENCED_WITHIN:
            # Given between a backup and its restore: lost, and said to be lost.
            code = "receipt-lost" if receipt.at <= told else "receipt"
            shown_by = (holder.node_id.hex(), bundle.node_id.hex())
            yield Finding(code, code == "receipt", "", receipt.at, receipt.at, shown_by)


def _verify_held(bundle: Bundle, other: Bundle) -> Iterator[Finding]:
    """Compare the log with the newest checkpoints of it that another node holds."""
    for note in other.held:
        head = note.checkpoint
        if head.node_id != bundle.node_id:
            continue
        shown_by = (other.node_id.hex(),)
        try:
            verify_checkpoint(note, bundle.history, seen=ANY_TIME)
        except SignatureError:
            yield Finding("false-checkpoint", True, head.origin, 0, head.size, shown_by)
            continue
        log = next((each for each in bundle.logs if each.origin == head.origin), None)
        yield from _compare(bundle, log, head, shown_by)


def _compare(
    bundle: Bundle, log: LogOfBundle | None, head: Checkpoint, shown_by: tuple[str, ...]
) -> Iterator[Finding]:
    size = log.tree.size if log and bundle.is_whole else 0
    if log is None:
        yield Finding("rolled-back", True, head.origin, 0, head.size, shown_by)
    elif not bundle.is_whole:
        same = [each for each in log.checkpoints if each.head.size == head.size]
        if any(each.head.root != head.root for each in same):
            yield Finding("forked", True, head.origin, 0, head.size, shown_by)
    elif head.size > size:
        openings = [opening for opening in map(_opening, bundle.logs) if opening]
        is_told = any(each.previous == log.origin and each.size >= head.size for each in openings)
        code = "lost" if is_told else "rolled-back"
        yield Finding(code, not is_told, head.origin, size, head.size, shown_by)
    elif log.tree.root(head.size) != head.root:
        yield Finding("forked", True, head.origin, _last_fitting(log, head.size), head.size, shown_by)
