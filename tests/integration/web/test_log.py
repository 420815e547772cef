"""The log's page: for auditors and administrators, narrowed by codes, ids and days."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from tests.audit_guard import lift_the_guard
from tests.federation.neighbours import settle
from tests.pages import Reader, World, add_account, everybodys_hash, words

from iars_node.audit.service import record
from iars_node.cases import service as cases
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.clock import SetClock


@pytest.fixture
def auditor(world: World) -> Reader:
    add_account(world.shelter, "drita", "Drita Leka", "auditor", everybodys_hash())
    return Reader(world.shelter).enter("drita")


def test_nobody_reads_the_log_without_signing_in_and_without_the_right(world: World) -> None:
    stranger = Reader(world.shelter)
    assert stranger.get("/log").headers["location"].startswith("/sign-in")
    assert stranger.post("/log", {"kind": "case"}).status_code in {303, 403}
    for name in ("besa", "ilir", "mira"):
        reader = Reader(world.shelter).enter(name)
        assert reader.get("/log").status_code == 403
        assert reader.post("/log", {"kind": "case"}).status_code == 403
        assert 'href="/log"' not in reader.get("/").text
    assert Reader(world.shelter).enter("arta").get("/log").status_code == 200


async def test_an_auditor_sees_the_newest_first_and_reading_is_an_event_too(
    world: World, auditor: Reader
) -> None:
    world.referral()
    await settle(world.shelter, world.mission)
    auditor.get("/log")
    said = words(auditor.get("/log").text)
    assert said.index("audit.read") < said.index("referral.offered") < said.index("case.opened")
    assert "Drita Leka" in said
    assert "Munteanu" not in said
    assert 'href="/log"' in auditor.get("/log").text


async def test_the_log_is_narrowed_by_kind_organisation_person_and_days(
    world: World, auditor: Reader, clock: SetClock
) -> None:
    case, _given, _sent = world.referral()
    other = world.shelter.open_case()
    await settle(world.shelter, world.mission)

    def found(**typed: str) -> str:
        answer = auditor.post("/log", typed)
        assert answer.status_code == 303
        assert "K-" not in answer.headers["location"]
        return words(auditor.get(answer.headers["location"]).text).partition("Parts of the record ")[2]

    assert "referral.offered" not in found(kind="consent")
    assert "consent.given" in found(kind="consent")
    with_mission = found(peer=world.mission.id.hex())
    assert "referral.offered" in with_mission
    assert "case.opened" not in with_mission
    of_person = found(person=case.reference)
    assert "consent.given" in of_person
    assert of_person.count("case.opened") == 1
    assert "consent.given" not in found(person=other.reference.lower())
    clock.moment += timedelta(days=2)
    with world.shelter.node.works.write(SYSTEM) as work:
        cases.close_case(work, other.id, "assistance-completed")
    auditor.enter("drita")
    today, before = (clock.moment - timedelta(days=days) for days in (0, 2))
    assert "consent.given" not in found(kind="consent", since=f"{today:%Y-%m-%d}")
    assert "case.closed" in found(kind="case", since=f"{today:%Y-%m-%d}")
    assert "case.closed" not in found(kind="case", until=f"{before:%Y-%m-%d}")
    assert "case.opened" in found(kind="case", until=f"{before:%Y-%m-%d}")


async def test_the_log_is_narrowed_to_a_single_action_by_its_words(world: World, auditor: Reader) -> None:
    world.referral()
    await settle(world.shelter, world.mission)
    with world.shelter.node.works.write(SYSTEM) as work:
        record(work, "referral.listed")
    page = auditor.get("/log").text
    group = page.partition('<optgroup label="Referral">')[2].partition("</optgroup>")[0]
    assert '<option value="referral.offered">Sent a referral</option>' in group
    assert 'value="consent.given"' not in group
    answer = auditor.post("/log", {"kind": "referral.offered"})
    assert answer.headers["location"] == "/log?kind=referral.offered"
    narrowed = auditor.get("/log?kind=referral.offered").text
    assert '<option value="referral.offered" selected>' in narrowed
    assert codes(narrowed) == {"referral.offered"}
    assert codes(auditor.get("/log?kind=referral").text) == {"referral.offered", "referral.listed"}


def test_an_action_is_not_taken_for_another_that_begins_like_it(world: World, auditor: Reader) -> None:
    case = world.shelter.open_case()
    with world.shelter.node.works.write(SYSTEM) as work:
        record(work, "case.opened-unassigned", case_id=case.id)
    assert codes(auditor.get("/log?kind=case.opened").text) == {"case.opened"}
    assert codes(auditor.get("/log?kind=case.opened-unassigned").text) == {"case.opened-unassigned"}


@pytest.mark.parametrize(
    ("code", "said"), [("en", "Opened the case"), ("fr", "A ouvert le dossier"), ("ar", "فُتح الملف")]
)
def test_an_event_is_said_in_the_readers_words_and_its_code_stands_beside_them(
    world: World, auditor: Reader, code: str, said: str
) -> None:
    world.shelter.open_case()
    auditor.post("/language", {"language": code, "next": "/"})
    assert f'{said} <bdi class="code" dir="ltr">case.opened</bdi>' in auditor.get("/log").text


def test_what_can_not_be_looked_for_is_said_beside_its_field(world: World, auditor: Reader) -> None:
    world.referral()
    auditor.get("/log")
    said = words(auditor.post("/log", {"person": "Ana Munteanu", "since": "yesterday"}).text)
    assert "There is no person or case of this reference." in said
    assert "Write a day." in said
    for path in ("/log?kind=junk&peer=junk&since=junk&from=junk", "/log?from=99999999999999999999"):
        assert auditor.get(path).status_code == 200
    assert auditor.get("/log?person=junk").status_code == 404


def test_older_events_are_on_the_next_page(world: World, auditor: Reader) -> None:
    for _ in range(60):
        world.shelter.open_case()
    first = auditor.get("/log?kind=case").text
    assert "kind=case&amp;from=" in first
    older = first.partition("kind=case&amp;from=")[2].partition('"')[0]
    assert "case.opened" in words(auditor.get(f"/log?from={older}").text)


def test_an_event_that_somebody_has_changed_is_shown_as_it_is(world: World, auditor: Reader) -> None:
    world.shelter.open_case()
    with world.shelter.node.database.write() as connection:
        lift_the_guard(connection)
        connection.execute(text("UPDATE audit_event SET action = 'unheard.of' WHERE action = 'case.opened'"))
    answer = auditor.get("/log")
    assert answer.status_code == 200
    assert "unheard.of" in words(answer.text)
    assert "By itself" in words(answer.text)


def codes(page: str) -> set[str]:
    """Return the codes of the events that a page shows."""
    return set(re.findall(r'<bdi class="code" dir="ltr">([^<]+)</bdi>', page))
