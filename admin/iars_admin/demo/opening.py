"""The shelter's year: written as a spreadsheet, imported, counted, its households linked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from iars_admin.demo.cast import SHELTER
from iars_admin.demo.people import NATIONALS, PEOPLE, Person
from iars_admin.demo.traveller import AGE, CALLED
from iars_admin.demo.workbook import write_workbook
from iars_node.cases import service as cases
from iars_node.cases.service import search_cases

if TYPE_CHECKING:
    from pathlib import Path

    from iars_admin.demo.organisation import Organisation
    from iars_admin.demo.scene import Scene
    from iars_node.work import Work

PAGE = 100


def import_year(scene: Scene, folder: Path, people: list[Person]) -> str:
    """Import the year into the shelter's node, if it was not lived through; return the traveller's case."""
    shelter = scene.organisations[SHELTER.key]
    scene.teller.chapter("The shelter's year")
    if scene.lived is None:
        _import(scene, shelter, folder, people)
    _count(scene, shelter)
    traveller = next(person for person in people if person.is_traveller)
    return _link(scene, shelter, people, traveller)


def _import(scene: Scene, shelter: Organisation, folder: Path, people: list[Person]) -> None:
    file = folder / "cases.xlsx"
    write_workbook(people, file)
    scene.teller.say(f"{len(people)} invented people stand in {file.name}, in the import's own template.")
    report = shelter.iars("case", "import", str(file), account=shelter.part.worker)
    # What the template says of itself: it is deleted once its rows are imported.
    file.unlink()
    scene.check(
        "import",
        holds=report["written"] and report["created"] == len(people) and not report["faults"],
        otherwise="The spreadsheet was not imported whole.",
    )
    scene.teller.say(f"The import opened {report['created']} cases without a fault; the file is deleted.")


def _count(scene: Scene, shelter: Organisation) -> None:
    tracks: Counter[str] = Counter()
    filled: Counter[str] = Counter()
    received = scene.lived.received if scene.lived else set()
    with shelter.work() as work:
        for case_id in _every_case(work):
            if case_id in received:
                continue
            record = cases.snapshot(work, case_id)
            tracks[str(record["demographics"].get("track"))] += 1
            filled.update(record.keys())
    third, nationals = tracks["third-country"], tracks["national"]
    scene.counts |= {"people": third + nationals, "third_country": third, "nationals": nationals}
    scene.counts |= {"scopes": len(filled)}
    scene.check(
        "counts",
        holds=(third, nationals) == (PEOPLE - NATIONALS, NATIONALS) and tracks.total() == PEOPLE,
        otherwise=f"The node counts {third} third-country nationals and {nationals} Albanians.",
    )
    scene.teller.say(
        f"Counted from the node: {third + nationals} people, {third} third-country nationals and {nationals} "
        f"Albanians, with content in {len(filled)} scopes."
    )


def _every_case(work: Work) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = cases.list_cases(work, cursor=cursor, limit=PAGE)
        found += [one.case.id for one in page.found]
        cursor = page.cursor
        if cursor is None:
            return found


def _link(scene: Scene, shelter: Organisation, people: list[Person], traveller: Person) -> str:
    households: dict[str, list[Person]] = {}
    for person in people:
        if person.household:
            households.setdefault(person.household, []).append(person)
    with shelter.work() as work:
        for members in households.values():
            household = cases.open_household(work)
            for person in members:
                head = _case_of(work, person.file_number)
                person_id = cases.case_head(work, head).person_id
                cases.link_household(work, household, person_id, person.relation, reason="told")
        case_id = _case_of(work, traveller.file_number)
        reference = cases.case_head(work, case_id).reference
    scene.counts |= {"households": len(households)}
    scene.teller.say(f"{len(households)} mothers with their children are linked as households.")
    scene.teller.say(f"One of the cases is {reference}: {CALLED}, {AGE}, from Kostroma. Her journey follows.")
    return case_id


def _case_of(work: Work, file_number: str) -> str:
    page = search_cases(work, file_number, country=SHELTER.country)
    return page.found[0].case.id
