"""The first page: what waits for somebody, most urgent first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import kept_forms
from iars_node.audit.alarms import open_alarms
from iars_node.cases.service import case_head, openings_to_look_at, tasks_due
from iars_node.consent.ending import ending_before
from iars_node.consent.exceptions import awaiting_approval, exceptions_to_look_at
from iars_node.referrals.service import ending_soon, locked_in_care, waiting
from iars_node.rights.service import still_to_tell
from iars_node.web.alarm_words import alarm_words
from iars_node.web.languages import N_
from iars_node.web.pages import SIGNED_IN, Pages
from iars_node.web.people import organisations
from iars_node.web.unfinished import begun
from iars_node.web.visit import Page

if TYPE_CHECKING:
    from iars_node.referrals.model import Referral
    from iars_node.web.visit import Answer, Visit

pages = Pages()

MOST = 50
SOON = timedelta(hours=4)
NEWS_FOR = timedelta(days=7)
FOLLOW_UPS_WITHIN = timedelta(days=7)

NOW, TODAY, WEEK, LATER = N_("Now"), N_("Today"), N_("This week"), N_("Later")


@dataclass(frozen=True, slots=True)
class Task:
    """One line of the work list: what to do, and by when or since when."""

    path: str
    sentence: str
    moment: datetime
    sign: str
    tone: str = ""
    is_due: bool = True


@pages.get("/", SIGNED_IN)
def show_home(visit: Visit) -> Answer:
    """Show the work list."""
    names = organisations(visit)
    tasks = [*_to_answer(visit, names), *_stuck(visit, names), *_consents(visit), *_exceptions(visit)]
    tasks += [
        *_alarms(visit),
        *_looks(visit),
        *_corrections(visit),
        *_outlived(visit, names),
        *_locked(visit, names),
        *_follow_ups(visit),
    ]
    groups: dict[str, list[Task]] = {NOW: [], TODAY: [], WEEK: [], LATER: []}
    for task in sorted(tasks, key=lambda each: each.moment):
        groups[_group(visit, task)].append(task)
    kept = kept_forms.kept_forms_of(visit.work, visit.actor.id)
    values = {
        "groups": groups,
        "news": _news(visit, names),
        "hello": visit.account,
        "kept": kept,
        "begun": begun(visit),
    }
    return Page("home.html", values)


def _group(visit: Visit, task: Task) -> str:
    if task.tone == "late" or task.moment <= visit.now + SOON:
        return NOW
    days = (visit.speech.moments.today(task.moment) - visit.speech.moments.today(visit.now)).days
    return TODAY if days < 1 else WEEK if days < 7 else LATER  # noqa: PLR2004 - a week


def _to_answer(visit: Visit, names: dict[str, str]) -> list[Task]:
    if not visit.may("referral.read"):
        return []
    return [
        Task(
            path=f"/referrals/{each.id}",
            sentence=visit.gettext(
                "Answer %(organisation)s: %(service)s (%(reference)s)", **_words(visit, each, names)
            ),
            moment=each.respond_by,
            sign="late" if each.is_overdue(visit.now) else "inward",
            tone="late" if each.is_overdue(visit.now) else "wait",
        )
        for each in waiting.unanswered(visit.work, MOST)
    ]


def _stuck(visit: Visit, names: dict[str, str]) -> list[Task]:
    if not visit.may("referral.read"):
        return []
    return [
        Task(
            path=f"/referrals/{each.id}",
            sentence=visit.gettext(
                "Ask %(organisation)s: no answer about %(service)s (%(reference)s)",
                **_words(visit, each, names),
            )
            if not each.problem
            else visit.gettext(
                "Look at %(reference)s: it did not go through to %(organisation)s",
                **_words(visit, each, names),
            ),
            moment=each.respond_by if not each.problem else each.updated_at,
            sign="late",
            tone="late",
        )
        for each in waiting.overdue(visit.work, MOST)
    ]


def _locked(visit: Visit, names: dict[str, str]) -> list[Task]:
    """Return the referrals that somebody may still be busy with although nothing of them may be used."""
    if not visit.may("referral.read"):
        return []
    return [
        Task(
            path=f"/referrals/{each.id}",
            sentence=visit.gettext(
                "End %(reference)s from %(organisation)s: what the person agreed to has ended",
                **_words(visit, each, names),
            ),
            moment=locked_at,
            sign="lock",
            tone="late",
        )
        for each, locked_at in locked_in_care(visit.work, MOST)
    ]


def _consents(visit: Visit) -> list[Task]:
    if not visit.may("consent.read"):
        return []
    found = []
    warning = timedelta(days=visit.node.settings.consent_warning_days)
    for consent_id, case_id, end in ending_before(visit.work, visit.now + warning, MOST):
        reference = case_head(visit.work, case_id).reference
        sentence = visit.gettext("Ask again: the consent of %(reference)s ends", reference=reference)
        found.append(Task(f"/consents/{consent_id}", sentence, end, "consent"))
    return found


def _outlived(visit: Visit, names: dict[str, str]) -> list[Task]:
    if not visit.may("referral.read"):
        return []
    until = visit.now + timedelta(days=visit.node.settings.consent_warning_days)
    return [
        Task(
            f"/referrals/{each.referral.id}",
            visit.gettext(
                "Refer once more: %(reference)s with %(organisation)s ends before its consent",
                **_words(visit, each.referral, names),
            ),
            each.ends_at,
            "send",
        )
        for each in ending_soon(visit.work, until, MOST)
    ]


def _exceptions(visit: Visit) -> list[Task]:
    return [*_to_decide(visit), *_to_look_at(visit)]


def _looks(visit: Visit) -> list[Task]:
    if not visit.may("case.read"):
        return []
    return [
        Task(
            "/looks",
            visit.gettext(
                "Look at this: somebody looked into %(reference)s, which is not theirs",
                reference=case_head(visit.work, each.case_id).reference,
            ),
            each.opened_at,
            "lock",
            "wait",
        )
        for each in openings_to_look_at(visit.work, MOST)
    ]


def _alarms(visit: Visit) -> list[Task]:
    if not visit.may("alarm.read"):
        return []
    return [
        Task(
            "/alarms",
            visit.gettext("Look at an alarm: %(what)s", what=visit.gettext(alarm_words(each.kind))),
            each.last_at,
            "shield",
            "wait",
            is_due=False,
        )
        for each in open_alarms(visit.work.connection)[:MOST]
    ]


def _corrections(visit: Visit) -> list[Task]:
    if not visit.may("person.correct"):
        return []
    names = organisations(visit)
    return [
        Task(
            f"/cases/{each.case_id}/corrections",
            visit.gettext(
                "Tell %(organisation)s of a correction: %(reference)s",
                organisation=names.get(each.node, each.node[:8]),
                reference=case_head(visit.work, each.case_id).reference,
            ),
            each.at,
            "edit",
            "wait",
        )
        for each in still_to_tell(visit.work, MOST)
    ]


def _follow_ups(visit: Visit) -> list[Task]:
    if not visit.may("case.edit"):
        return []
    found = []
    for each in tasks_due(visit.work, visit.now + FOLLOW_UPS_WITHIN, MOST):
        # Where and by when; what it says stands in the case alone.
        sentence = visit.gettext(
            "Follow up: %(reference)s", reference=case_head(visit.work, each.case_id).reference
        )
        is_late = each.is_late(visit.now)
        found.append(
            Task(
                f"/cases/{each.case_id}#tasks",
                sentence,
                each.due_at,
                "late" if is_late else "calendar",
                "late" if is_late else "wait",
            )
        )
    return found


def _to_look_at(visit: Visit) -> list[Task]:
    if not visit.may("consent.record-exception"):
        return []
    found = []
    for kept in exceptions_to_look_at(visit.work, MOST):
        reference = case_head(visit.work, kept.case_id).reference
        if kept.is_review_due(visit.now):
            sentence = visit.gettext(
                "Look again: disclosure without consent, %(reference)s", reference=reference
            )
            moment = kept.review_at
        else:
            sentence = visit.gettext(
                "Tell the person: disclosure without consent, %(reference)s", reference=reference
            )
            moment = kept.tell_after or kept.decided_at or kept.recorded_at
        found.append(Task(f"/exceptions/{kept.id}", sentence, moment, "shield", "wait"))
    return found


def _to_decide(visit: Visit) -> list[Task]:
    if not visit.may("consent.approve-exception"):
        return []
    return [
        Task(
            f"/exceptions/{kept.id}",
            visit.gettext(
                "Decide: disclosure without consent, %(reference)s",
                reference=case_head(visit.work, kept.case_id).reference,
            ),
            kept.decide_by,
            "shield",
            "wait",
        )
        for kept in awaiting_approval(visit.work, MOST)
    ]


def _news(visit: Visit, names: dict[str, str]) -> list[Task]:
    if not visit.may("referral.read"):
        return []
    return [
        Task(
            path=f"/referrals/{each.id}",
            sentence=visit.gettext(
                "%(state)s: %(service)s, %(organisation)s (%(reference)s)", **_words(visit, each, names)
            ),
            moment=each.updated_at,
            sign="done" if each.is_open or each.state == "completed" else "cross",
            is_due=False,
        )
        for each in waiting.news(visit.work, visit.now - NEWS_FOR, MOST)
    ]


def _words(visit: Visit, referral: Referral, names: dict[str, str]) -> dict[str, object]:
    return {
        "organisation": names.get(referral.peer.hex(), referral.peer.hex()[:8]),
        "service": visit.speech.label("service", referral.service),
        "reference": referral.reference,
        "state": visit.speech.label("referral_state", referral.state),
    }
