"""Keeping what somebody has begun: private to the account, sealed, gone with its key afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.db import new_id
from iars_node.drafts import store
from iars_node.drafts.model import EXPIRE_JOB, FORGET_KEY_JOB, KEPT_DAYS, MOST_OF_A_KIND, Draft
from iars_node.errors import ConflictError, ForbiddenError, NotFoundError
from iars_node.jobs.service import schedule

if TYPE_CHECKING:
    from collections.abc import Collection

    from iars_node.drafts.model import Content, DraftKind
    from iars_node.jobs.model import Job
    from iars_node.work import Work

UNFINISHED: tuple[DraftKind, ...] = ("intake", "case", "import")
_AT_ONCE = 100
_LOOK_EVERY = timedelta(hours=1)
_DONE_KEPT = timedelta(days=1)


def begin(work: Work, kind: DraftKind, content: Content, file: bytes | None = None) -> Draft:
    """Keep something new for the account that acts."""
    if work.actor.kind != "account":
        raise ForbiddenError("Only a person keeps drafts.")
    if store.count(work.connection, work.actor.id, kind) >= MOST_OF_A_KIND:
        raise ConflictError("You have too many unfinished ones; finish or delete some first.")
    new = Draft(new_id(), work.actor.id, kind, 1, work.now, work.now, dict(content))
    store.add(work.connection, work.vault, new, file)
    return new


def get(work: Work, draft_id: str, kind: DraftKind | None = None, *, for_update: bool = False) -> Draft:
    """Return one of the account's own drafts, of a kind; those of others are not there for it."""
    found = store.find(work.connection, work.vault, draft_id, for_update=for_update)
    if found is None or found.account_id != work.actor.id or kind not in (None, found.kind):
        raise NotFoundError("This draft is not there any more.")
    return found


def file_of(work: Work, kept: Draft) -> bytes:
    """Return the file that a draft keeps."""
    found = store.file_of(work.connection, work.vault, kept.id)
    if found is None:
        raise NotFoundError("This draft is not there any more.")
    return found


def unfinished(work: Work, kinds: Collection[DraftKind] = UNFINISHED) -> list[Draft]:
    """Return what the account has begun, or keeps, the newest first."""
    return store.of_account(work.connection, work.vault, work.actor.id, kinds, MOST_OF_A_KIND)


def change(work: Work, kept: Draft, content: Content) -> Draft:
    """Write a draft's content as its next version."""
    changed = replace(kept, version=kept.version + 1, updated_at=work.now, content=dict(content))
    store.write(work.connection, work.vault, changed)
    return changed


def finish(work: Work, kept: Draft, outcome: str) -> None:
    """Note where a draft led; what was typed is erased."""
    _forget_key(work, store.key_of(work.connection, kept.id))
    store.finish(work.connection, kept.id, outcome, work.now)


def discard(work: Work, kept: Draft) -> None:
    """Delete a draft for good."""
    _forget_key(work, store.key_of(work.connection, kept.id))
    store.remove(work.connection, kept.id)


def _forget_key(work: Work, key_id: bytes) -> None:
    # Destroying a key can't be undone, so the row's end is committed first and the key follows.
    schedule(work, FORGET_KEY_JOB, work.now, key_id.hex())


def forget_key_job(work: Work, job: Job) -> None:
    """Destroy the key of a draft that is gone."""
    work.vault.erase_content_keys([bytes.fromhex(job.subject)], at=work.now)


def expire_job(work: Work, _job: Job) -> None:
    """Delete drafts that nobody went on with, and the traces of those that were done."""
    abandoned, done = work.now - timedelta(days=KEPT_DAYS), work.now - _DONE_KEPT
    found = store.untouched_since(work.connection, UNFINISHED, abandoned, done, _AT_ONCE)
    for draft_id, key_id in found:
        _forget_key(work, key_id)
        store.remove(work.connection, draft_id)
    schedule(work, EXPIRE_JOB, work.now + (timedelta(0) if len(found) == _AT_ONCE else _LOOK_EVERY))
