"""Signing in: by a passkey, or by a name, a password and a code; and the way in with a one-time code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.accounts import entry, factors, passkeys, sessions, sign_in
from iars_node.accounts import service as accounts
from iars_node.accounts.model import NextStep, SignedIn, SignInRefused
from iars_node.errors import LockedError
from iars_node.settings import NOBODY
from iars_node.web import callers
from iars_node.web.frame import organisation
from iars_node.web.pages import ANYONE, Pages
from iars_node.web.safety import own_path
from iars_node.web.visit import Page, Redirect, Sheet, UnfinishedError, with_query
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.web.visit import Answer, Visit

pages = Pages()

NEXT_PAGES = {sign_in.CODE: "/sign-in/code", sign_in.ENROL: "/welcome/codes", sign_in.WELCOME: "/welcome"}


@pages.get("/sign-in", ANYONE)
def show_sign_in(visit: Visit) -> Answer:
    """Show the form; whoever is signed in goes on."""
    target = own_path(visit.query.get("next", ""))
    if visit.session is not None:
        return Redirect(target)
    return _form(visit, target)


def _form(visit: Visit, target: str, refused: str = "") -> Page:
    sheet = Sheet({"name": visit.form.get("name", [])})
    values = {
        "sheet": sheet,
        "next": target,
        "refused": refused,
        "passkey": passkey_options(visit, passkeys.ENTER),
        "is_weak": visit.node.settings.needs_second_factor == (NOBODY,),
    }
    return Page("sign_in.html", values)


def asking_of(visit: Visit, purpose: str) -> passkeys.Asking:
    """Return what a passkey of this browser has to answer to."""
    settings = visit.node.settings
    place = passkeys.place_of(settings.public_url, settings.port, organisation(visit))
    return passkeys.Asking(place, visit.secret, purpose)


def passkey_options(visit: Visit, purpose: str) -> str:
    """Return what the page's script gives to the browser; nothing where or while passkeys can't be used."""
    asking = asking_of(visit, purpose)
    try:
        return passkeys.options_to_enter(visit.work, asking) if asking.place.is_usable else ""
    except LockedError:
        return ""


@pages.post("/sign-in", ANYONE, writes=False, keeps=False)
def enter(visit: Visit) -> Answer:
    """Sign in, or go on to what is asked beyond the password; the session that the browser brought ends."""
    answer = sign_in.authenticate(
        visit.node.works,
        visit.typed("name"),
        password_of(visit),
        visit.browser,
        callers.policy_of(visit.node.settings),
    )
    target = own_path(visit.typed("next"))
    if isinstance(answer, SignInRefused):
        raise UnfinishedError(_form(visit, target, refusal(visit, answer)))
    return entered(answer, target)


@pages.post("/sign-in/passkey", ANYONE, writes=False, keeps=False)
def enter_by_passkey(visit: Visit) -> Answer:
    """Sign in with a passkey: nothing is asked beyond it."""
    target, policy = own_path(visit.typed("next")), callers.policy_of(visit.node.settings)
    with visit.node.works.write(SYSTEM) as work:
        account = passkeys.verify(work, visit.typed("credential"), asking_of(visit, passkeys.ENTER))
        if not isinstance(account, SignInRefused):
            return entered(sessions.begin_session(work, account, visit.browser, policy), target)
    raise UnfinishedError(_form(visit, target, passkey_refusal(visit)))


def entered(answer: SignedIn | NextStep, target: str) -> Redirect:
    """Return the way on, with the cookies that belong to it."""
    if isinstance(answer, NextStep):
        return Redirect(with_query(NEXT_PAGES[answer.kind], next=target), {callers.STEP: answer.token})
    return Redirect(target, session_cookies(answer))


def session_cookies(signed_in: SignedIn) -> dict[str, str | None]:
    """Return the cookies of a session that begins."""
    return {
        callers.SESSION: signed_in.token,
        callers.KNOWN: signed_in.known_token,
        callers.VISIT: None,
        callers.STEP: None,
    }


def password_of(visit: Visit) -> str:
    """Return the password as typed: spaces around it belong to it."""
    return next(iter(visit.form.get("password", ())), "")


def refusal(visit: Visit, refused: SignInRefused, wrong: str = "") -> str:
    """Return why nobody was signed in; never which part was wrong."""
    if refused.reason == "delayed":
        minutes = max(1, -(-int(refused.wait.total_seconds()) // 60))
        return visit.speech.language.ngettext(
            "Too many attempts. Try again in a minute.",
            "Too many attempts. Try again in %(num)s minutes.",
            minutes,
        )
    return wrong or visit.gettext("The name or the password is not right. Check both and try again.")


def passkey_refusal(visit: Visit) -> str:
    """Return the one sentence for whatever is wrong with a passkey."""
    return visit.gettext("The passkey was not accepted. Try again, or sign in with your password.")


@pages.get("/sign-in/code", ANYONE)
def show_code(visit: Visit) -> Answer:
    """Ask for the code that the person's app shows."""
    target = own_path(visit.query.get("next", ""))
    found = sign_in.step_of(visit.work, visit.cookies.get(callers.STEP, ""))
    if found is None or found[0].kind != sign_in.CODE:
        return Redirect(with_query("/sign-in", next=target))
    return _code_page(visit, target, has_app=factors.has_codes(visit.work, found[1].id))


def _code_page(visit: Visit, target: str, refused: str = "", *, has_app: bool) -> Page:
    values = {
        "sheet": Sheet(),
        "next": target,
        "refused": refused,
        "has_app": has_app,
        "passkey": passkey_options(visit, passkeys.ENTER),
    }
    return Page("sign_in_code.html", values)


@pages.post("/sign-in/code", ANYONE, writes=False, keeps=False)
def enter_code(visit: Visit) -> Answer:
    """Sign in after the password, by a code of the app or a recovery code."""
    target, policy = own_path(visit.typed("next")), callers.policy_of(visit.node.settings)
    token = visit.cookies.get(callers.STEP, "")
    with visit.node.works.write(SYSTEM) as work:
        answer = sign_in.confirm_code(work, token, visit.typed("code"), visit.browser, policy)
    if isinstance(answer, SignedIn):
        return entered(answer, target)
    if answer.reason == "over":
        return Redirect(with_query("/sign-in", next=target), {callers.STEP: None})
    wrong = visit.gettext("The code is not right, or was used before. Wait for the next one and try again.")
    found = sign_in.step_of(visit.work, token)
    has_app = found is not None and factors.has_codes(visit.work, found[1].id)
    raise UnfinishedError(_code_page(visit, target, refusal(visit, answer, wrong), has_app=has_app))


@pages.get("/sign-in/first", ANYONE)
def show_first(_visit: Visit) -> Answer:
    """Ask for the one-time code that an administrator gave."""
    return Page("sign_in_first.html", {"sheet": Sheet(), "refused": ""})


@pages.post("/sign-in/first", ANYONE, writes=False, keeps=False)
def enter_first(visit: Visit) -> Answer:
    """Begin with a one-time code."""
    with visit.node.works.write(SYSTEM) as work:
        answer = entry.enter(work, visit.typed("name"), visit.typed("code"), visit.browser)
    if isinstance(answer, NextStep):
        return entered(answer, "")
    wrong = visit.gettext(
        "The name or the code is not right, or the code is too old. "
        "Check both, or ask your administrator for a new code."
    )
    sheet = Sheet({"name": visit.form.get("name", [])})
    raise UnfinishedError(
        Page("sign_in_first.html", {"sheet": sheet, "refused": refusal(visit, answer, wrong)})
    )


@pages.post("/sign-out", ANYONE, keeps=False)
def sign_out(visit: Visit) -> Answer:
    """Sign out, also of a session that is locked."""
    session = visit.session or (visit.behind.session if visit.behind else None)
    if session is not None:
        sessions.sign_out(visit.work, session)
    return Redirect("/sign-in?done=signed-out", {callers.SESSION: None, callers.STEP: None})


@pages.post("/language", ANYONE, keeps=False)
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
