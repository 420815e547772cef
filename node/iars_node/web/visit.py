"""One request by one reader: who asks, in which language, with which form; and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from iars_node.accounts.access import may, readable_scopes
from iars_node.errors import ConflictError, InvalidError, NodeError, RefusedError

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.accounts.model import Account, Browser, Session
    from iars_node.accounts.sessions import Standing
    from iars_node.web.node import WebNode
    from iars_node.web.speech import Speech
    from iars_node.web.uploads import Received
    from iars_node.work import Actor, Work


Typed = Mapping[str, list[str]]
Faults = dict[str, str]
NOTHING_TYPED: Typed = {}


class Sheet:
    """A form as it stands: what is typed, and what is wrong with it."""

    def __init__(self, typed: Typed = NOTHING_TYPED, faults: Faults | None = None, message: str = "") -> None:
        self.typed = typed
        self.faults = faults or {}
        self.message = message

    def value(self, name: str) -> str:
        """Return what is typed into a field."""
        return next(iter(self.typed.get(name, ())), "")

    def values(self, name: str) -> list[str]:
        """Return everything that is chosen under a name."""
        return self.typed.get(name, [])

    def has(self, name: str, value: str) -> bool:
        """Say whether a value is chosen under a name."""
        return value in self.typed.get(name, ())

    def fault(self, name: str) -> str:
        """Return what is wrong with a field, or nothing."""
        return self.faults.get(name, "")

    def rows(self, name: str, piece: str, most: int) -> range:
        """Return the numbers of a repeated field's rows: those with a piece filled in, and one more."""
        filled = [row for row in range(most) if self.value(f"{name}.{row}.{piece}")]
        return range(min(max(filled, default=-1) + 2, most))


@dataclass(frozen=True)
class Page:
    """A page to be shown: its template and what it says."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str | None] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Redirect:
    """Another page to go to: a path of this site, never an address from outside."""

    path: str
    cookies: Mapping[str, str | None] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Document:
    """Something to be kept: its bytes, what they are, and a file name that names nobody."""

    content: bytes = field(repr=False)
    media_type: str
    file_name: str


@dataclass(frozen=True)
class SealedFile:
    """A file to be kept, opened piece by piece: never shown as a page, whatever it says it is."""

    pieces: Iterator[bytes] = field(repr=False)
    length: int
    file_name: str = field(repr=False)


@dataclass(frozen=True)
class Stream:
    """The word that something changed, for as long as the browser listens: of referrals, or of imports."""

    is_about_imports: bool = False


Answer = Page | Redirect | Document | SealedFile | Stream


class UnfinishedError(Exception):
    """The form can't be used yet: nothing of it is written, and its page is shown again."""

    def __init__(self, page: Page) -> None:
        super().__init__("unfinished")
        self.page = page


@dataclass
class Visit:
    """What a page's function is given."""

    node: WebNode
    speech: Speech
    path: str
    query: Mapping[str, str]
    form: Typed
    browser: Browser
    cookies: Mapping[str, str]
    actor: Actor
    form_token: str
    # What the browser's challenges are bound to, as its forms are.
    secret: bytes = field(repr=False)
    work: Work = field(repr=False)
    session: Session | None = None
    account: Account | None = None
    # A session of this browser that is locked or over.
    behind: Standing | None = None
    file: bytes = field(default=b"", repr=False)
    received: Received | None = field(default=None, repr=False)

    @property
    def now(self) -> datetime:
        """The moment of the request."""
        return self.work.now

    def may(self, action: str) -> bool:
        """Say whether the reader may take an action."""
        return may(self.actor, action)

    @property
    def readable(self) -> frozenset[str]:
        """The scopes that the reader's roles show."""
        return readable_scopes(self.actor)

    def typed(self, name: str) -> str:
        """Return what was typed into a field, without spaces around it."""
        return next(iter(self.form.get(name, ())), "").strip()

    def last_moment(self, name: str) -> datetime | None:
        """Return the end of the day that was typed, or None where none was."""
        try:
            return self.speech.moments.end_of_day(date.fromisoformat(self.typed(name)))
        except ValueError:
            return None

    def chosen(self, name: str, codes: Mapping[str, object]) -> tuple[str, ...]:
        """Return the chosen codes that are on the list, in the list's order."""
        given = set(self.form.get(name, ()))
        return tuple(code for code in codes if code in given)

    def asked(self, name: str, codes: Mapping[str, object]) -> str:
        """Return the code in the address that is on the list, or nothing."""
        found = self.query.get(name, "")
        return found if found in codes else ""

    def gettext(self, message: str, **values: object) -> str:
        """Return a message in the reader's language."""
        return self.speech.language.gettext(message, **values)

    @contextmanager
    def keeping(
        self, show: Callable[[Sheet], Page], *, named: Mapping[str, str] | None = None
    ) -> Iterator[None]:
        """Show the form again, as typed, when a rule refuses it; `named` gives a fault its field's name."""
        try:
            yield
        except (InvalidError, ConflictError, RefusedError) as error:
            raise UnfinishedError(show(self.sheet_after(error, named or {}))) from error

    def sheet_after(self, error: NodeError, named: Mapping[str, str]) -> Sheet:
        """Return the form as typed, with what an error says about it."""
        faults = error.faults if isinstance(error, InvalidError) else {}
        return Sheet(
            self.form,
            {named.get(name, name): self.speech.fault(fault) for name, fault in faults.items()},
            self.speech.problem(error),
        )

    def unfinished(self, show: Callable[[Sheet], Page], faults: Faults) -> UnfinishedError:
        """Return the error that shows the form again with faults that the page itself found."""
        return UnfinishedError(
            show(Sheet(self.form, faults, self.gettext("Some answers need another look.")))
        )


def with_query(path: str, **values: str) -> str:
    """Return a path with codes and ids behind it; what is empty is left out."""
    kept = {name: value for name, value in values.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path
