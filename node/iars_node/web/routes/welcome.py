"""The first sign-in, step by step: language, password, second factor, recovery codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from iars_node.accounts import entry, factors, passkeys, sessions, sign_in, step_store
from iars_node.accounts import service as accounts
from iars_node.web import callers
from iars_node.web.frame import organisation
from iars_node.web.pages import ANYONE, Pages
from iars_node.web.routes.sign_in import asking_of, session_cookies
from iars_node.web.safety import own_path
from iars_node.web.visit import Page, Redirect, Sheet

if TYPE_CHECKING:
    from iars_node.accounts.factors import Enrolment
    from iars_node.accounts.model import Account, Step
    from iars_node.web.visit import Answer, Visit
    from iars_node.work import Work

pages = Pages()


def _step(visit: Visit, *kinds: str) -> tuple[Step, Account] | None:
    found = sign_in.step_of(visit.work, visit.cookies.get(callers.STEP, ""))
    return found if found is not None and found[0].kind in kinds else None


_BEGIN_AGAIN = Redirect("/sign-in", {callers.STEP: None})


@pages.get("/welcome", ANYONE)
def show_welcome(visit: Visit) -> Answer:
    """Ask for the language."""
    return Page("welcome.html") if _step(visit, sign_in.WELCOME) else _BEGIN_AGAIN


@pages.post("/welcome", ANYONE, keeps=False)
def choose_language(visit: Visit) -> Answer:
    """Keep the language with the account."""
    found = _step(visit, sign_in.WELCOME)
    if found is None:
        return _BEGIN_AGAIN
    code, account = visit.typed("language"), found[1]
    if code in visit.node.settings.languages:
        accounts.choose_language(visit.work, account, code)
    return Redirect("/welcome/password", {callers.LANGUAGE: code})


@pages.get("/welcome/password", ANYONE)
def show_password(visit: Visit) -> Answer:
    """Ask for a password."""
    return _password_page(Sheet()) if _step(visit, sign_in.WELCOME) else _BEGIN_AGAIN


def _password_page(sheet: Sheet) -> Page:
    return Page("welcome_password.html", {"sheet": sheet})


@pages.post("/welcome/password", ANYONE, keeps=False)
def choose_password(visit: Visit) -> Answer:
    """Set the password; a second factor comes next where one is needed."""
    found = _step(visit, sign_in.WELCOME)
    if found is None:
        return _BEGIN_AGAIN
    step, account = found
    typed = [next(iter(visit.form.get(name, ())), "") for name in ("password", "repeated")]
    with visit.keeping(_password_page):
        entry.choose_password(visit.work, step, account, *typed)
    return Redirect("/welcome/codes")


@pages.get("/welcome/codes", ANYONE, writes=True)
def show_codes(visit: Visit) -> Answer:
    """Show the secret that an app takes over."""
    found = _step(visit, sign_in.ENROL)
    if found is None:
        return _BEGIN_AGAIN
    return _codes_page(visit, found[1], Sheet())


def _codes_page(visit: Visit, account: Account, sheet: Sheet) -> Page:
    policy = callers.policy_of(visit.node.settings)
    return codes_page(
        visit,
        visit.work,
        account,
        sheet,
        action="/welcome/codes",
        may_skip=not policy.needs_second_factor(account),
        target=own_path(visit.query.get("next", "") or visit.typed("next")),
        takes_passkeys=_takes_passkeys(visit),
    )


def codes_page(visit: Visit, work: Work, account: Account, sheet: Sheet, **values: object) -> Page:
    """Return the page that shows the secret as a QR code and as text, and asks for a first code."""
    enrolment = factors.begin_enrolment(work, account, organisation(visit))
    secret = enrolment.secret
    groups = [secret[start : start + 4] for start in range(0, len(secret), 4)]
    shown = {"sheet": sheet, "qr": _qr_code(enrolment), "secret": " ".join(groups), **values}
    return Page("codes.html", shown)


def _qr_code(enrolment: Enrolment) -> Markup:
    import segno  # noqa: PLC0415 - for the day on which somebody sets up codes

    drawn = segno.make(enrolment.address, error="m", micro=False)
    # The library writes nothing but numbers into its markup; dark on light whatever the page's colours are.
    return Markup(drawn.svg_inline(scale=5, border=4, dark="#000", light="#fff", omitsize=True))  # noqa: S704


@pages.post("/welcome/codes", ANYONE, keeps=False)
def confirm_codes(visit: Visit) -> Answer:
    """Begin the session after a first right code, and show the recovery codes once."""
    found = _step(visit, sign_in.ENROL)
    if found is None:
        return _BEGIN_AGAIN
    step, account = found
    with visit.keeping(lambda sheet: _codes_page(visit, account, sheet)):
        codes = factors.confirm_enrolment(visit.work, account, visit.typed("code"))
    return _begin(visit, step, account, codes)


@pages.post("/welcome/skip", ANYONE, keeps=False)
def skip_codes(visit: Visit) -> Answer:
    """Begin the session without a second factor, where none is needed."""
    found = _step(visit, sign_in.ENROL)
    if found is None or callers.policy_of(visit.node.settings).needs_second_factor(found[1]):
        return _BEGIN_AGAIN
    return _begin(visit, *found, codes=[])


@pages.get("/welcome/passkey", ANYONE)
def show_passkey(visit: Visit) -> Answer:
    """Let a passkey be made instead of setting up an app."""
    found = _step(visit, sign_in.ENROL)
    if found is None:
        return _BEGIN_AGAIN
    if not _takes_passkeys(visit):
        return Redirect("/welcome/codes")
    return _passkey_page(visit, found[1], Sheet())


def _passkey_page(visit: Visit, account: Account, sheet: Sheet) -> Page:
    asking = asking_of(visit, passkeys.REGISTER)
    policy = callers.policy_of(visit.node.settings)
    shown = {
        "sheet": sheet,
        "options": passkeys.options_to_add(visit.work, account, asking),
        "may_skip": not policy.needs_second_factor(account),
        "target": own_path(visit.query.get("next", "") or visit.typed("next")),
    }
    return Page("welcome_passkey.html", shown)


def _takes_passkeys(visit: Visit) -> bool:
    return asking_of(visit, passkeys.REGISTER).place.is_usable


@pages.post("/welcome/passkey", ANYONE, keeps=False)
def add_passkey(visit: Visit) -> Answer:
    """Begin the session with the passkey that the browser made; recovery codes stand in for a lost device."""
    found = _step(visit, sign_in.ENROL)
    if found is None:
        return _BEGIN_AGAIN
    step, account = found
    asking = asking_of(visit, passkeys.REGISTER)
    with visit.keeping(lambda sheet: _passkey_page(visit, account, sheet)):
        passkeys.add(visit.work, account, visit.typed("credential"), visit.typed("name"), asking)
    return _begin(visit, step, account, factors.renew_recovery_codes(visit.work, account))


def _begin(visit: Visit, step: Step, account: Account, codes: list[str]) -> Answer:
    step_store.delete_step(visit.work.connection, step.id)
    policy = callers.policy_of(visit.node.settings)
    cookies = session_cookies(sessions.begin_session(visit.work, account, visit.browser, policy))
    target = own_path(visit.typed("next"))
    if not codes:
        return Redirect(target, cookies)
    return Page("recovery_codes.html", {"codes": codes, "next": target}, cookies=cookies)
