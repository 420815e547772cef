"""The synthetic year: 140 invented people, 15 Albanians among them, as a shelter in Tirana records them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iars_admin.demo.draw import Draw
from iars_admin.demo.origins import Origin, origins
from iars_admin.demo.record import record_of
from iars_admin.demo.traveller import traveller_record
from iars_admin.demo.writer import HOME, Sketch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iars_protocol.record import Record


PEOPLE = 140
NATIONALS = 15
SEED = "a year in Tirana"
TRAVELLER_FROM = "RU"

_STAGES = {
    "identified": 10, "sheltered": 24, "screened": 20, "documented": 14, "travel-arranged": 9,
    "departed": 12, "received": 4, "resettled": 10, "follow-up": 12,
}  # fmt: skip
_ARRIVED_LATELY = "sheltered"
_RELATIONS = {"mother": "head", "child": "child"}


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person as a row of the shelter's spreadsheet. `household` is the mother's file number."""

    file_number: str
    stage: str
    household: str
    relation: str
    is_traveller: bool
    record: Record = field(repr=False)


@dataclass(slots=True)
class _Names:
    """Names given so far: nobody has another's."""

    taken: set[str] = field(default_factory=set)

    def draw(self, draw: Draw, origin: Origin, *, is_woman: bool, family: str = "") -> tuple[str, str]:
        """Return a given and a family name that nobody else has."""
        given_names = origin.women if is_woman else origin.others
        everyone = draw.shuffled([(given, one) for given in given_names for one in origin.families])
        # A child bears the mother's name; the others bear any.
        for given, other in everyone:
            name = f"{given} {family or other}"
            if name not in self.taken:
                self.taken.add(name)
                return given, family or other
        raise AssertionError(origin.code)


def synthetic_year(year: int, seed: str = SEED) -> list[Person]:
    """Return the people of a year. The same year and seed return the same people."""
    draw = Draw(f"{seed}/{year}")
    names = _Names()
    groups = [group for origin in origins() for group in _groups(draw.branch(origin.code), origin, names)]
    traveller = next(group[0] for group in groups if _can_travel(group))
    people: list[Person] = []
    for group in draw.shuffled(groups):
        first = _file_number(year, len(people))
        stage = _ARRIVED_LATELY if group[0] is traveller else draw.branch(first).weighted(_STAGES)
        for sketch in group:
            number = _file_number(year, len(people))
            if sketch is traveller:
                people.append(Person(number, stage, "", "", True, traveller_record(year)))
            else:
                record = record_of(draw.branch(number), sketch, number, stage, year)
                relation = _RELATIONS.get(sketch.role, "")
                people.append(Person(number, stage, first if relation else "", relation, False, record))
    return people


def _can_travel(group: list[Sketch]) -> bool:
    first = group[0]
    return len(group) == 1 and first.origin.code == TRAVELLER_FROM and first.gender == "Feminine"


def _file_number(year: int, before: int) -> str:
    return f"TIR-{year}-{before + 1:03}"


def _groups(draw: Draw, origin: Origin, names: _Names) -> Iterator[list[Sketch]]:
    """Yield those who are one household together, and everybody else alone."""
    left = origin.people
    for number, children in enumerate(origin.households):
        yield _household(draw.branch(f"household {number}"), origin, names, children)
        left -= 1 + children
    for number in range(left):
        role = "alone" if number < origin.alone else "adult"
        yield [_single(draw.branch(f"{role} {number}"), origin, names, role)]


def _household(draw: Draw, origin: Origin, names: _Names, children: int) -> list[Sketch]:
    given, family = names.draw(draw, origin, is_woman=True)
    mother = Sketch(
        origin,
        "mother",
        "Feminine",
        draw.number(22 + 2 * children, 41),
        given,
        family,
        children,
        _there(draw, origin),
    )
    found = [mother]
    for _ in range(children):
        is_girl = draw.chance(50)
        child, _family = names.draw(draw, origin, is_woman=is_girl, family=family)
        gender = "Feminine" if is_girl else "Masculine"
        age = draw.number(1, min(13, mother.age - 19))
        found.append(Sketch(origin, "child", gender, age, child, family, 0, mother.there))
    return found


def _single(draw: Draw, origin: Origin, names: _Names, role: str) -> Sketch:
    is_man = draw.chance(60 if role == "alone" else origin.men)
    given, family = names.draw(draw, origin, is_woman=not is_man)
    age = draw.number(12, 17) if role == "alone" else _adult_age(draw)
    children = draw.number(1, 3) if role == "adult" and draw.chance(30) else 0
    return Sketch(
        origin, role, _gender(draw, is_man=is_man), age, given, family, children, _there(draw, origin)
    )


def _gender(draw: Draw, *, is_man: bool) -> str:
    if draw.chance(3):
        return "NonSpecifiedUnknown" if is_man else "TransgenderFeminine"
    return "Masculine" if is_man else "Feminine"


def _adult_age(draw: Draw) -> int:
    low, high = draw.one([(18, 20), (18, 23), (21, 26), (21, 29), (24, 29), (27, 38), (30, 47), (39, 58)])
    return draw.number(low, high)


def _there(draw: Draw, origin: Origin) -> str:
    if origin.code == HOME:
        return draw.one(("Bari", "Thessaloniki", "Lyon", "Antwerp", "Athens", "Brescia"))
    return draw.one(
        ("Durrës", "Vlorë", "Fier", "Tirana", "Sarandë", "Shkodër", "Korçë", "Gjirokastër", "Lezhë")
    )
