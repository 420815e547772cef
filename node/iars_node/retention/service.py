"""Retention: the rules, what they would give up, and giving it up every day."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.audit.alarms import raise_alarm
from iars_node.cases.model import OWN
from iars_node.cases.service import erase_content
from iars_node.cases.service.access import case_to_change
from iars_node.errors import InvalidError, NotFoundError
from iars_node.holds.service import held_scopes
from iars_node.holds.store import standing
from iars_node.jobs.service import schedule
from iars_node.retention import store
from iars_node.retention.model import ANY_REASON, RETENTION_JOB, Due, Rule, faults_of
from iars_node.vault.errors import KeyStoreError
from iars_node.withdrawals.service.clock import is_trusted

if TYPE_CHECKING:
    from iars_node.jobs.model import Job
    from iars_node.work import Work

AT_ONCE = 100
SHOWN = 1000
EVERY = timedelta(days=1)
LOOK_AGAIN = timedelta(minutes=10)
TRY_AGAIN = timedelta(hours=1)


def set_rule(work: Work, scope: str, days: int, closure_reason: str = ANY_REASON) -> Rule:
    """Say for how many days after its closing a case keeps a scope of own collection."""
    require(work.actor, "retention.manage")
    if faults := faults_of(scope, closure_reason, days):
        raise InvalidError("The rule can't be used as it is; nothing was changed.", faults)
    earlier = store.find(work.connection, scope, closure_reason)
    new = Rule(scope, closure_reason, days, work.now, work.actor.id)
    store.put(work.connection, new)
    _note(work, "retention.rule-set", new, {"days": days, "before": 0 if earlier is None else earlier.days})
    return new


def remove_rule(work: Work, scope: str, closure_reason: str = ANY_REASON) -> None:
    """Remove a rule: from then on its scope is kept, or falls under the scope's general rule."""
    require(work.actor, "retention.manage")
    earlier = store.find(work.connection, scope, closure_reason)
    if earlier is None:
        raise NotFoundError("There is no such rule.")
    store.remove(work.connection, scope, closure_reason)
    _note(work, "retention.rule-removed", earlier, {"before": earlier.days})


def _note(work: Work, action: str, rule: Rule, detail: dict[str, str | int]) -> None:
    subject = f"{rule.scope}:{rule.closure_reason or '*'}"
    audit.record(work, action, subject=subject, scopes=[rule.scope], detail=detail)


def list_rules(work: Work) -> list[Rule]:
    """Return every rule."""
    require(work.actor, "retention.read")
    return store.rules(work.connection)


def preview(work: Work) -> list[Due]:
    """Return what the rules would give up now, what a hold keeps included; nothing is erased."""
    require(work.actor, "retention.read")
    found = _due(work, SHOWN)
    held = held_scopes(work, {each.case_id for each in found})
    shown = [
        replace(each, held_until=hold.ends_at) if (hold := held.get((each.case_id, each.scope))) else each
        for each in found
    ]
    audit.record(work, "retention.previewed", detail={"count": len(shown)})
    return shown


def _due(work: Work, limit: int, *, but_held: bool = False) -> list[Due]:
    known = store.rules(work.connection)
    held = _held(work) if but_held else set()
    found: list[Due] = []
    for rule in known:
        others = [each.closure_reason for each in known if each.scope == rule.scope and each.closure_reason]
        left = limit - len(found)
        if left > 0:
            found += store.due(work.connection, rule, specific=others, now=work.now, limit=left, beyond=held)
    return found


def _held(work: Work) -> set[tuple[str, str]]:
    found = standing(work.connection, work.vault, work.now)
    return {(hold.case_id, scope) for hold in found for scope in hold.covered}


def apply_rules_job(work: Work, _job: Job) -> None:
    """Give up what the rules give up, some at a time; once a day when nothing is left."""
    if not is_trusted(work):
        # A clock that runs ahead must not give up what is to be kept for years.
        raise_alarm(work, "erasure.paused", RETENTION_JOB, {"code": "clock"})
        schedule(work, RETENTION_JOB, work.now + LOOK_AGAIN)
        return
    found = _due(work, AT_ONCE, but_held=True)
    try:
        _apply(work, found)
    except KeyStoreError:
        # What was destroyed before the failure is found destroyed the next time.
        raise_alarm(work, "erasure.failed", RETENTION_JOB, {"code": "key-store"})
        schedule(work, RETENTION_JOB, work.now + TRY_AGAIN)
        return
    schedule(work, RETENTION_JOB, work.now + (timedelta(0) if len(found) == AT_ONCE else EVERY))


def _apply(work: Work, found: list[Due]) -> None:
    by_case: dict[str, list[Due]] = defaultdict(list)
    for each in found:
        by_case[each.case_id].append(each)
    for case_id, due in sorted(by_case.items()):
        # The case is held from here on: it may have been reopened, or a hold been set, since it was found.
        case = case_to_change(work, case_id)
        held = held_scopes(work, [case_id])
        scopes = {each.scope for each in due if (case_id, each.scope) not in held}
        if case.closed_at is None or case.closed_at != due[0].closed_at or not scopes:
            continue
        erase_content(work, case_id, OWN, scopes)
        detail: dict[str, str | int] = {"reason": case.closure_reason or ""}
        audit.record(work, "retention.applied", case_id=case_id, scopes=scopes, detail=detail)
