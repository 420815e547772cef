"""Signing in and out, leaving quickly, the reader's language and own page."""

from __future__ import annotations

import calendar
from typing import TYPE_CHECKING

from babel.dates import format_skeleton, get_day_names

from iars_node.accounts import service as accounts
from iars_node.accounts import sign_in
from iars_node.accounts.access import ROLES
from iars_node.accounts.model import SignInRefused
from iars_node.web import callers
from iars_node.web.pages import ANYONE, SIGNED_IN, Pages
from iars_node.web.safety import own_path
from iars_node.web.visit import Page, Redirect, Sheet, UnfinishedError
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from iars_node.web.visit import Answer, Visit

pages = Pages()


@pages.get("/sign-in", ANYONE)
def show_sign_in(visit: Visit) -> Answer:
    """Show the form; whoever is signed in goes on."""
    target = own_path(visit.query.get("next", ""))
    if visit.session is not None:
        return Redirect(target)
    return _form(visit, target)


def _form(visit: Visit, target: str, refused: str = "") -> Page:
    sheet = Sheet({"name": visit.form.get("name", [])})
    return Page("sign_in.html", {"sheet": sheet, "next": target, "refused": refused})


@pages.post("/sign-in", ANYONE, writes=False)
def enter(visit: Visit) -> Answer:
    """Sign in; the session that the browser brought with it ends."""
    target = own_path(visit.typed("next"))
    name, password = visit.typed("name"), next(iter(visit.form.get("password", ())), "")
    answer = sign_in.authenticate(
        visit.node.works,
        name,
        password,
        visit.address,
        old_token=visit.cookies.get(callers.SESSION, ""),
        policy=callers.policy_of(visit.node.settings),
    )
    if isinstance(answer, SignInRefused):
        raise UnfinishedError(_form(visit, target, _refusal(visit, answer)))
    return Redirect(target, {callers.SESSION: answer.token, callers.VISIT: None})


def _refusal(visit: Visit, refused: SignInRefused) -> str:
    if refused.reason == "delayed":
        minutes = max(1, -(-int(refused.wait.total_seconds()) // 60))
        return visit.speech.language.ngettext(
            "Too many attempts. Try again in a minute.",
            "Too many attempts. Try again in %(num)s minutes.",
            minutes,
        )
    return visit.gettext("The name or the password is not right. Check both and try again.")


@pages.post("/sign-out", SIGNED_IN)
def leave_by_form(visit: Visit) -> Answer:
    """Sign out."""
    _end(visit)
    return Redirect("/sign-in?done=signed-out", {callers.SESSION: None})


# A plain link, so that it works at once, without a script: only our own pages' links bring a strict cookie.
@pages.get("/leave", ANYONE, writes=True)
def leave_quickly(visit: Visit) -> Answer:
    """Sign out and go to a page that says nothing."""
    _end(visit)
    return Redirect("/calendar", {callers.SESSION: None, callers.VISIT: None})


def _end(visit: Visit) -> None:
    if visit.session is not None:
        sign_in.sign_out(visit.work, visit.session)


@pages.get("/calendar", ANYONE)
def show_calendar(visit: Visit) -> Answer:
    """Show this month, and nothing that tells what else is here."""
    moments, locale = visit.speech.moments, visit.speech.language.locale
    today = moments.today(visit.now)
    first = locale.first_week_day
    names = get_day_names("abbreviated", locale=locale)
    return Page(
        "calendar.html",
        {
            "heading": format_skeleton("yMMMM", today, locale=locale),
            "weekdays": [names[(first + day) % 7] for day in range(7)],
            "weeks": calendar.Calendar(first).monthdayscalendar(today.year, today.month),
            "today": today.day,
        },
    )


@pages.post("/language", ANYONE)
def choose_language(visit: Visit) -> Answer:
    """Keep the reader's language, with the account or in the browser."""
    code, target = visit.typed("language"), own_path(visit.typed("next"))
    if code not in visit.node.settings.languages:
        return Redirect(target)
    if visit.account is not None:
        accounts.change_account(
            visit.work,
            visit.account.id,
            display_name=visit.account.display_name,
            email=visit.account.email,
            language=code,
        )
    return Redirect(target, {callers.LANGUAGE: code})


@pages.get("/me", SIGNED_IN)
def show_me(visit: Visit) -> Answer:
    """Show the reader's own roles, language and the ways out."""
    roles = [ROLES[code].label for code in sorted(visit.actor.roles) if code in ROLES]
    scopes = [visit.speech.scope(code) for code in SCOPES if code in visit.readable]
    return Page("me.html", {"roles": roles, "scopes": scopes})
