"""What is no longer the person's last word, named in the key store's ledger: that outlives the database.

A database that is put back knows an older word. Of a narrowing that nobody was told of, no peer could remind
this node; and what a recipient has locked would open again until its peer answers.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, TypeAlias

from sqlalchemy import and_, or_, select

from iars_node.audit.alarms import raise_alarm
from iars_node.audit.service import record
from iars_node.consent import endings, store
from iars_node.consent.ended import WHOLE, EndedPart, from_json, to_json
from iars_node.consent.model import PERMITTING, History
from iars_node.consent.tables import consent, consent_grant
from iars_node.jobs.service import schedule

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from iars_node.consent.model import KeptGrant
    from iars_node.exchange.model import PutBack
    from iars_node.jobs.model import Job
    from iars_node.work import Work

OVERTAKEN_JOB = "consent.overtaken"
OVERTAKEN = "consent.overtaken"
"""The event and the alarm: of a consent that came back, a later word of the person is lost."""

Kind: TypeAlias = Literal["consent", "grant"]

_MARK_BYTES = 16
_AT_ONCE = 10_000


def mark(kind: Kind, wanted: str, ended: Sequence[EndedPart]) -> bytes:
    """Return what stands in the ledger for a consent or a grant once it is not as it is now any more.

    It has the length of a key's id and is the id of none: nothing is deleted by it, and it says nothing.
    """
    said = [kind, wanted, *sorted(",".join(entry) for entry in to_json(ended))]
    return hashlib.blake2b(
        "\n".join(said).encode(), digest_size=_MARK_BYTES, person=b"iars.overtaken"
    ).digest()


def note(work: Work, kind: Kind, wanted: str, ended: Sequence[EndedPart]) -> None:
    """Have it written down that a consent or a grant is not as it was any more.

    In a job, as keys are destroyed: the ledger takes nothing back, and must not miss what was committed.
    """
    schedule(work, OVERTAKEN_JOB, work.now, mark(kind, wanted, ended).hex())


def write_down(work: Work, job: Job) -> None:
    """Write into the ledger what was noted; twice is as once."""
    work.vault.erase_content_keys([bytes.fromhex(job.subject)], at=work.now)


def close_overtaken(work: Work, _put_back: PutBack) -> None:
    """After a restore, let nothing leave under a consent of which the person has said less since.

    What exactly they said is lost with the newer database: it is entered again from paper, as a renewal.
    """
    column = consent.c
    running = select(column.id, column.ended).where(
        or_(and_(column.state.in_(PERMITTING), column.ended_at.is_(None)), column.state == "expired")
    )
    named = ledger_of(work)
    overtaken = [
        row.id
        for row in work.connection.execute(running.execution_options(yield_per=_AT_ONCE))
        if mark("consent", row.id, from_json(row.ended)) in named
    ]
    for consent_id in overtaken:
        _close(work, consent_id)


def _close(work: Work, consent_id: str) -> None:
    given = store.find(work.connection, work.vault, consent_id, for_update=True)
    if given is None:
        return
    endings.end_parts(work.connection, given, (WHOLE,))
    state = given.state_at(work.now)
    entry = History(work.now, "overtaken", "organisation", state, work.actor.id)
    store.add_history(work.connection, given.id, entry)
    record(work, OVERTAKEN, subject=given.id, case_id=given.case_id)
    raise_alarm(work, OVERTAKEN, given.id, {"case": given.case_id})


def overtaken_grants(work: Work) -> list[KeptGrant]:
    """Return the received grants of which more had ended than this database knows."""
    column = consent_grant.c
    received = select(column.id, column.ended).where(column.direction == "in")
    named = ledger_of(work)
    found = [
        row.id
        for row in work.connection.execute(received.execution_options(yield_per=_AT_ONCE))
        if mark("grant", row.id, from_json(row.ended)) in named
    ]
    grants = (store.find_grant(work.connection, grant_id) for grant_id in found)
    return [kept for kept in grants if kept is not None]


def is_overtaken(kept: KeptGrant, named: Collection[bytes]) -> bool:
    """Say whether the ledger knows of a grant that more of it had ended."""
    return mark("grant", kept.id, kept.ended) in named


def ledger_of(work: Work) -> set[bytes]:
    """Return everything that the ledger names."""
    return {erasure.key_id for erasure in work.vault.ledger()}
