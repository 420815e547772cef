"""The first page: what waits for somebody, most urgent first."""

from __future__ import annotations

from datetime import timedelta
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
from iars_node.web.tasks import ASK_AGAIN, FOLLOW_UP, Heap, Lines, Look, Task, gathered
from iars_node.web.unfinished import begun
from iars_node.web.visit import Page

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from iars_node.consent.ending import Ending
    from iars_node.web.visit import Answer, Visit

pages = Pages()

MOST = 50
SOON = timedelta(hours=4)
NEWS_FOR = timedelta(days=7)
FOLLOW_UPS_WITHIN = timedelta(days=7)

NOW, TODAY, WEEK, LATER = N_("Now"), N_("Today"), N_("This week"), N_("Later")
# What is urgent stands line by line; of what has time, many alike are gathered.
_GATHERED = (WEEK, LATER)
_NEWS_SHOWN = 5


@pages.get("/", SIGNED_IN)
def show_home(visit: Visit) -> Answer:
    """Show the work list."""
    lines = Lines(visit, organisations(visit))
    tasks = [*_to_answer(lines), *_stuck(lines), *_consents(lines), *_exceptions(visit)]
    tasks += [
        *_alarms(visit),
        *_looks(visit),
        *_corrections(lines),
        *_outlived(lines),
        *_locked(lines),
        *_follow_ups(visit),
    ]
    groups: dict[str, list[Task]] = {NOW: [], TODAY: [], WEEK: [], LATER: []}
    for task in sorted(tasks, key=lambda each: each.moment):
        groups[_group(visit, task)].append(task)
    kept = kept_forms.kept_forms_of(visit.work, visit.actor.id)
    news = _news(lines)
    shown: dict[str, Sequence[Task | Heap]] = {
        name: gathered(visit, found) if name in _GATHERED else found for name, found in groups.items()
    }
    values = {
        "groups": [(name, len(groups[name]), shown[name]) for name in groups if groups[name]],
        "news": news[:_NEWS_SHOWN],
        "older_news": news[_NEWS_SHOWN:],
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


def _to_answer(lines: Lines) -> list[Task]:
    visit = lines.visit
    if not visit.may("referral.read"):
        return []
    in_time, late = Look("inward", "wait"), Look("late", "late", is_overdue=True)
    return [
        lines.about(
            each,
            N_("Answer %(organisation)s: %(service)s (%(reference)s)"),
            each.respond_by,
            late if each.is_overdue(visit.now) else in_time,
        )
        for each in waiting.unanswered(visit.work, MOST)
    ]


def _stuck(lines: Lines) -> list[Task]:
    visit = lines.visit
    if not visit.may("referral.read"):
        return []
    unanswered = N_("Ask %(organisation)s: no answer about %(service)s (%(reference)s)")
    lost = N_("Look at %(reference)s: it did not go through to %(organisation)s")
    return [
        lines.about(each, lost, each.updated_at, Look("late", "late"))
        if each.problem
        else lines.about(each, unanswered, each.respond_by, Look("late", "late", is_overdue=True))
        for each in waiting.overdue(visit.work, MOST)
    ]


def _locked(lines: Lines) -> list[Task]:
    """Return the referrals that somebody may still be busy with although nothing of them may be used."""
    visit = lines.visit
    if not visit.may("referral.read"):
        return []
    message = N_("End %(reference)s from %(organisation)s: what the person agreed to has ended")
    return [
        lines.about(each, message, locked_at, Look("lock", "wait"))
        for each, locked_at in locked_in_care(visit.work, MOST)
    ]


def _outlived(lines: Lines) -> list[Task]:
    visit = lines.visit
    if not visit.may("referral.read"):
        return []
    until = visit.now + timedelta(days=visit.node.settings.consent_warning_days)
    message = N_("Refer once more: %(reference)s with %(organisation)s ends before its consent")
    return [
        lines.about(each.referral, message, each.ends_at, Look("send"))
        for each in ending_soon(visit.work, until, MOST)
    ]


def _news(lines: Lines) -> list[Task]:
    visit = lines.visit
    if not visit.may("referral.read"):
        return []
    message = N_("%(state)s: %(service)s, %(organisation)s (%(reference)s)")
    good, bad = Look("done", is_news=True), Look("cross", is_news=True)
    return [
        lines.about(
            each, message, each.updated_at, good if each.is_open or each.state == "completed" else bad
        )
        for each in waiting.news(visit.work, visit.now - NEWS_FOR, MOST)
    ]


def _consents(lines: Lines) -> list[Task]:
    """Return whom to ask again: a person once, whatever number of their consents ends."""
    visit = lines.visit
    if not visit.may("consent.read"):
        return []
    warning = timedelta(days=visit.node.settings.consent_warning_days)
    found: dict[str, list[Ending]] = {}
    for each in ending_before(visit.work, visit.now + warning, MOST):
        found.setdefault(each.case_id, []).append(each)
    services = waiting.services_under_way(visit.work, found) if visit.may("referral.read") else []
    return [
        _to_ask_again(lines, ending, [(node, service) for case, node, service in services if case == case_id])
        for case_id, ending in found.items()
    ]


def _to_ask_again(lines: Lines, ending: Sequence[Ending], services: Collection[tuple[str, str]]) -> Task:
    visit = lines.visit
    first = ending[0]
    recipients = [recipient for each in ending for recipient in each.recipients]
    whom = list(dict.fromkeys(visit.speech.recipient(each, lines.names) for each in recipients))
    kinds_count = any(not each.node for each in recipients)
    nodes = {each.node for each in recipients}
    under_way = dict.fromkeys(
        visit.speech.label("service", service) for node, service in services if kinds_count or node in nodes
    )
    given = visit.speech.moments.day(min(each.given_at for each in ending))
    return Task(
        f"/consents/{first.consent_id}" if len(ending) == 1 else f"/cases/{first.case_id}#consents",
        visit.speech.told(
            N_("Ask %(reference)s again: consent for %(organisations)s ends"),
            reference=case_head(visit.work, first.case_id).reference,
            organisations=visit.speech.listed(whom),
        ),
        first.ends_at,
        "consent",
        kind=ASK_AGAIN,
        more=(*under_way, visit.gettext("agreed on %(day)s", day=given)),
    )


def _exceptions(visit: Visit) -> list[Task]:
    return [*_to_decide(visit), *_to_look_at(visit)]


def _looks(visit: Visit) -> list[Task]:
    if not visit.may("case.read"):
        return []
    return [
        Task(
            "/looks",
            visit.speech.told(
                N_("Look at this: somebody looked into %(reference)s, which is not theirs"),
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
            visit.speech.told(N_("Look at an alarm: %(what)s"), what=visit.gettext(alarm_words(each.kind))),
            each.last_at,
            "shield",
            "wait",
        )
        for each in open_alarms(visit.work.connection)[:MOST]
    ]


def _corrections(lines: Lines) -> list[Task]:
    visit = lines.visit
    if not visit.may("person.correct"):
        return []
    return [
        Task(
            f"/cases/{each.case_id}/corrections",
            visit.speech.told(
                N_("Tell %(organisation)s of a correction: %(reference)s"),
                organisation=lines.names.get(each.node, each.node[:8]),
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
        sentence = visit.speech.told(
            N_("Follow up: %(reference)s"), reference=case_head(visit.work, each.case_id).reference
        )
        is_late = each.is_late(visit.now)
        found.append(
            Task(
                f"/cases/{each.case_id}#tasks",
                sentence,
                each.due_at,
                "late" if is_late else "calendar",
                "late" if is_late else "wait",
                is_overdue=is_late,
                kind=FOLLOW_UP,
                more=(visit.speech.scope(each.scope),) if each.scope in visit.readable else (),
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
            sentence = visit.speech.told(
                N_("Look again: disclosure without consent, %(reference)s"), reference=reference
            )
            moment = kept.review_at
        else:
            sentence = visit.speech.told(
                N_("Tell the person: disclosure without consent, %(reference)s"), reference=reference
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
            visit.speech.told(
                N_("Decide: disclosure without consent, %(reference)s"),
                reference=case_head(visit.work, kept.case_id).reference,
            ),
            kept.decide_by,
            "shield",
            "wait",
        )
        for kept in awaiting_approval(visit.work, MOST)
    ]
