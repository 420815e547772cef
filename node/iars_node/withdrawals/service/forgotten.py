"""The recipient's side of a restore: what had ended here stays closed until its issuer has said it again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.audit.alarms import raise_alarm
from iars_node.cases import service as cases
from iars_node.consent import endings, overtaken
from iars_node.consent import store as consent_store
from iars_node.consent.ended import WHOLE
from iars_node.exchange.restoring import is_restoring
from iars_node.jobs.service import schedule
from iars_node.vault.identity import seconds
from iars_node.withdrawals.service import holdings

if TYPE_CHECKING:
    from iars_node.consent.model import KeptGrant
    from iars_node.exchange.model import PutBack
    from iars_node.jobs.model import Job
    from iars_node.work import Work

REOPEN_JOB = "grant.reopen"
LOOK_EVERY = timedelta(seconds=5)
LOOK_LATER = timedelta(hours=1)


def close_forgotten(work: Work, _put_back: PutBack) -> None:
    """After a restore, show nobody what came under a grant of which a part had ended since the backup.

    Which part, this database does not know; the peer that withdrew it gives its withdrawal back.
    """
    for kept in overtaken.overtaken_grants(work):
        if kept.ended_at is not None:
            continue
        endings.note_end(work.connection, [kept.id], work.now)
        held = holdings.ended_holdings(work, kept.id, (WHOLE,))
        locked: set[str] = set()
        for case_id, scopes in held.cases.items():
            locked |= cases.lock_content(work, case_id, kept.id, scopes)
        schedule(work, REOPEN_JOB, work.now, kept.id, dict.fromkeys(sorted(locked), 1))


def reopen(work: Work, job: Job) -> None:
    """Open what stands of a grant as soon as its issuer has given back what had ended of it."""
    kept = consent_store.find_grant(work.connection, job.subject)
    if kept is None:
        return
    if seconds(work.now) >= kept.grant.expires:
        # Its time is over in any case: that is noted as of any other, and what came is destroyed after the
        # grace.
        endings.run_again(work.connection, kept.id)
    elif is_restoring(work, kept.peer):
        schedule(work, REOPEN_JOB, work.now + LOOK_EVERY, kept.id, job.payload)
    elif overtaken.is_overtaken(kept, overtaken.ledger_of(work)):
        # The peer has answered and does not say: it stays closed, and people have to ask there.
        raise_alarm(work, overtaken.OVERTAKEN, kept.id, {"peer": kept.peer.hex()})
        schedule(work, REOPEN_JOB, work.now + LOOK_LATER, kept.id, job.payload)
    else:
        _open(work, kept, set(job.payload))


def _open(work: Work, kept: KeptGrant, locked: set[str]) -> None:
    gone = holdings.ended_holdings(work, kept.id, kept.ended).cases
    opened: set[str] = set()
    for case_id, held in holdings.ended_holdings(work, kept.id, (WHOLE,)).cases.items():
        scopes = (held & locked) - gone.get(case_id, frozenset())
        opened |= cases.unlock_content(work, case_id, kept.id, scopes) if scopes else set()
    audit.record(
        work,
        "consent.opened-again",
        subject=kept.id,
        case_id=kept.case_id,
        peer_id=kept.peer.hex(),
        scopes=sorted(opened),
    )
