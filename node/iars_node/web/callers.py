"""Who calls: the browser's cookies, the session behind them, and the secret that its forms prove."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import sessions
from iars_node.accounts.access import ROLES
from iars_node.accounts.model import Account, Browser, Session, SessionPolicy
from iars_node.errors import SetupError
from iars_node.settings import EVERYBODY, NOBODY
from iars_node.web.browsers import words_of
from iars_node.web.safety import form_token, is_plain_loopback
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from iars_node.accounts.sessions import Standing
    from iars_node.settings import Settings
    from iars_node.work import Works

# `step` is a sign-in that is half done; by `known` the browser is told from those that never signed in.
SESSION, VISIT, LANGUAGE, STEP, KNOWN = "session", "visit", "language", "step", "known"
NAMES = (SESSION, VISIT, LANGUAGE, STEP, KNOWN)
STRANGER = Actor("account", "")
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Caller:
    """A browser: its session, if it has one, and what it brought along."""

    actor: Actor
    session: Session | None
    account: Account | None
    cookies: Mapping[str, str]
    visit: str
    # A session that is locked or over: it shows nothing, but what is sent in it is kept for its account.
    behind: Standing | None = None

    @property
    def secret(self) -> bytes:
        """What this browser's forms are proved by: the session's secret, or before signing in a cookie."""
        if self.behind is not None:
            return self.behind.session.csrf_secret
        return self.session.csrf_secret if self.session else self.visit.encode()

    @property
    def form_token(self) -> str:
        """What each form of this browser carries."""
        return form_token(self.secret)


def policy_of(settings: Settings) -> SessionPolicy:
    """Return how long a session of this node lives, and who needs more than a password for one."""
    return SessionPolicy(
        timedelta(minutes=settings.session_idle_minutes),
        timedelta(hours=settings.session_hours),
        second_factor_roles=_roles(settings.needs_second_factor),
    )


def _roles(words: tuple[str, ...]) -> frozenset[str]:
    if words == (EVERYBODY,):
        return frozenset(ROLES)
    if words == (NOBODY,):
        return frozenset()
    # A role that is written wrongly must not let its people in by a password alone.
    if unknown := sorted(set(words) - ROLES.keys()):
        raise SetupError(f"second_factor names no role: {', '.join(unknown)}. Correct it.")
    return frozenset(words)


def find_caller(request: Request, works: Works, policy: SessionPolicy) -> Caller:
    """Return who calls; nobody where the session is unknown, locked or over."""
    prefix = _prefix(request)
    cookies = {name: request.cookies[prefix + name] for name in NAMES if prefix + name in request.cookies}
    visit = cookies.get(VISIT) or secrets.token_urlsafe(32)
    if SESSION not in cookies:
        return Caller(STRANGER, None, None, cookies, visit)
    with works.read(SYSTEM) as work:
        found = sessions.standing(work, cookies[SESSION], policy)
    if found is None or found.state != "open":
        return Caller(STRANGER, None, None, cookies, visit, found)
    return Caller(found.account.actor, found.session, found.account, cookies, visit)


def browser_of(request: Request, cookies: Mapping[str, str]) -> Browser:
    """Return what a browser brings when it signs in."""
    return Browser(
        request.client.host if request.client else "",
        cookies.get(SESSION, ""),
        cookies.get(KNOWN, ""),
        words_of(request.headers.get("user-agent", "")),
    )


def set_cookies(request: Request, response: Response, cookies: Mapping[str, str | None]) -> None:
    """Give the browser cookies, or take them away where the value is None."""
    prefix = _prefix(request)
    for name, value in cookies.items():
        response.set_cookie(
            prefix + name,
            value or "",
            max_age=0 if value is None else _YEAR if name in (LANGUAGE, KNOWN) else None,
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
