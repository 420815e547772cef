"""A year of four organisations, lived through in a minute before their nodes are served."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_admin.demo import belongings, episodes, knowledge, staff
from iars_admin.demo.cast import ADMINISTRATOR, SHELTER
from iars_admin.demo.people import synthetic_year
from iars_admin.demo.wire import Neighbours
from iars_node.accounts.model import NewAccount
from iars_node.accounts.service import create_account
from iars_node.accounts.teams import create_site, create_team
from iars_node.cases import service as cases
from iars_node.cases.model import Assignment
from iars_node.referrals import service as referrals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from iars_admin.demo.episodes import Episode, Running
    from iars_admin.demo.organisation import Organisation
    from iars_admin.demo.people import Person
    from iars_node.clock import SetClock
    from iars_node.work import Actor

YEAR = timedelta(weeks=episodes.WEEKS)
_WEEKS_A_MONTH = 4
# How many people the other three have of their own.
_OTHERS = 24
_CHILDRENS = {"EDU-CHILD", "FAM-TRACE"}
# In how many days consents end, in turn: some of them within what a work list warns of.
_UNTIL_DAYS = (120, 5, 60, 200, 9, 90, 12, 150)
_CLOSED_AFTER_WEEKS = 24


@dataclass(slots=True)
class Lived:
    """What a year has left: cases opened, who was referred, which of the shelter's cases came from others.

    `texts` is what those who were referred and the others' own people have in their files.
    """

    opened: int = 0
    referred: set[str] = field(default_factory=set)
    received: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list, repr=False)


@dataclass(slots=True)
class House:
    """One organisation in the course of the year: its teams, and whose turn it is."""

    organisation: Organisation
    workers: tuple[Actor, ...]
    coordinator: Actor
    site_id: str
    team_ids: tuple[str, ...]
    waiting: list[tuple[Person, str]] = field(default_factory=list)
    everybody: list[tuple[Person, str]] = field(default_factory=list)
    turns: int = 0

    def place(self, case_id: str) -> None:
        """Give a case to a team, and two of three to somebody of it."""
        turn = self.turns
        self.turns += 1
        worker = self.workers[turn % len(self.workers)].id if turn % 3 else None
        wanted = Assignment(self.site_id, self.team_ids[turn % len(self.team_ids)], worker)
        with self.organisation.node.works.write(self.coordinator) as work:
            cases.assign_case(work, case_id, wanted)

    def next_person(self) -> tuple[Person, str]:
        """Return whose referral comes next; when everybody had one, from the beginning."""
        if not self.waiting:
            self.waiting = [one for one in self.everybody if _is_of_age(one[0])]
        return self.waiting.pop(0)


class Year:
    """The year as it passes."""

    def __init__(self, neighbours: Neighbours, people: Sequence[Person]) -> None:
        self._neighbours = neighbours
        self._clock = neighbours.clock
        self._people = people
        self._begin = neighbours.clock.moment
        self._running: list[Running] = []
        self.houses = {key: _furnish(one) for key, one in neighbours.organisations.items()}
        self.lived = Lived()

    def pass_by(self, now_is: datetime) -> Lived:
        """Live through it, up to a moment before the present one."""
        for week in range(episodes.WEEKS):
            self._week(week)
        self._lose_the_line(now_is)
        self._clock.moment = now_is - timedelta(hours=30)
        self._offer(episodes.of_today(), now_is)
        self._clock.moment = now_is - timedelta(hours=27)
        for house in self.houses.values():
            belongings.give(house, now_is)
        self._neighbours.settle()
        self._clock.moment = now_is
        self._neighbours.run_jobs()
        self._neighbours.settle()
        self._note_received()
        return self.lived

    def _week(self, week: int) -> None:
        self._at(week, hours=8)
        self._neighbours.run_jobs()
        if week % _WEEKS_A_MONTH == 0:
            self._open(week // _WEEKS_A_MONTH)
        self._offer(episodes.of_week(week), self._begin + YEAR)
        for hours, step in ((30, episodes.answer), (54, episodes.care), (100, episodes.finish)):
            self._at(week, hours=hours)
            for running in self._running:
                step(running)
            self._neighbours.settle()
        self._running.clear()
        if week >= _CLOSED_AFTER_WEEKS and week % 3 == 0:
            self._close()

    def _lose_the_line(self, now_is: datetime) -> None:
        """Live through two days without a line: what is urgent is late, and every administrator is told."""
        self._neighbours.wire.is_down = True
        self._clock.moment = now_is - timedelta(hours=78)
        self._offer(episodes.of_outage(), now_is)
        for hours in (66, 50):
            self._clock.moment = now_is - timedelta(hours=hours)
            self._neighbours.run_jobs()
            self._neighbours.settle()
        self._neighbours.wire.is_down = False
        self._clock.moment = now_is - timedelta(hours=44)
        self._neighbours.settle()
        self._running.clear()

    def _at(self, week: int, *, hours: int) -> None:
        self._clock.moment = self._begin + timedelta(weeks=week, hours=hours)

    def _open(self, month: int) -> None:
        months = -(-episodes.WEEKS // _WEEKS_A_MONTH)
        for key, house in self.houses.items():
            people = self._people if key == SHELTER.key else _own_people(key, self._begin.year)
            share = -(-len(people) // months)
            arrived = people[month * share : (month + 1) * share]
            opened = self._take_in(house.organisation, arrived)
            for person, case_id in opened:
                house.place(case_id)
                house.everybody.append((person, case_id))
                if _is_of_age(person):
                    house.waiting.append((person, case_id))
            if key == SHELTER.key:
                self.lived.opened += len(opened)
            else:
                self.lived.texts += [text for person in arrived for text in _texts(person)]

    def _take_in(self, one: Organisation, people: Sequence[Person]) -> list[tuple[Person, str]]:
        with one.work() as work:
            return [
                (
                    person,
                    cases.open_case(
                        work,
                        country=one.part.country,
                        record=person.record,
                        external_number=person.file_number,
                        stage=person.stage,
                        training=True,
                    ).id,
                )
                for person in people
            ]

    def _offer(self, wanted: Iterable[Episode], end: datetime) -> None:
        for episode in wanted:
            house = self.houses[episode.sender]
            person, case_id = house.next_person()
            days = _UNTIL_DAYS[house.turns % len(_UNTIL_DAYS)]
            house.turns += 1
            receiver = self.houses[episode.receiver].organisation
            running = episodes.begin(
                episode, house.organisation, receiver, case_id, end + timedelta(days=days)
            )
            self._running.append(running)
            if episode.sender == SHELTER.key:
                self.lived.referred.add(person.file_number)
                self.lived.texts += _texts(person)
        self._neighbours.settle()

    def _close(self) -> None:
        for house in self.houses.values():
            one = house.organisation
            with one.work() as work:
                for person, case_id in house.everybody[:10]:
                    is_over = all(not each.is_open for each in referrals.of_case(work, case_id))
                    is_apart = not person.household and not person.is_traveller
                    if is_over and is_apart and cases.case_head(work, case_id).state == "open":
                        house.waiting = [each for each in house.waiting if each[1] != case_id]
                        house.everybody = [each for each in house.everybody if each[1] != case_id]
                        cases.close_case(work, case_id, "assistance-completed")
                        break

    def _note_received(self) -> None:
        """Note which cases are people whom others referred here; somebody takes each of them on."""
        for key, house in self.houses.items():
            with house.organisation.work() as work:
                found = referrals.list_referrals(work, limit=100).referrals
            received = {each.case_id for each in found if each.direction == "in" and each.case_id}
            for case_id in sorted(received):
                house.place(case_id)
            if key == SHELTER.key:
                self.lived.received = received


def live(
    organisations: Mapping[str, Organisation],
    people: Sequence[Person],
    clock: SetClock,
    now_is: datetime,
) -> Lived:
    """Live through the year that ends now."""
    with Neighbours.met(organisations, clock) as neighbours:
        return Year(neighbours, people).pass_by(now_is)


def _furnish(one: Organisation) -> House:
    with one.node.works.write(one.account(ADMINISTRATOR)) as work:
        for member in staff.members(one.part.key):
            wanted = NewAccount(
                member.name, member.called, frozenset({member.role}), one.make_secret(member.name)
            )
            create_account(work, wanted)
        site = create_site(work, f"House of {one.part.name.partition(',')[0]}")
        teams = tuple(create_team(work, site.id, name).id for name in staff.TEAMS)
    second = one.account(staff.account_of(one.part.key, "case-worker"))
    coordinator = one.account(staff.account_of(one.part.key, "coordinator"))
    return House(one, (one.worker, second), coordinator, site.id, teams)


def _own_people(key: str, year: int) -> list[Person]:
    everybody = synthetic_year(year, seed=f"a year at the {key}")
    return [one for one in everybody if not one.household and _is_of_age(one)][:_OTHERS]


def _texts(person: Person) -> list[str]:
    return knowledge.texts_of([value for content in person.record.values() for value in content.values()])


def _is_of_age(person: Person) -> bool:
    """Say whether somebody can be asked without a guardian, and is not the one whose journey follows."""
    if person.is_traveller or person.relation == "child":
        return False
    needs = person.record["services"].get("needs", [])
    return isinstance(needs, list) and not any(
        isinstance(need, dict) and need.get("service") in _CHILDRENS for need in needs
    )
