"""Leaving quickly, the page that says nothing, and opening again what was locked, with what was typed."""

from __future__ import annotations

import calendar
import re
from typing import TYPE_CHECKING

from babel.dates import format_skeleton, get_day_names

from iars_node.accounts import kept_forms, passkeys, sessions, sign_in
from iars_node.accounts.model import SignInRefused
from iars_node.errors import NotFoundError
from iars_node.web import callers, keeping
from iars_node.web.pages import ANYONE, SIGNED_IN, Pages
from iars_node.web.routes.sign_in import asking_of, passkey_options, passkey_refusal, password_of, refusal
from iars_node.web.safety import own_path
from iars_node.web.visit import Document, Page, Redirect, UnfinishedError, with_query
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.accounts.sessions import Standing
    from iars_node.web.visit import Answer, Visit

pages = Pages()

PLACE = "kept-path"
_IDS = re.compile(r"[0-9a-f]{32,64}|\d*").fullmatch


# A plain link, so that it works at once, without a script: only our own pages' links bring a strict cookie.
@pages.get("/leave", ANYONE, writes=True)
def leave_quickly(visit: Visit) -> Answer:
    """Lock the session and go to a page that says nothing."""
    if visit.session is not None:
        sessions.lock(visit.work, visit.session)
    # A cookie that changes makes browsers forget the pages that they hold ready for “back”.
    return Redirect("/calendar", {callers.VISIT: None, callers.STEP: None})


@pages.post("/lock", ANYONE, keeps=False)
def lock(visit: Visit) -> Answer:
    """Lock the session, and keep what was typed on the page that sends this."""
    session = visit.session or (visit.behind.session if visit.behind else None)
    if session is None:
        return Redirect("/sign-in")
    target = own_path(visit.typed(PLACE))
    typed = {name: values for name, values in visit.form.items() if name != PLACE}
    if len(typed) > 1:  # beyond the form's own token
        kept = keeping.keep(visit.work, session.account_id, target, typed)
        target = with_query(target, kept=kept.id)
    sessions.lock(visit.work, session)
    return Redirect(with_query("/unlock", next=target))


@pages.get("/calendar", ANYONE)
def show_calendar(visit: Visit) -> Answer:
    """Show this month, and nothing that tells what else is here."""
    moments, locale = visit.speech.moments, visit.speech.language.locale
    today = moments.today(visit.now)
    first = locale.first_week_day
    names = get_day_names("short", locale=locale)
    return Page(
        "calendar.html",
        {
            "heading": format_skeleton("yMMMM", today, locale=locale),
            "weekdays": [names[(first + day) % 7] for day in range(7)],
            "weeks": calendar.Calendar(first).monthdayscalendar(today.year, today.month),
            "today": today.day,
        },
    )


def _locked(visit: Visit) -> Standing | None:
    return visit.behind if visit.behind is not None and visit.behind.state == "locked" else None


@pages.get("/unlock", ANYONE)
def show_unlock(visit: Visit) -> Answer:
    """Ask who sits there to prove it; the page tells nobody whose session it is."""
    target = own_path(visit.query.get("next", ""))
    if visit.session is not None:
        return Redirect(target)
    return _page(visit, target) if _locked(visit) else Redirect(with_query("/sign-in", next=target))


def _page(visit: Visit, target: str, refused: str = "") -> Page:
    options = passkey_options(visit, passkeys.UNLOCK)
    is_kept = "kept=" in target
    return Page("unlock.html", {"next": target, "refused": refused, "passkey": options, "is_kept": is_kept})


@pages.post("/unlock", ANYONE, writes=False, keeps=False)
def unlock(visit: Visit) -> Answer:
    """Open the session again by its person's password."""
    locked, target = _locked(visit), own_path(visit.typed("next"))
    if locked is None:
        return Redirect(target)
    refused = sign_in.prove(visit.node.works, locked.account, password_of(visit), visit.browser)
    if refused is not None:
        wrong = visit.gettext("The password is not right. Try again.")
        raise UnfinishedError(_page(visit, target, refusal(visit, refused, wrong)))
    with visit.node.works.write(SYSTEM) as work:
        sessions.unlock(work, locked.session, locked.account)
    return Redirect(target)


@pages.post("/unlock/passkey", ANYONE, writes=False, keeps=False)
def unlock_by_passkey(visit: Visit) -> Answer:
    """Open the session again by a passkey of its person, and of nobody else."""
    locked, target = _locked(visit), own_path(visit.typed("next"))
    if locked is None:
        return Redirect(target)
    with visit.node.works.write(SYSTEM) as work:
        account = passkeys.verify(work, visit.typed("credential"), asking_of(visit, passkeys.UNLOCK))
        if not isinstance(account, SignInRefused) and account.id == locked.account.id:
            sessions.unlock(work, locked.session, locked.account)
            return Redirect(target)
    raise UnfinishedError(_page(visit, target, passkey_refusal(visit)))


@pages.get("/here", SIGNED_IN)
def say_here(_visit: Visit) -> Answer:
    """Answer a page that asks whether its session is still open; asking counts as using it."""
    return Document(b"", "text/plain", "here.txt")


@pages.get("/kept", SIGNED_IN)
def show_kept(visit: Visit) -> Answer:
    """Show a kept form whose own page can't show it any more: send it as it was, or copy what is needed."""
    found = kept_forms.kept_form_by_id(visit.work, visit.actor.id, visit.query.get("kept", ""))
    if found is None:
        raise NotFoundError("This is not kept any more.")
    form, typed = found
    readable = [value for values in typed.values() for value in values if not _IDS(value)]
    token = keeping.token_for(visit, form)
    return Page("kept.html", {"form": form, "typed": typed, "readable": readable, "csrf": token})


@pages.post("/kept/discard", SIGNED_IN, keeps=False)
def discard_kept(visit: Visit) -> Answer:
    """Forget a kept form."""
    kept_forms.discard(visit.work, visit.actor.id, visit.typed("kept"))
    return Redirect("/?done=discarded")
