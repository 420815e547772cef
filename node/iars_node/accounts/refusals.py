"""Refused access, in the audit log: once a minute for each account and way, with a count of the rest."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import refusal_store
from iars_node.audit import record
from iars_node.errors import NotAssignedError
from iars_node.jobs.service import schedule
from iars_node.work import Actor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.errors import ForbiddenError
    from iars_node.jobs.model import Job
    from iars_node.work import Work, Works

REFUSALS_JOB = "account.refusals"
WINDOW = timedelta(minutes=1)
FORGOTTEN_AFTER = timedelta(hours=1)

_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
_PLACE = re.compile(r"{[^}]*}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An access that was refused: on which way, to do what, why, and to which record, by ids and codes."""

    route: str
    action: str
    reason: str
    subject: str = ""
    case_id: str = ""
    referral_id: str = ""


def route_code(method: str, path: str) -> str:
    """Return a page or operation as one word: `GET:/cases/*`."""
    return f"{method}:{_PLACE.sub('*', path)}"


def refusal_of(error: ForbiddenError, route: str, action: str, named: Mapping[str, object]) -> Refusal:
    """Return what was refused; of what an address or command named, only ids are kept."""
    ids = {name: str(value) for name, value in named.items() if _ID.fullmatch(str(value))}
    if isinstance(error, NotAssignedError):
        ids.setdefault("case_id", error.case_id)
    return Refusal(
        route,
        error.action or action,
        error.code,
        # The last is the one that was asked for: the others say whose it is.
        subject=next(reversed(ids.values()), ""),
        case_id=ids.get("case_id", ""),
        referral_id=ids.get("referral_id", ""),
    )


def note_refusal(works: Works, actor: Actor, refused: Refusal) -> None:
    """Record a refused access, in a transaction of its own: the one that it belonged to was undone."""
    key = hashlib.sha256(f"{actor.kind}:{actor.id}:{refused.route}".encode()).hexdigest()
    with works.write(actor) as work:
        held = refusal_store.hold(work.connection, key, is_sqlite=work.is_sqlite)
        if not timedelta(0) <= work.now - held.began_at < WINDOW:
            _record(work, refused, held.times + 1)
            refusal_store.begin(work.connection, key, work.now)
            return
        # A loop that is refused must not fill the log: these are told of together, when the minute is over.
        refusal_store.count(work.connection, key, actor, refused)
        if not held.times:
            schedule(work, REFUSALS_JOB, held.began_at + WINDOW, key)


def refusals_job(work: Work, job: Job) -> None:
    """Record what was counted and not told yet; the next minute begins."""
    held = refusal_store.find(work.connection, job.subject)
    if held is None or not held.times:
        return
    refused = Refusal(held.route, held.action, held.reason, held.subject, held.case_id, held.referral_id)
    _record(replace(work, actor=Actor(held.actor_kind, held.actor_id)), refused, held.times)
    refusal_store.begin(work.connection, job.subject, work.now)


def forget_told(work: Work) -> None:
    """Forget the minutes that are long over and were told of."""
    refusal_store.forget_before(work.connection, work.now - FORGOTTEN_AFTER)


def _record(work: Work, refused: Refusal, times: int) -> None:
    said = {"action": refused.action, "reason": refused.reason, "route": refused.route}
    record(
        work,
        "access.refused",
        subject=refused.subject,
        case_id=refused.case_id,
        referral_id=refused.referral_id,
        detail={**{name: word for name, word in said.items() if word}, "times": times},
    )
