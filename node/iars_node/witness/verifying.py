"""Verifying this node's own log: its rows, its tree, its heads, its witnesses' and its peers' copies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iars_node.audit import log_store, reading
from iars_node.audit import store as audit_store
from iars_node.audit.known_heads import LOG_HEAD
from iars_node.audit.model import AuditFilter
from iars_node.audit.service import is_intact
from iars_node.vault.identity import identity_of, seconds
from iars_node.witness import store
from iars_node.witness.exporting import bundle_lines
from iars_protocol.bundle import Bundle, read_bundle
from iars_protocol.checkpoint import read_note
from iars_protocol.errors import ProtocolError
from iars_protocol.verification import Finding, verify_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iars_node.work import Work


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying a log said: how much of it there is, and the findings."""

    node: str
    events: int
    findings: list[Finding]

    @property
    def is_sound(self) -> bool:
        """Whether nothing contradicts the log. What is not provable yet is no fault."""
        return not any(finding.is_fault for finding in self.findings)


def verify_log(work: Work, others: Sequence[Bundle] = ()) -> Verified:
    """Verify this node's log, also against what its key store and bundles of other nodes know of it."""
    bundle = read_bundle(bundle_lines(work))
    findings = _told_apart(work, verify_bundle(bundle, [*others, *_kept_apart(work)]))
    findings += _not_in_tree(work)
    findings += _evidence(work)
    return Verified(bundle.node_id.hex(), sum(log.tree.size for log in bundle.logs), findings)


def _told_apart(work: Work, findings: list[Finding]) -> list[Finding]:
    """Tell a restore that was declared from a log that somebody put back.

    Between the two moments, the restore and the first leaf of the next log, nothing that is signed speaks of
    it. Only the node itself can see that it was declared: the log is closed, and the event waits.
    """
    newest = log_store.newest_log(work.connection)
    if newest is None or newest.closed_at is None or not _is_restore_recorded(work, newest.reached):
        return findings
    return [
        replace(each, code="restored", is_fault=False)
        if each.code == "rolled-back" and each.origin == newest.origin
        else each
        for each in findings
    ]


def _is_restore_recorded(work: Work, after: int) -> bool:
    found = audit_store.page(work.connection, AuditFilter(action="backup.restored"), limit=1).events
    return bool(found) and found[0].seq > after and is_intact(found[0])


def verify_file(bundle: Bundle, others: Sequence[Bundle] = ()) -> Verified:
    """Verify a bundle, with no more than what is in it and in bundles of other nodes."""
    events = sum(len(log.leaves) for log in bundle.logs)
    return Verified(bundle.node_id.hex(), events, verify_bundle(bundle, others))


def _kept_apart(work: Work) -> Iterator[Bundle]:
    """Yield the newest cosigned head that the key store knows: a database put back does not take it along."""
    note = work.vault.document(LOG_HEAD)
    if note is not None:
        own = identity_of(work.vault)
        kept = Bundle(own.node_id, seconds(work.now), is_whole=False)
        kept.held.append(read_note(note))
        yield kept


def _not_in_tree(work: Work) -> Iterator[Finding]:
    """Yield events that are in no tree: rows that somebody has put in, or that are on their way there."""
    logs = log_store.logs(work.connection)
    if not logs:
        return
    newest = logs[-1]
    placed = {
        number
        for log in logs
        for entries in log_store.stored_leaves(work.connection, log)
        for number, _leaf in entries
    }
    ranges = [range(each.first, each.last + 1) for each in log_store.skipped(work.connection)]
    for found in reading.numbers(work.connection):
        for number in found:
            if number in placed:
                continue
            is_coming = number > newest.reached or any(number in each for each in ranges)
            code = "waiting" if is_coming else "not-in-tree"
            yield Finding(code, not is_coming, newest.origin, number, number)


def _evidence(work: Work) -> Iterator[Finding]:
    """Yield what witnesses and this node have seen of logs that do not agree; others' logs are remarks."""
    own = identity_of(work.vault).node_id
    for kept in store.evidence(work.connection):
        try:
            held = read_note(bytes(kept["held"])).checkpoint
        except ProtocolError:
            continue
        code = f"seen-{kept['kind']}"
        shown_by = (bytes(kept["peer"]).hex(),)
        yield Finding(code, held.node_id == own, held.origin, 0, held.size, shown_by)
