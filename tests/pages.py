"""Two organisations with people in them, and a reader who goes through their pages without a browser."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from starlette.testclient import TestClient

from iars_node.accounts import sign_in
from iars_node.accounts import store as account_store
from iars_node.accounts.model import Account, Browser, SignedIn
from iars_node.db import new_id
from iars_node.referrals import service as referrals
from iars_node.vault import passwords
from iars_node.work import SYSTEM
from tests.federation.neighbours import Neighbour, Wire, introduce, make_neighbour, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from httpx2 import Response

    from iars_node.cases.model import Case
    from iars_node.clock import Clock
    from iars_node.consent.model import Consent
    from iars_node.referrals.model import Referral

PASSWORD = "correct horse battery"
PEOPLE = {
    "besa": ("Besa Dema", "case-worker"),
    "arta": ("Arta Meta", "administrator"),
    "ilir": ("Ilir Prifti", "reception"),
    "mira": ("Mira Hoxha", "medical"),
}
_TOKEN = re.compile(r'name="csrf" value="([0-9a-f.]+)"')


@dataclass
class World:
    """A shelter and a mission that know each other, and what wanders between them."""

    shelter: Neighbour
    mission: Neighbour
    wire: Wire

    def close(self) -> None:
        self.shelter.node.close()
        self.mission.node.close()

    def referral(self) -> tuple[Case, Consent, Referral]:
        """Open a case at the shelter, give consent, and refer the person to the mission."""
        case = self.shelter.open_case()
        given = self.shelter.give_consent(case, self.mission)
        return case, given, self.shelter.refer(case, given, self.mission)

    async def accepted(self) -> tuple[Case, Consent, Referral]:
        """Do the same, and let the mission accept it."""
        case, given, sent = self.referral()
        await settle(self.shelter, self.mission)
        self.mission.act(referrals.accept, sent.id)
        await settle(self.shelter, self.mission)
        return case, given, sent


def make_world(folder: Path, clock: Clock, database_url: Callable[[Path], str], **settings: object) -> World:
    """Make both organisations, each with a database of its own."""
    wire = Wire()
    made = []
    for name in ("shelter", "mission"):
        (folder / name).mkdir(parents=True)
        url = database_url(folder / name)
        made.append(make_neighbour(folder / name, name, wire, clock, url, **settings))
    introduce(*made)
    password_hash = everybodys_hash()
    for neighbour in made:
        for name, (display_name, role) in PEOPLE.items():
            add_account(neighbour, name, display_name, role, password_hash)
    return World(made[0], made[1], wire)


@cache
def everybodys_hash() -> str:
    """Return the hash of everybody's password, made once: it costs a tenth of a second."""
    return passwords.hash_password(PASSWORD)


def copied(template: Path) -> Callable[[Path], str]:
    """Return what makes an SQLite database with every table in a folder."""

    def copy(folder: Path) -> str:
        shutil.copy(template, folder / "node.sqlite")
        return f"sqlite:///{folder / 'node.sqlite'}"

    return copy


def add_account(neighbour: Neighbour, name: str, display_name: str, role: str, password_hash: str) -> None:
    """Add an account with one role."""
    with neighbour.node.works.write(SYSTEM) as work:
        added = Account(new_id(), name, display_name, "", frozenset({role}), "en", work.now)
        account_store.insert_account(work.connection, added, password_hash)


class Reader:
    """Someone at a browser: keeps cookies, sends forms with the page's token, looks at redirects."""

    def __init__(self, neighbour: Neighbour, **headers: str) -> None:
        self.http = TestClient(
            neighbour.app, base_url="http://localhost", follow_redirects=False, headers=headers
        )
        self.token = ""
        self.neighbour = neighbour

    def get(self, path: str, **headers: str) -> Response:
        found = self.http.get(path, headers={"accept": "text/html", **headers})
        self._remember(found)
        return found

    def post(self, path: str, typed: Mapping[str, object] | None = None, **headers: str) -> Response:
        found = self.http.post(path, data={"csrf": self.token, **(typed or {})}, headers=headers)
        self._remember(found)
        return found

    def sign_in(self, name: str = "besa", password: str = PASSWORD) -> Response:
        self.get("/sign-in")
        answer = self.post("/sign-in", {"name": name, "password": password, "next": "/"})
        self.get("/me")
        return answer

    def enter(self, name: str = "besa") -> Reader:
        """Begin a session without the form and without the time that checking a password takes."""
        with self.neighbour.node.works.write(SYSTEM) as work:
            account = account_store.account_by_name(work.connection, name)
            assert account
            stored = account_store.password_hash(work.connection, account.id)
            begun = sign_in.finish(
                work, sign_in.Attempt(account.id, stored, name, name, 0), Browser("192.0.2.1")
            )
        assert isinstance(begun, SignedIn)
        self.http.cookies.set("iars-session", begun.token, domain="localhost.local", path="/")
        self.get("/me")
        return self

    def _remember(self, found: Response) -> None:
        token = _TOKEN.search(found.text)
        if token:
            self.token = token[1]


def words(html: str) -> str:
    """Return what a page says, without its markup: what only marks a name leaves no gap."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"</?bdi[^>]*>", "", html)))
