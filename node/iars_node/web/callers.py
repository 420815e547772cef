"""Who calls: the browser's cookies, the session behind them, and the secret that its forms prove."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import service as accounts
from iars_node.accounts import sign_in
from iars_node.accounts.model import Account, Session, SessionPolicy
from iars_node.errors import UnauthenticatedError
from iars_node.web.safety import form_token, is_plain_loopback
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from iars_node.settings import Settings
    from iars_node.work import Works

SESSION, VISIT, LANGUAGE = "session", "visit", "language"
NAMES = (SESSION, VISIT, LANGUAGE)
NOBODY = Actor("account", "")
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Caller:
    """A browser: its session, if it has one, and what it brought along."""

    actor: Actor
    session: Session | None
    account: Account | None
    cookies: Mapping[str, str]
    visit: str

    @property
    def secret(self) -> bytes:
        """What this browser's forms are proved by: the session's secret, or before signing in a cookie."""
        return self.session.csrf_secret if self.session else self.visit.encode()

    @property
    def form_token(self) -> str:
        """What each form of this browser carries."""
        return form_token(self.secret)


def policy_of(settings: Settings) -> SessionPolicy:
    """Return how long a session of this node lives."""
    return SessionPolicy(
        timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_hours)
    )


def find_caller(request: Request, works: Works, policy: SessionPolicy) -> Caller:
    """Return who calls; nobody where the session is unknown or over."""
    prefix = _prefix(request)
    cookies = {name: request.cookies[prefix + name] for name in NAMES if prefix + name in request.cookies}
    visit = cookies.get(VISIT) or secrets.token_urlsafe(32)
    if SESSION in cookies:
        try:
            with works.read(SYSTEM) as work:
                session, actor = sign_in.session_actor(work, cookies[SESSION], policy)
                account = accounts.find_account(work, session.account_id)
        except UnauthenticatedError:
            pass
        else:
            return Caller(actor, session, account, cookies, visit)
    return Caller(NOBODY, None, None, cookies, visit)


def set_cookies(request: Request, response: Response, cookies: Mapping[str, str | None]) -> None:
    """Give the browser cookies, or take them away where the value is None."""
    prefix = _prefix(request)
    for name, value in cookies.items():
        response.set_cookie(
            prefix + name,
            value or "",
            max_age=0 if value is None else _YEAR if name == LANGUAGE else None,
            path="/",
            secure=bool(prefix.startswith("__Host-")),
            httponly=True,
            samesite="strict",
        )


def _prefix(request: Request) -> str:
    if is_plain_loopback(request):
        # A host's cookies go to all its ports: several nodes on this machine would sign each other out.
        return "iars-" if request.url.port is None else f"iars-{request.url.port}-"
    # A browser keeps a name that begins so only if it came over TLS, from this very host.
    return "__Host-iars-"
