"""What `iars audit` does: narrow, follow, export, verify; and how findings are said."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from iars_admin.showing import plain
from iars_node.accounts import store as account_store
from iars_node.audit import reading
from iars_node.audit.sequencing import note_damage, sequence
from iars_node.audit.service import is_intact
from iars_node.cases.spreadsheet.cells import neutral
from iars_node.errors import InvalidError, SetupError
from iars_node.work import SYSTEM
from iars_protocol.bundle import Bundle, read_bundle
from iars_protocol.errors import ProofError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from iars_node.audit.model import AuditFilter, RecordedEvent
    from iars_node.audit.reading import Place
    from iars_node.audit.rebuilding import Rebuilt
    from iars_node.node import Node
    from iars_node.work import Work
    from iars_protocol.verification import Finding

MOST_ROWS = 1_048_575
"""What a sheet holds under its header."""

COLUMNS = (
    "seq", "at", "action", "actor_kind", "actor_id", "actor_name", "purpose", "case_id", "referral_id",
    "peer_id", "subject", "scopes", "detail", "intact",
)  # fmt: skip

SENTENCES = {
    "changed": "The event at place {first} is not the one that was recorded.",
    "missing": "The event at place {first} is gone.",
    "not-in-tree": "Event no. {first} was put in beside the log: it is in no tree.",
    "waiting": "Event no. {first} is on its way into the tree.",
    "rewritten": "Between {first} and {last} something was changed after the head of {last} was signed.",
    "cut": "The log's end is gone: {first} events are left of at least {last}.",
    "inconsistent": "The head of {last} does not continue the one of {first}.",
    "signature": "The head of {last} was not signed by this log's key.",
    "cosignature": "The cosignature under the head of {last} is false.",
    "unproved-leaf": "The event at place {first} is not proved to be in the log.",
    "receipt": "A receipt that this node gave names an event that is not in its log.",
    "receipt-lost": "A receipt from before the restore names an event that was lost by it.",
    "false-receipt": "A receipt is held that this node never signed.",
    "false-checkpoint": "A head of {last} is held that this log never signed.",
    "rolled-back": "The log was put back, and no restore is declared: {first} events are left of {last}.",
    "restored": (
        "A restore from a backup was declared: {first} events are left of {last}. The next log begins with "
        "that when the witnesses have answered, or an hour after the restore."
    ),
    "forked": "The log was rewritten between place {first} and {last}: another head of {last} was cosigned.",
    "lost": "The events from {first} to {last} were lost by a restore, and the log says so.",
    "gap": "A restore lost what came between {first} and {last}.",
    "cosigned": "Proved up to place {last}: cosigned.",
    "unprovable": "Not provable yet: the events from place {first} to {last}; nobody has cosigned them.",
    "seen-rolled-back": "A witness saw a log that had been put back.",
    "seen-forked": "A witness saw a log that had been rewritten.",
}


def said(finding: Finding) -> str:
    """Return a finding as one sentence, with who can show it."""
    sentence = SENTENCES[finding.code].format(first=finding.first, last=finding.last)
    if not finding.shown_by:
        return sentence
    return f"{sentence} Shown by {', '.join(node[:12] for node in finding.shown_by)}."


def described(finding: Finding) -> dict[str, Any]:
    """Return a finding for a table and for a program."""
    return {
        "outcome": "fault" if finding.is_fault else "remark",
        "code": finding.code,
        "said": said(finding),
        "origin": finding.origin,
        "first": finding.first,
        "last": finding.last,
        "shown_by": list(finding.shown_by),
    }


def read_bundle_file(path: Path) -> Bundle:
    """Read a bundle from a file."""
    try:
        with path.open("rb") as lines:
            return read_bundle(lines)
    except OSError as error:
        raise SetupError(f"The file {path} can't be read.") from error


def take_all_in(node: Node) -> None:
    """Put what waits into the tree: a command's own events too, where the node is not served.

    Nothing can be added to a tree with a hole: then it waits, and whoever verifies the log finds both.
    """
    taken = 1
    try:
        while taken:
            with node.works.write(SYSTEM) as work:
                taken = sequence(work)
    except ProofError:
        note_damage(node.works)


def describe_rebuilt(rebuilt: Rebuilt) -> dict[str, Any]:
    """Return what rebuilding a log gave, for a table and for a program."""
    return {**asdict(rebuilt), "continues": rebuilt.continues, "said": _said_of_rebuilt(rebuilt)}


def _said_of_rebuilt(rebuilt: Rebuilt) -> str:
    if rebuilt.lost:
        return f"{rebuilt.lost} of {rebuilt.size} events are gone with their leaves: the tree can't be built."
    if not rebuilt.continues:
        return (
            f"The events do not give the signed head of {rebuilt.signed}; they agree up to {rebuilt.agreed}."
        )
    state = f"{rebuilt.damaged} tiles are damaged" if rebuilt.damaged else "The stored tree is whole"
    if not rebuilt.signed:
        return f"{state}; no head was signed that it could be compared with."
    return f"{state}; {rebuilt.size} events give the signed head of {rebuilt.signed}."


@contextmanager
def new_private_file(path: Path) -> Iterator[Callable[[bytes], object]]:
    """Write a new file that only its owner may read, bit by bit; it is not there if that fails half-way."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    if path.exists():
        raise SetupError(f"There is a file {path} already; it was left as it is.")
    try:
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as new:
            yield new.write
            new.flush()
            os.fsync(new.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def entries(work: Work, events: Iterable[RecordedEvent]) -> Iterator[dict[str, Any]]:
    """Yield events as they are shown, with the names of accounts."""
    names = {account.id: account.name for account in account_store.accounts(work.connection)}
    for recorded in events:
        yield _entry(recorded, names)


def _entry(recorded: RecordedEvent, names: Mapping[str, str]) -> dict[str, Any]:
    event = recorded.event
    return {
        "seq": recorded.seq,
        "id": event.id,
        "at": event.at,
        "action": event.action,
        "actor_kind": event.actor_kind,
        "actor_id": event.actor_id,
        "actor_name": names.get(event.actor_id, event.actor_id[:12]),
        "purpose": event.purpose,
        "case_id": event.case_id,
        "referral_id": event.referral_id,
        "peer_id": event.peer_id,
        "subject": event.subject,
        "scopes": list(event.scopes),
        "detail": dict(event.detail),
        "leaf": recorded.leaf,
        "intact": is_intact(recorded),
    }


def write_events(work: Work, filters: AuditFilter, path: Path) -> int:
    """Write every event that a filter lets through into a file, by its ending .jsonl or .xlsx."""
    shown = entries(work, reading.all_pages(work.connection, filters))
    if path.suffix == ".jsonl":
        return _write_lines(shown, path)
    if path.suffix == ".xlsx":
        return _write_sheet(shown, path)
    raise InvalidError("The log is written as .jsonl or .xlsx.", {"to": "accepted: such an ending"})


def _write_lines(shown: Iterator[dict[str, Any]], path: Path) -> int:
    count = 0
    with new_private_file(path) as write:
        for count, entry in enumerate(shown, start=1):  # noqa: B007 - counted for the answer
            write(json.dumps(entry, ensure_ascii=False, default=plain).encode() + b"\n")
    return count


def _write_sheet(shown: Iterator[dict[str, Any]], path: Path) -> int:
    # Imported late: few commands ever write a spreadsheet.
    from openpyxl import Workbook  # noqa: PLC0415

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("Audit log")
    sheet.append(list(COLUMNS))
    count = 0
    for count, entry in enumerate(shown, start=1):
        if count > MOST_ROWS:
            sheet.close()
            raise InvalidError("A sheet can't hold so many events; write them as .jsonl.", {"to": "too many"})
        sheet.append([_cell(entry[name]) for name in COLUMNS])
    with new_private_file(path) as write:
        workbook.save(_Writer(write))
    return count


class _Writer:
    """What a workbook saves itself into: the file's own write, which never goes back."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def write(self, octets: bytes) -> int:
        """Write bytes."""
        self._write(octets)
        return len(octets)

    def flush(self) -> None:
        """Do nothing: the file is flushed at its end."""


def _cell(value: object) -> object:
    if isinstance(value, dict):
        value = ", ".join(f"{name}: {entry}" for name, entry in value.items())
    if isinstance(value, list):
        value = " ".join(value)
    return neutral(value) if isinstance(value, str) else plain(value) if not isinstance(value, int) else value


def follow(node: Node, filters: AuditFilter, place: Place) -> tuple[list[dict[str, Any]], Place]:
    """Return the events behind a place in the log's order that a filter lets through, and the place after."""
    take_all_in(node)
    found: list[dict[str, Any]] = []
    with node.works.read(SYSTEM) as work:
        while True:
            events, after = reading.following(work.connection, place)
            if after == place:
                return found, place
            place = after
            found += entries(work, [each for each in events if filters.lets_through(each.event)])
