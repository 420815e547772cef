"""The case workers' pages under load: sixteen people who think for a second, and how many more could be."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from statistics import quantiles
from typing import TYPE_CHECKING

import aiohttp

from iars_node.accounts import store as account_store
from iars_node.accounts.model import Account, Browser
from iars_node.accounts.sessions import POLICY, begin_session
from iars_node.cases.model import Assignment
from iars_node.cases.service.bulk import NewCase, open_cases
from iars_node.db import new_id
from iars_node.prepared import insert_many
from iars_node.referrals.tables import referral
from iars_node.vault.identity import identity_of
from iars_node.work import SYSTEM
from tests.bench import people
from tests.bench.results import Aim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iars_node.work import Work
    from tests.bench.nodes import Pair
    from tests.bench.results import Results

CASES, REFERRALS = 100_000, 50_000
FULL_CASES = 400
AT_ONCE = 2_000
USERS, THINK_SECONDS = 16, 1.0
MEASURED_SECONDS = 60.0
# Looking for the end of what the node can do: twice as many people each time, until the aim is missed.
STEP_SECONDS, MOST_USERS = 15.0, 256
AIM = Aim(100)
MILLI = 1e3
HOLDING = re.compile(r'name="csrf" value="([0-9a-f]+)"')
# The last state of a year's referrals: most are over, a few wait for this organisation.
STATES = ("completed",) * 34 + ("rejected", "cancelled", "failed", "expired") + ("accepted", "in-progress")


@dataclass(slots=True)
class Place:
    """A case with a consent, for the pages that need one."""

    case_id: str
    consent_id: str


@dataclass(slots=True)
class Taken:
    """How long each page took, in seconds, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    failed: int = 0

    def note(self, page: str, seconds: float, *, is_right: bool) -> None:
        """Note one page."""
        self.seconds.setdefault(page, []).append(seconds)
        self.failed += not is_right

    @property
    def every(self) -> list[float]:
        """Every page's time."""
        return [one for each in self.seconds.values() for one in each]


class Year:
    """What a busy organisation has after some years: cases, referrals of every state, people at work."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._works = pair.sender.node.works
        self.places: list[Place] = []

    def fill(self) -> None:
        """Open the cases and write the referrals."""
        offerings = self._pair.open_cases(FULL_CASES)
        self.places = [Place(one.case_id, one.consent_id) for one in offerings]
        self._pair.offer(offerings[:1])
        numbers = iter(range(FULL_CASES, CASES))
        for start in range(FULL_CASES, CASES, AT_ONCE):
            with self._works.write(SYSTEM) as work:
                self._open(work, [next(numbers) for _ in range(min(AT_ONCE, CASES - start))])
        with self._works.read(SYSTEM) as work:
            row = work.connection.execute(referral.select()).mappings().one()
        for start in range(0, REFERRALS, AT_ONCE):
            with self._works.write(SYSTEM) as work:
                rows = [self._referral(work, dict(row), number) for number in range(start, start + AT_ONCE)]
                insert_many(work.connection, referral, rows)
        if not self._works.database.is_sqlite:
            with self._works.database.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")

    @staticmethod
    def _open(work: Work, numbers: list[int]) -> None:
        records = [people.searched_record(number) for number in numbers]
        opened = [NewCase(each, people.words_of(work.vault, each), None) for each in records]
        open_cases(work, opened, country="AL", assignment=Assignment(), training=False)

    def _referral(self, work: Work, like: dict[str, object], number: int) -> dict[str, object]:
        # The newest are the last ones; 1 in 100 is one that waits for an answer, here or there.
        changed = work.now - timedelta(minutes=10 * (REFERRALS - number))
        waits = number % 101 == 0
        place = self.places[number % FULL_CASES] if number % 50 == 0 else None
        return like | {
            "id": new_id(),
            "subject": new_id(),
            "grant_id": new_id(),
            "case_id": place.case_id if place else new_id(),
            "direction": "in" if number % 2 else "out",
            "state": "requested" if waits else STATES[number % len(STATES)],
            "created_at": changed - timedelta(days=3),
            "updated_at": changed,
            "respond_by": work.now + timedelta(hours=number % 72),
        }

    def sign_in(self, users: int) -> list[str]:
        """Make case workers and begin a session for each; return the sessions' tokens."""
        found = []
        for number in range(users):
            with self._works.write(SYSTEM) as work:
                name = f"worker-{number}-{new_id()[:6]}"
                added = Account(
                    new_id(), name, f"Worker {number}", "", frozenset({"case-worker"}), "en", work.now
                )
                account_store.insert_account(work.connection, added, "")
                begun = begin_session(work, added, Browser(""), POLICY)
            found.append(begun.token)
        return found


class Visitors:
    """People at browsers: each opens one page after the other, as the work goes."""

    def __init__(self, pair: Pair, places: list[Place]) -> None:
        self._address = f"https://127.0.0.1:{pair.sender.node.settings.port}"
        self._peer = identity_of(pair.receiver.node.vault).node_id.hex()
        self._places = places
        self._trust = ssl.create_default_context(cafile=str(pair.certificate.certificate))

    def visit(self, tokens: list[str], seconds: float, think: float) -> tuple[Taken, float]:
        """Let everybody work for so long; return what they waited for, and pages a second."""
        taken = Taken()
        began = time.perf_counter()
        asyncio.run(self._all(tokens, seconds, think, taken))
        return taken, len(taken.every) / (time.perf_counter() - began)

    async def _all(self, tokens: list[str], seconds: float, think: float, taken: Taken) -> None:
        connector = aiohttp.TCPConnector(ssl=self._trust, limit=0)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as client:
            works = [
                self._one(client, token, number, seconds, think, taken) for number, token in enumerate(tokens)
            ]
            await asyncio.gather(*works)

    async def _one(  # noqa: PLR0913, PLR0917 - one visitor's everything, called from one place
        self,
        client: aiohttp.ClientSession,
        token: str,
        number: int,
        seconds: float,
        think: float,
        taken: Taken,
    ) -> None:
        # Nobody begins at the same moment as everybody else.
        await asyncio.sleep(think * number / USERS)
        headers = {"Cookie": f"__Host-iars-session={token}", "Accept": "text/html"}
        async with client.get(f"{self._address}/me", headers=headers) as answer:
            found = HOLDING.search(await answer.text())
        assert found, "the session was not known"
        ends = time.perf_counter() + seconds
        for turn in count(number):
            for page, method, path, form in self._round(turn, found[1]):
                if time.perf_counter() >= ends:
                    return
                began = time.perf_counter()
                async with client.request(
                    method, self._address + path, data=form, headers=headers, allow_redirects=False
                ) as answer:
                    await answer.read()
                    taken.note(page, time.perf_counter() - began, is_right=answer.status == 200)
                await asyncio.sleep(think)

    def _round(self, turn: int, csrf: str) -> Iterator[tuple[str, str, str, dict[str, str] | None]]:
        place = self._places[turn * 7 % len(self._places)]
        case = f"/cases/{place.case_id}"
        chosen = f"service=MED-SCREEN&priority=urgent&peer={self._peer}&consent={place.consent_id}"
        wanted = {"csrf": csrf, "text": f"{people.given_name(turn)} {people.family_name(turn)}"}
        yield "home", "GET", "/", None
        yield "case list", "GET", "/cases", None
        yield "search", "POST", "/cases/search", wanted
        yield "case page", "GET", case, None
        yield "refer preview", "GET", f"{case}/refer/check?{chosen}", None


def measure_pages(results: Results, suite: str, name: str, pair: Pair) -> None:
    """Fill a node, let sixteen people work there, then more and more until it is too slow."""
    year = Year(pair)
    results.say(f"{suite}: {name}, {CASES:,} cases and {REFERRALS:,} referrals")
    year.fill()
    with pair.sender.serve() as served:
        served.ask("unlock")
        visitors = Visitors(pair, year.places)
        visitors.visit(year.sign_in(2), 5, 0)
        before = served.usage().cpu
        taken, a_second = visitors.visit(year.sign_in(USERS), MEASURED_SECONDS, THINK_SECONDS)
        pages = len(taken.every)
        for page, seconds in taken.seconds.items():
            results.add(suite, f"{name}: {page}, p95", _cut(seconds, 95), "ms", AIM)
            results.add(suite, f"{name}: {page}, median", _cut(seconds, 50), "ms")
        results.add(suite, f"{name}: pages a second of {USERS} people", a_second, "/s")
        results.add(
            suite, f"{name}: processor for a page", (served.usage().cpu - before) / pages * MILLI, "ms"
        )
        results.add(suite, f"{name}: pages that failed", taken.failed, "", Aim(0))
        _saturate(results, suite, name, year.sign_in, visitors)


def _saturate(
    results: Results, suite: str, name: str, enter: Callable[[int], list[str]], visitors: Visitors
) -> None:
    users, most = USERS, 0.0
    while users <= MOST_USERS:
        taken, a_second = visitors.visit(enter(users), STEP_SECONDS, THINK_SECONDS)
        most = max(most, a_second)
        late = _cut(taken.every, 95)
        results.say(f"{suite}: {name}, {users} people: {a_second:.0f} pages a second, p95 {late:.0f} ms")
        if late > AIM.value:
            break
        users *= 2
    results.add(suite, f"{name}: people at whom p95 of all pages passes {AIM.value:g} ms", users, "")
    results.add(suite, f"{name}: most pages a second", most, "/s")


def _cut(seconds: list[float], share: int) -> float:
    return quantiles(seconds, n=100)[share - 1] * MILLI
