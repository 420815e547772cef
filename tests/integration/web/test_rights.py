from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.federation.neighbours import settle
from tests.pages import Reader, World, add_account, everybodys_hash, words

from iars_node.accounts import store as account_store
from iars_node.drafts import service as drafts
from iars_node.rights.service import gather_report
from iars_node.work import SYSTEM, Actor, AssignmentRule

if TYPE_CHECKING:
    from iars_node.cases.model import Case

REASON = "She stands at the door and her worker is away"


def enter(world: World, name: str, role: str) -> Reader:
    add_account(world.shelter, name, name.title(), role, everybodys_hash())
    return Reader(world.shelter).enter(name)


def opened_by(reader: Reader) -> str:
    reader.get("/cases/new")
    made = reader.post("/cases/new", {"identity.alias": "Blue bird", "identity.given_name": "Elira"})
    return made.headers["location"].split("?")[0]


def test_a_colleague_is_asked_why_and_the_owner_and_supervisor_see_it(world: World, besa: Reader) -> None:
    world.shelter.node.works.assignment = AssignmentRule(is_on=True)
    path = opened_by(besa)
    colleague = enter(world, "drita", "case-worker")
    page = colleague.get(path)
    assert "Elira" not in page.text
    assert "This case is not assigned to you" in page.text
    redirect = colleague.get(f"{path}/scopes/identity")
    assert (redirect.status_code, redirect.headers["location"]) == (303, f"{path}/look")
    colleague.get(f"{path}/look")
    assert colleague.post(f"{path}/look", {"reason": "x"}).status_code == 422
    assert colleague.post(f"{path}/look", {"reason": REASON}).status_code == 303
    assert "Elira" in colleague.get(path).text
    assert "/looks" not in colleague.get("/").text
    for reader in (besa, enter(world, "sara", "supervisor")):
        assert "/looks" in reader.get("/").text
        looks = reader.get("/looks")
        assert REASON in looks.text
        assert "Elira" not in looks.text
        action = re.search(r'action="(/looks/[0-9a-f]{32}/seen)"', looks.text)
        assert action
        assert reader.post(action[1]).status_code == 303
        assert REASON not in reader.get("/looks").text


async def test_a_part_is_corrected_everywhere_and_who_can_not_be_sent_it_is_a_task(
    world: World, besa: Reader
) -> None:
    case, _given, _sent = world.referral()
    await settle(world.shelter, world.mission)
    path = f"/cases/{case.id}/scopes/services"
    version = re.search(r'name="version" value="(\d+)"', besa.get(path).text)
    assert version
    kept = {"version": version[1], "correct": "yes", "services.needs.0.service": "MED-SCREEN",
            "services.needs.0.priority": "urgent"}  # fmt: skip
    same = {**kept, "services.constraints": "female staff"}
    assert "says this already" in besa.post(path, same).text
    answer = besa.post(path, kept)
    assert answer.headers["location"] == f"/cases/{case.id}/corrections?done=corrected"
    page = besa.get(f"/cases/{case.id}/corrections")
    assert "Tell them by other means" in page.text
    assert f"/cases/{case.id}/corrections" in besa.get("/").text
    notice = re.search(r'href="(/corrections/[0-9a-f]{32}/notice)"', page.text)
    assert notice
    assert "Ju lutemi hiqni nga dosja juaj" in words(besa.get(notice[1]).text)
    assert besa.get(f"{notice[1]}.pdf").content.startswith(b"%PDF")
    besa.get(f"/cases/{case.id}/corrections")
    assert besa.post(notice[1].replace("/notice", "/told")).status_code == 303
    assert "Tell them by other means" not in besa.get(f"/cases/{case.id}/corrections").text
    assert besa.post(path, kept).status_code == 422


def test_the_report_is_a_page_and_a_pdf(world: World, besa: Reader) -> None:
    case = world.shelter.open_case()
    page = besa.get(f"/cases/{case.id}/access-report")
    assert "Munteanu" in page.text
    assert besa.get(f"/cases/{case.id}/access-report.pdf?only=1").content.startswith(b"%PDF")


def test_who_answers_for_data_protection_reads_sets_and_holds(world: World) -> None:
    case: Case = world.referral()[0]
    officer = enter(world, "dora", "data-protection-officer")
    assert "Mission" in officer.get("/processing").text
    for name in ("record.xlsx", "record.json", "disclosures.xlsx", "disclosures.json"):
        assert officer.get(f"/processing/{name}").status_code == 200
    officer.get("/retention")
    faulty = officer.post("/retention", {"scope": "", "days": "soon"})
    assert faulty.status_code == 422
    assert officer.post("/retention", {"scope": "medical", "days": "0"}).status_code == 422
    assert officer.post("/retention", {"scope": "medical", "days": "1825"}).status_code == 303
    assert "1825" in officer.get("/retention").text
    gone = officer.post("/retention", {"scope": "medical", "remove": "yes"})
    assert gone.status_code == 303
    path = f"/cases/{case.id}/holds"
    officer.get(path)
    assert officer.post(path, {"until": "2020-01-01"}).status_code == 422
    held = {"ground": "judicial-order", "reason": "Order 12/26", "until": "2030-01-01", "scopes": "medical"}
    assert officer.post(path, held).status_code == 303
    page = officer.get(path)
    lift = re.search(r'action="(/holds/[0-9a-f]{32}/lift)"', page.text)
    assert lift
    assert "Order 12/26" in page.text
    assert case.reference in officer.get("/retention").text
    assert officer.post(lift[1]).status_code == 303
    assert "/lift" not in officer.get(path).text


def test_the_report_tells_what_was_begun_of_the_person_within_what_its_maker_reads(
    world: World, besa: Reader
) -> None:
    case = world.shelter.open_case({"identity": {"given_name": "Ana", "document_number": "AB 123"}})
    add_account(world.shelter, "drita", "Drita", "case-worker", everybodys_hash())
    with world.shelter.node.works.read(SYSTEM) as work:
        account = account_store.account_by_name(work.connection, "drita")
    assert account
    with world.shelter.node.works.write(account.actor) as work:
        content = {"identity.alias": ["Second bird"], "identity.document_number": ["ab-123"]}
        drafts.begin(work, "intake", content)
        drafts.begin(work, "case", {"identity.alias": ["Another bird"], "identity.given_name": ["Ana"]})
    page = words(besa.get(f"/cases/{case.id}/access-report").text)
    assert "ende jo një dosje" in page
    assert "Second bird" in page
    assert "Another bird" not in page
    assert besa.get(f"/cases/{case.id}/access-report.pdf").content.startswith(b"%PDF")
    actions = frozenset({"person.report", "case.read", "consent.read"})
    machine = Actor("token", "0" * 32, actions=actions, scopes=frozenset({"services"}))
    with world.shelter.node.works.write(machine) as work:
        [told] = gather_report(work, case.id).unfinished
        assert told.fields == {}
        assert gather_report(work, case.id, whole_person=False).unfinished == ()
