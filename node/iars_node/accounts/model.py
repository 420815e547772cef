"""Accounts, sites and teams; sessions and tokens; what a name and a password must be."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iars_node.accounts.guessable import is_guessable
from iars_node.work import Actor
from iars_protocol.encoding import to_text

if TYPE_CHECKING:
    from iars_node.vault.breached import BreachedPasswords

_NAME = re.compile(r"\w[\w.@+-]{1,63}").fullmatch
_LANGUAGE = re.compile(r"[a-z]{2,3}").fullmatch
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
LONGEST_LABEL = 200
PROVED_FOR = timedelta(minutes=5)
_CODE_SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
TOKEN_PREFIX = "iars_"  # noqa: S105 - the public beginning of every token, for leak scanners


@dataclass(frozen=True, slots=True)
class Site:
    """A place where the organisation works."""

    id: str
    name: str
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """Accounts of one site that share cases."""

    id: str
    site_id: str
    name: str
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A member of staff. The display name is staff data: shown on pages, never logged."""

    id: str
    name: str
    display_name: str
    email: str
    roles: frozenset[str]
    language: str
    created_at: datetime
    disabled_at: datetime | None = None
    team_ids: frozenset[str] = frozenset()
    site_ids: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"Account({self.id})"

    @property
    def actor(self) -> Actor:
        """The account as an actor."""
        return Actor("account", self.id, self.roles, self.language)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is needed to create an account; without a password it begins with a one-time code."""

    name: str
    display_name: str
    roles: frozenset[str]
    password: str = ""
    language: str = "en"
    email: str = ""
    team_ids: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return "NewAccount()"


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How long a session lives, unused until it is locked and at most; and who needs a second factor."""

    idle: timedelta = timedelta(minutes=15)
    absolute: timedelta = timedelta(hours=12)
    # Writing at every page view would cost a commit each; a minute's accuracy is enough.
    noticed_every: timedelta = timedelta(minutes=1)
    second_factor_roles: frozenset[str] = frozenset()

    def needs_second_factor(self, account: Account) -> bool:
        """Say whether a password alone does not let this account in."""
        return bool(account.roles & self.second_factor_roles)


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser brings when it signs in: where from, what it is, what it was given before."""

    address: str
    session_token: str = ""
    known_token: str = ""
    words: str = ""

    def __repr__(self) -> str:
        return "Browser()"


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. Its id is the hash of the token that the browser holds."""

    id: str
    account_id: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    csrf_secret: bytes
    browser: str = ""
    locked_at: datetime | None = None
    proved_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Session(account {self.account_id})"

    def is_over(self, now: datetime) -> bool:
        """Say whether the session has ended by its age."""
        return now >= self.expires_at

    def is_locked(self, now: datetime, policy: SessionPolicy) -> bool:
        """Say whether the session shows nothing until its person proves to be there: left, or unused."""
        return self.locked_at is not None or now >= self.last_seen_at + policy.idle

    def is_proved(self, now: datetime) -> bool:
        """Say whether its person has just shown to be there: a moment later it may be somebody else."""
        return self.proved_at is not None and now < self.proved_at + PROVED_FOR


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session with its token and the browser's, which are stored nowhere but in the browser."""

    token: str
    session: Session
    account: Account
    known_token: str = ""

    def __repr__(self) -> str:
        return f"SignedIn(account {self.account.id})"


@dataclass(frozen=True, slots=True)
class NextStep:
    """What is still asked before a session begins, `code`, `enrol` or `welcome`; and the browser's token."""

    token: str
    kind: str

    def __repr__(self) -> str:
        return f"NextStep({self.kind})"


@dataclass(frozen=True, slots=True)
class Step:
    """A sign-in that is half done: who began it, what comes next, and until when."""

    id: str
    account_id: str
    kind: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignInRefused:
    """Why nobody was signed in: `wrong` (what was typed, never which), `delayed`, or `over` (begin again)."""

    reason: str
    wait: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Passkey:
    """A key in somebody's device, by its public half; the name is the person's own word for the device."""

    id: str
    account_id: str
    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_backup_eligible: bool
    is_backed_up: bool
    name: str
    created_at: datetime
    last_used_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Passkey({self.id})"


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form that met a locked session: whose, where it was sent, what was typed."""

    id: str
    account_id: str
    path: str
    kept_at: datetime

    def __repr__(self) -> str:
        return f"KeptForm({self.id})"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token of one of the organisation's own systems: what it may do and read, until when."""

    id: str
    label: str
    actions: frozenset[str]
    scopes: frozenset[str]
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def actor(self) -> Actor:
        """The token as an actor."""
        return Actor("token", self.id, actions=self.actions, scopes=self.scopes)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made, with its secret, which is shown once and stored nowhere."""

    secret: str
    token: Token

    def __repr__(self) -> str:
        return f"NewToken({self.token.id})"


def folded(name: str) -> str:
    """Return a sign-in name in the one form that is stored and compared."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def account_faults(name: str, display_name: str, language: str) -> dict[str, str]:
    """Say which parts of an account can't be used, and why."""
    faults = {}
    if _NAME(folded(name)) is None:
        faults["name"] = "Use 2 to 64 letters, digits, and . @ + - _"
    if not 0 < len(display_name.strip()) <= LONGEST_LABEL:
        faults["display_name"] = "Write the name that colleagues know."
    if _LANGUAGE(language) is None:
        faults["language"] = "Use a language code such as en, fr or sq."
    return faults


def password_faults(password: str, name: str, breached: BreachedPasswords | None = None) -> dict[str, str]:
    """Say why a password can't be used: length is what counts, not which signs are in it."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return {
            "password": f"Use at least {SHORTEST_PASSWORD} characters; several words are easy to remember."
        }
    if folded(name) in folded(password) or len(set(password)) < SHORTEST_PASSWORD // 3:
        return {"password": "This is too easy to guess: don't use the account's name or repeat a few signs."}
    if is_guessable(password):
        return {"password": "This is one of the first that are tried. Add words that only you would choose."}
    if breached is not None and breached.has(password):
        return {"password": "Others use this password too, and it became known. Choose another one."}
    return {}


def new_code() -> str:
    """Return 80 random bits as four groups of letters and digits that nobody confuses on paper."""
    signs = [secrets.choice(_CODE_SIGNS) for _ in range(16)]
    return "-".join("".join(signs[start : start + 4]) for start in range(0, 16, 4))


def plain_code(typed: str) -> str:
    """Return a code as it is compared, however it was typed."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", typed).upper() if sign.isalnum())


def new_secret() -> str:
    """Return 32 random bytes as text for a cookie or a token."""
    return to_text(secrets.token_bytes(32))


def secret_hash(secret: str) -> str:
    """Return what is stored of a secret: with 256 random bits in it, a plain hash can't be reversed."""
    return hashlib.sha256(secret.encode()).hexdigest()
