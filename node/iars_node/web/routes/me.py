"""The reader's own page: roles, language, passkeys, codes, sessions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from iars_node.accounts import factor_store, factors, passkeys, sessions, sign_in
from iars_node.accounts import service as accounts
from iars_node.accounts.access import ROLES
from iars_node.errors import ConflictError, NotFoundError
from iars_node.notifications import store as notification_store
from iars_node.web import callers
from iars_node.web.pages import SIGNED_IN, Pages
from iars_node.web.routes.proving import proved
from iars_node.web.routes.sign_in import asking_of, password_of, refusal
from iars_node.web.routes.welcome import codes_page
from iars_node.web.visit import Page, Redirect, Sheet, UnfinishedError
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.accounts.model import Account
    from iars_node.web.visit import Answer, Visit

pages = Pages()


def _own(visit: Visit) -> Account:
    return accounts.find_account(visit.work, visit.actor.id)


@pages.get("/me", SIGNED_IN)
def show_me(visit: Visit) -> Answer:
    """Show the reader's own roles, language, ways of signing in and sessions."""
    account = _own(visit)
    connection = visit.work.connection
    return Page(
        "me.html",
        {
            "roles": [ROLES[code].label for code in sorted(visit.actor.roles) if code in ROLES],
            "scopes": [visit.speech.scope(code) for code in SCOPES if code in visit.readable],
            "may_add": asking_of(visit, passkeys.REGISTER).place.is_usable,
            "sends_mail": visit.node.settings.sends_mail,
            "told": notification_store.choice_of(connection, account.id) is not None,
            "passkeys": factor_store.passkeys_of(connection, account.id),
            "has_codes": factors.has_codes(visit.work, account.id),
            "codes_left": factor_store.count_recovery_codes(connection, account.id),
            "asks_more": factors.asks_more(visit.work, account.id),
            "is_needed": _needs_more(visit, account),
            "sessions": sessions.own_sessions(visit.work, account.id),
            "this_session": visit.session.id if visit.session else "",
        },
    )


def _require_password(visit: Visit, show: Callable[[Sheet], Page]) -> None:
    """Refuse to change how somebody signs in while it is not proved that it is them who asks."""
    refused = sign_in.prove(visit.node.works, _own(visit), password_of(visit), visit.browser)
    if refused is not None:
        wrong = visit.gettext("The password is not right. Try again.")
        message = refusal(visit, refused, wrong)
        raise UnfinishedError(show(Sheet(visit.form, {"password": message}, "")))


@pages.get("/me/sessions/end", SIGNED_IN)
@proved
def ask_before_ending(visit: Visit) -> Answer:
    """Ask before one session ends, or every other one."""
    chosen = visit.query.get("session", "")
    found = sessions.own_sessions(visit.work, visit.actor.id)
    ended = next((each for each in found if each.id == chosen), None)
    if chosen and ended is None:
        raise NotFoundError("There is no such session.")
    return Page("sessions_end.html", {"ended": ended})


@pages.post("/me/sessions/end", SIGNED_IN, keeps=False)
@proved
def end_session(visit: Visit) -> Answer:
    """End one of one's sessions."""
    sessions.end_session(visit.work, visit.actor.id, visit.typed("session"))
    return Redirect("/me?done=session-ended")


@pages.post("/me/sessions/end-others", SIGNED_IN, keeps=False)
@proved
def end_others(visit: Visit) -> Answer:
    """End every session but this one."""
    keep = visit.session.id if visit.session else ""
    sessions.sign_out_everywhere(visit.work, visit.actor.id, keep_session=keep)
    return Redirect("/me?done=others-ended")


@pages.get("/me/password", SIGNED_IN)
def show_password(visit: Visit) -> Answer:
    """Ask for the old password and a new one."""
    del visit
    return _password_page(Sheet())


def _password_page(sheet: Sheet) -> Page:
    return Page("password_new.html", {"sheet": sheet})


# Checking a password opens transactions of its own: none may stand around it that keeps others waiting.
@pages.post("/me/password", SIGNED_IN, writes=False, keeps=False)
def change_password(visit: Visit) -> Answer:
    """Set a new password; every other session of the account ends."""
    _require_password(visit, _password_page)
    new, repeated = (next(iter(visit.form.get(name, ())), "") for name in ("new", "repeated"))
    keep = visit.session.id if visit.session else ""
    with (
        visit.keeping(_password_page, named={"password": "new"}),
        visit.node.works.write(visit.actor) as work,
    ):
        accounts.change_password(work, visit.actor.id, new, repeated, keep_session=keep)
    return Redirect("/me?done=password-changed")


@pages.get("/me/codes", SIGNED_IN)
def show_codes(visit: Visit) -> Answer:
    """Show a secret for a new app; until it is confirmed the old one counts."""
    return _codes_page(visit, Sheet())


def _codes_page(visit: Visit, sheet: Sheet) -> Page:
    with visit.node.works.write(visit.actor) as work:
        return codes_page(visit, work, _own(visit), sheet, action="/me/codes", may_skip=False, target="/me")


@pages.post("/me/codes", SIGNED_IN, writes=False, keeps=False)
def confirm_codes(visit: Visit) -> Answer:
    """Let a new app's codes count, and show fresh recovery codes once."""
    show = partial(_codes_page, visit)
    _require_password(visit, show)
    with visit.keeping(show), visit.node.works.write(visit.actor) as work:
        codes = factors.confirm_enrolment(work, _own(visit), visit.typed("code"))
    return Page("recovery_codes.html", {"codes": codes, "next": "/me"})


@pages.get("/me/recovery", SIGNED_IN)
@proved
def show_recovery(visit: Visit) -> Answer:
    """Ask before the old recovery codes are made worthless."""
    if not factors.may_have_recovery_codes(visit.work, visit.actor.id):
        return Redirect("/me/codes")
    return Page("recovery_new.html")


@pages.post("/me/recovery", SIGNED_IN, keeps=False)
@proved
def renew_recovery(visit: Visit) -> Answer:
    """Make fresh recovery codes and show them once."""
    if not factors.may_have_recovery_codes(visit.work, visit.actor.id):
        raise ConflictError("Set up one-time codes first.")
    codes = factors.renew_recovery_codes(visit.work, _own(visit))
    return Page("recovery_codes.html", {"codes": codes, "next": "/me"})


@pages.get("/me/passkeys/add", SIGNED_IN)
def show_passkey(visit: Visit) -> Answer:
    """Ask for a name and the password, then the script asks the browser."""
    return _passkey_page(visit, Sheet())


def _passkey_page(visit: Visit, sheet: Sheet) -> Page:
    options = passkeys.options_to_add(visit.work, _own(visit), asking_of(visit, passkeys.REGISTER))
    return Page("passkey_new.html", {"sheet": sheet, "options": options})


@pages.post("/me/passkeys/add", SIGNED_IN, writes=False, keeps=False)
def add_passkey(visit: Visit) -> Answer:
    """Add the passkey that the browser made."""
    _require_password(visit, lambda sheet: _passkey_page(visit, sheet))
    asking = asking_of(visit, passkeys.REGISTER)
    with (
        visit.node.works.write(visit.actor) as work,
        visit.keeping(lambda sheet: _passkey_page(visit, sheet)),
    ):
        passkeys.add(work, _own(visit), visit.typed("credential"), visit.typed("name"), asking)
    return Redirect("/me?done=passkey-added")


@pages.get("/me/passkeys/remove", SIGNED_IN)
@proved
def ask_before_removing(visit: Visit) -> Answer:
    """Ask before a passkey is removed."""
    kept = factor_store.passkeys_of(visit.work.connection, visit.actor.id)
    found = next((each for each in kept if each.id == visit.query.get("passkey", "")), None)
    if found is None:
        raise NotFoundError("There is no such passkey.")
    return Page("passkey_remove.html", {"passkey": found})


@pages.post("/me/passkeys/remove", SIGNED_IN, keeps=False)
@proved
def remove_passkey(visit: Visit) -> Answer:
    """Remove a passkey."""
    account = _own(visit)
    passkeys.remove(visit.work, account, visit.typed("passkey"), needs_more=_needs_more(visit, account))
    return Redirect("/me?done=passkey-removed")


@pages.get("/me/codes/remove", SIGNED_IN)
@proved
def ask_before_switching_off(visit: Visit) -> Answer:
    """Ask before codes are switched off."""
    return Page("codes_remove.html") if factors.has_codes(visit.work, visit.actor.id) else Redirect("/me")


@pages.post("/me/codes/remove", SIGNED_IN, keeps=False)
@proved
def remove_codes(visit: Visit) -> Answer:
    """Stop asking for codes, where they are not needed."""
    if _needs_more(visit, _own(visit)):
        raise ConflictError("Your roles need a second step; set up another app instead of removing this one.")
    factors.remove_codes(visit.work, visit.actor.id)
    return Redirect("/me?done=codes-removed")


def _needs_more(visit: Visit, account: Account) -> bool:
    return callers.policy_of(visit.node.settings).needs_second_factor(account)
