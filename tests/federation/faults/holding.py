"""What must hold when everything is quiet again, however rough it was."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from iars_node.audit import store as audit_store
from iars_node.audit.alarms import open_alarms
from iars_node.audit.service import is_intact
from iars_node.cases.tables import case_file
from iars_node.exchange.model import IN, OUT, PENDING
from iars_node.exchange.tables import message as message_table
from iars_node.exchange.tables import outbox, resync
from iars_node.referrals import service as referrals
from iars_node.referrals.tables import referral, referral_step
from iars_node.work import SYSTEM
from iars_protocol.envelope import read_header
from iars_protocol.messages.administration import AnnounceListing, ResyncStreams

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Row
    from tests.federation.faults.play import Done
    from tests.federation.faults.serving import Served

ABOUT_NODES = (ResyncStreams.type, AnnounceListing.type)

# A fault on the way to a node: what its own audit log must show, and what its peer's must, one of each.
SEEN_BY_RECEIVER = {
    "duplicate": ("exchange.duplicate",),
    "alter-request": ("alarm exchange.unauthenticated",),
    "cut-request": ("alarm exchange.unauthenticated",),
}
SEEN_BY_SENDER = {
    "lose-request": ("unreachable connection",),
    "lose-answer": ("unreachable connection",),
    "late": ("unreachable connection",),
    "offline": ("unreachable connection",),
    "error": ("unreachable http-500",),
    "garbage": ("unreachable answer-malformed", "unreachable answer-unsupported-version"),
    "alter-request": ("unreachable http-401", "unreachable http-422"),
    "cut-answer": ("unreachable answer-malformed",),
    "alter-answer": ("unreachable answer-decryption", "unreachable answer-malformed"),
}
# Once may have fallen together with another fault, or with the death of the process that was to note it.
OFTEN = 4


def is_quiet(side: Served) -> bool:
    """Say whether nothing waits to be sent and nobody's answer is awaited."""
    with side.node.works.read(SYSTEM) as work:
        waiting = work.connection.execute(
            select(func.count()).select_from(outbox).where(outbox.c.state == PENDING)
        ).scalar_one()
        awaited = work.connection.execute(
            select(func.count()).select_from(resync).where(resync.c.answered_at.is_(None))
        ).scalar_one()
    return waiting == awaited == 0


def referral_ids(side: Served) -> dict[str, Row[Any]]:
    """Return a side's referrals."""
    columns = referral.c
    query = select(
        columns.id, columns.direction, columns.state, columns.problem, columns.case_id, columns.subject
    )
    with side.node.works.read(SYSTEM) as work:
        rows: list[Row[Any]] = list(work.connection.execute(query))
    return {row.id: row for row in rows}


def check_same_histories(one: Served, other: Served) -> int:
    """Hold both sides' copies of every referral against each other; return how many there are."""
    ours, theirs = referral_ids(one), referral_ids(other)
    for referral_id in sorted(ours.keys() | theirs.keys()):
        if referral_id in ours and referral_id in theirs:
            differences = referrals.differences(one.history(referral_id), other.history(referral_id))
            assert not differences, (referral_id, differences)
            assert ours[referral_id].state == theirs[referral_id].state
        else:
            # An offer that never arrived must be seen to have failed.
            row = ours.get(referral_id) or theirs[referral_id]
            assert (row.direction, bool(row.problem)) == ("out", True), (referral_id, tuple(row))
    return len(ours.keys() | theirs.keys())


def _messages(side: Served, direction: str) -> list[Row[Any]]:
    columns = message_table.c
    query = (
        select(columns.id, columns.thread, columns.type, columns.outcome, columns.header, columns.stream)
        .where(columns.direction == direction, columns.type.not_in(ABOUT_NODES))
        .order_by(columns.sequence)
    )
    with side.node.works.read(SYSTEM) as work:
        return list(work.connection.execute(query))


def check_nothing_lost(sender: Served, receiver: Served, done: Iterable[Done]) -> None:
    """Hold what was sent against what came, and both against what workers were told is done."""
    sent = {row.id: row.outcome for row in _messages(sender, OUT)}
    came = {row.id: row.outcome for row in _messages(receiver, IN)}
    if not receiver.restored:
        assert sent.items() <= came.items(), "sent and not taken in, or with another outcome"
    lost = [each for each in done if each.message not in sent]
    # Only a restore takes something away, and then from both sides: what the peer had came back.
    assert sender.restored or not lost
    assert not [each for each in lost if each.message in came and came[each.message] == "applied"]
    applied = {message for message, outcome in came.items() if outcome == "applied"}
    assert applied <= sent.keys(), "taken in, and unknown to its sender"


def check_nothing_twice(side: Served, own_cases: int) -> None:
    """Look for a step, a case or a sentence that is there twice."""
    with side.node.works.read(SYSTEM) as work:
        steps = work.connection.execute(
            select(referral_step.c.message).where(referral_step.c.message != "")
        ).scalars()
        assert not [found for found, times in Counter(steps).items() if times > 1]
        cases = work.connection.execute(select(func.count()).select_from(case_file)).scalar_one()
    received: dict[str, set[str]] = {}
    used = set()
    for row in referral_ids(side).values():
        if row.case_id:
            used.add(row.case_id)
            received.setdefault(f"{row.direction} {row.subject}", set()).add(row.case_id)
    assert not [subject for subject, found in received.items() if len(found) > 1]
    assert cases <= own_cases + len(used)


def check_texts(one: Served, other: Served) -> int:
    """Hold the sentences of every thread against each other; return how many there are."""
    written: Counter[str] = Counter()
    for referral_id in sorted(referral_ids(one).keys() & referral_ids(other).keys()):
        ours, theirs = _texts(one, referral_id), _texts(other, referral_id)
        # What was never accepted is erased at the receiver; what is there on both sides is the same.
        for message in ours.keys() & theirs.keys():
            assert ours[message] == theirs[message], (referral_id, message)
        for texts in (ours | theirs).values():
            written.update(texts)
    assert not [text for text, times in written.items() if times > 1]
    return len(written)


def _texts(side: Served, referral_id: str) -> dict[str, list[str]]:
    with side.node.works.read(SYSTEM) as work:
        entries = referrals.timeline(work, referral_id)
    return {
        entry.step.message: [text for part in entry.scopes for text in part.texts]
        for entry in entries
        if not entry.step.is_refused and not entry.is_erased
    }


def check_order(side: Served) -> None:
    """Each author's messages were applied in the order in which they were signed."""
    heads: dict[bytes, bytes] = {}
    for row in _messages(side, IN):
        if row.outcome != "applied":
            continue
        header = read_header(bytes(row.header))
        assert header.previous == heads.get(bytes(row.thread), b"")
        heads[bytes(row.thread)] = bytes(row.id)


def check_parked_are_told(side: Served) -> None:
    """Nothing lies parked without an alarm."""
    with side.node.works.read(SYSTEM) as work:
        parked = work.connection.execute(select(func.count()).select_from(outbox)).scalar_one()
        kinds = {alarm.kind for alarm in open_alarms(work.connection)}
    assert not parked or "exchange.parked" in kinds


def check_log(side: Served) -> None:
    """What the processes wrote names no person, no sentence of anybody, and no fault of the program."""
    written = side.log.read_text()
    for word in ("Traceback", '"level": "error"', "Munteanu", "condition of", " writes "):
        assert word not in written, written[max(0, written.index(word) - 300) :][:2000]


def shown_in_audit(side: Served) -> Counter[str]:
    """Count what a node's audit log tells, each event intact: actions, alarms, why a peer was unreachable."""
    found: Counter[str] = Counter()
    with side.node.works.read(SYSTEM) as work:
        for event in audit_store.every(work.connection):
            assert is_intact(event)
            found[event.event.action] += 1
            if event.event.action == "alarm.raised":
                found[f"alarm {event.event.detail['kind']}"] += 1
            if event.event.action == "exchange.peer-unreachable":
                found[f"unreachable {event.event.detail['code']}"] += 1
    return found


def check_faults_are_seen(side: Served, other: Served) -> None:
    """Each kind of fault on the way to a node shows in the log of the node concerned."""
    at_receiver, at_sender = shown_in_audit(side), shown_in_audit(other)
    for fault, times in side.mischief.counts.items():
        if times < OFTEN:
            continue
        _check_seen(fault, SEEN_BY_RECEIVER.get(fault), at_receiver, side)
        _check_seen(fault, SEEN_BY_SENDER.get(fault), at_sender, other)


def _check_seen(fault: str, expected: Sequence[str] | None, shown: Counter[str], side: Served) -> None:
    # What was noted after the backup went with the database that was replaced.
    if expected is not None and not side.restored:
        assert any(shown[each] for each in expected), f"{fault} left no trace at the {side.name}: {shown}"
