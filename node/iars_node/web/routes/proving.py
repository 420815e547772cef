"""Showing once more that one is there, before what lets one in is taken away."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

from iars_node.accounts import factor_store, passkeys, sessions, sign_in
from iars_node.accounts import service as accounts
from iars_node.accounts.model import SignInRefused
from iars_node.web.pages import SIGNED_IN, Pages
from iars_node.web.routes.sign_in import asking_of, passkey_options, passkey_refusal, password_of, refusal
from iars_node.web.safety import own_path
from iars_node.web.visit import Page, Redirect, UnfinishedError, with_query

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.web.visit import Answer, Visit

pages = Pages()

PAGE = "/me/prove"
NAMED = ("passkey", "session")
# Where one is asked before what has no page of its own is done.
ASKED_AT = {"/me/sessions/end-others": "/me/sessions/end"}


def proved(function: Callable[[Visit], Answer]) -> Callable[[Visit], Answer]:
    """Ask who sits there to prove it first, unless they did a moment ago; then they come back here."""

    @wraps(function)
    def answer(visit: Visit) -> Answer:
        if visit.session is not None and visit.session.is_proved(visit.node.clock.now()):
            return function(visit)
        named = {name: visit.query.get(name, "") or visit.typed(name) for name in NAMED}
        return Redirect(with_query(PAGE, next=with_query(ASKED_AT.get(visit.path, visit.path), **named)))

    return answer


@pages.get(PAGE, SIGNED_IN)
def show_proof(visit: Visit) -> Answer:
    """Ask for the password, or for a passkey."""
    return _page(visit, own_path(visit.query.get("next", "")))


def _page(visit: Visit, target: str, refused: str = "") -> Page:
    has_passkey = bool(factor_store.passkeys_of(visit.work.connection, visit.actor.id))
    options = passkey_options(visit, passkeys.PROVE) if has_passkey else ""
    return Page("prove.html", {"next": target, "refused": refused, "passkey": options})


# Checking a password opens transactions of its own: none may stand around it that keeps others waiting.
@pages.post(PAGE, SIGNED_IN, writes=False, keeps=False)
def prove(visit: Visit) -> Answer:
    """Take the password as proof."""
    target = own_path(visit.typed("next"))
    account = accounts.find_account(visit.work, visit.actor.id)
    refused = sign_in.prove(visit.node.works, account, password_of(visit), visit.browser)
    if refused is not None:
        wrong = visit.gettext("The password is not right. Try again.")
        raise UnfinishedError(_page(visit, target, refusal(visit, refused, wrong)))
    return _noted(visit, target)


@pages.post(f"{PAGE}/passkey", SIGNED_IN, writes=False, keeps=False)
def prove_by_passkey(visit: Visit) -> Answer:
    """Take a passkey of this account, and of nobody else, as proof."""
    target = own_path(visit.typed("next"))
    with visit.node.works.write(visit.actor) as work:
        account = passkeys.verify(work, visit.typed("credential"), asking_of(visit, passkeys.PROVE))
    if isinstance(account, SignInRefused) or account.id != visit.actor.id:
        raise UnfinishedError(_page(visit, target, passkey_refusal(visit)))
    return _noted(visit, target)


def _noted(visit: Visit, target: str) -> Redirect:
    if visit.session is not None:
        with visit.node.works.write(visit.actor) as work:
            sessions.note_proof(work, visit.session)
    return Redirect(target)
