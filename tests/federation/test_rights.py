from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader
from tests.federation import excepting as exceptions
from tests.federation.endings import pass_time, record_of, refer_and_accept, withdraw
from tests.federation.neighbours import settle

from iars_node.audit import store as audit_store
from iars_node.audit.model import AuditFilter
from iars_node.cases import service as cases
from iars_node.consent.paper import print_receipt
from iars_node.errors import ConflictError, ForbiddenError, InvalidError
from iars_node.holds import service as holds
from iars_node.referrals import service as referrals
from iars_node.rights import exporting
from iars_node.rights import service as rights
from iars_node.web.access_reports import make_access_report, make_correction_notice
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.consent.receipt import Receipt
    from iars_protocol.record import Value

ZONE = ZoneInfo("Europe/Tirane")
RIGHT = {"identity": {"birth_date": "1998-05"}}
AUDITOR = Actor("account", "a" * 32, frozenset({"auditor"}))
DOCTOR = Actor("account", "b" * 32, frozenset({"medical"}))
OFFICER = Actor("account", "d" * 32, frozenset({"data-protection-officer"}))
WORKER = Actor("account", "c" * 32, frozenset({"case-worker"}))


def said(made: Receipt) -> str:
    return "\n".join([made.title, *(line for block in made.blocks for line in (block.heading, *block.lines))])


def report_of(side: Neighbour, case_id: str, actor: Actor = WORKER, **named: object) -> Receipt:
    with side.node.works.write(actor) as work:
        return make_access_report(work, case_id, ZONE, **named)  # type: ignore[arg-type]


async def test_who_has_not_the_right_makes_no_report_and_corrects_nothing(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    case = pair[0].open_case()
    with pair[0].node.works.write(AUDITOR) as work:
        for act in (
            lambda: rights.gather_report(work, case.id),
            lambda: rights.correct(work, case.id, RIGHT),
            lambda: rights.corrections_of_case(work, case.id),
            lambda: rights.mark_told(work, "0" * 32),
            lambda: rights.record_of_processing(work),
            lambda: rights.disclosure_log(work),
        ):
            with pytest.raises(ForbiddenError):
                act()
    with pair[0].node.works.write(DOCTOR) as work, pytest.raises(ForbiddenError):
        rights.correct(work, case.id, RIGHT)


async def test_the_report_says_what_is_held_who_learned_it_and_under_which_paper(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(*pair)
    made = report_of(shelter, given.case_id, wanted="en")
    text = said(made)
    number = given.id[:4].upper()
    assert "Ana" in text
    assert "She was promised work in a hotel." in text
    assert f"You agreed to it: paper {number}-" in text
    assert "Mission \N{EN DASH} What help you need" in text
    assert text.count("Mission \N{EN DASH}") == 2
    theirs = said(report_of(mission, mission.referral(sent.id).case_id, wanted="en"))
    assert "Who you are: told to us by Shelter, until" in theirs
    assert "hotel" not in theirs
    with shelter.node.works.read(SYSTEM) as work:
        found = audit_store.page(work.connection, AuditFilter(action="person.access-reported")).events
    assert [each.event.detail for each in found] == [{"cases": 1, "whole": 1, "drafts": 0, "language": "en"}]


async def test_the_report_holds_no_more_content_than_its_maker_may_read(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    case = pair[0].open_case()
    text = said(report_of(pair[0], case.id, OFFICER, wanted="en"))
    assert "Also held, and not printed here" in text
    for word in ("Ana", "hotel", "asthma", "lake"):
        assert word not in text
    with pair[0].node.works.write(OFFICER) as work:
        [of_case] = rights.gather_report(work, case.id).cases
    assert of_case.unprinted == ("identity", "exploitation", "medical", "safety")
    with pair[0].node.works.read(SYSTEM) as work:
        read = audit_store.page(
            work.connection, AuditFilter(case_id=case.id, action="case.scope-read")
        ).events
    assert read == []


async def test_the_report_of_a_person_is_of_all_their_cases_and_that_of_a_case_of_one(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter = pair[0]
    first = shelter.open_case()
    with shelter.node.works.write(SYSTEM) as work:
        second = cases.open_case(work, country="AL", person_id=first.person_id)
        third = cases.open_case(work, country="AL", record={"medical": {"conditions": ["fever"]}})
        cases.merge_persons(work, third.person_id, first.person_id)
    whole = said(report_of(shelter, second.id, wanted="en"))
    assert all(each.reference in whole for each in (first, second, third))
    only = said(report_of(shelter, second.id, whole_person=False, wanted="en"))
    assert first.reference not in only
    assert second.reference in only


@pytest.mark.parametrize("language", ["en", "fr", "ar", "ru", "sq"])
async def test_the_report_is_printed_in_the_language_of_the_person(
    pair: tuple[Neighbour, Neighbour], language: str
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(
        *pair, shelter.give_consent(shelter.open_case(), mission, notice_language=language)
    )
    withdraw(shelter, given)
    await settle(*pair)
    made = report_of(shelter, given.case_id)
    assert made.language == language
    printed = print_receipt(made)
    assert printed.startswith(b"%PDF")
    assert len(PdfReader(io.BytesIO(printed)).pages) >= 1
    assert sent.id


async def test_the_report_says_what_was_erased_here_and_stated_by_others(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(*pair)
    withdraw(shelter, given)
    await settle(*pair)
    locked = said(report_of(mission, mission.referral(sent.id).case_id, wanted="en"))
    assert "Closed. Nobody here may read it" in locked
    assert "asthma" not in locked
    pass_time(clock, timedelta(hours=49), *pair)
    await settle(*pair)
    here = said(report_of(shelter, given.case_id, wanted="en"))
    assert "What others say that they have erased" in here
    assert "Mission \N{EN DASH} Your health: erased" in here
    there = said(report_of(mission, mission.referral(sent.id).case_id, wanted="en"))
    assert "What we have erased" in there
    assert "Erased. Nobody can read it any more." in there


async def test_a_correction_amends_the_recipients_copy_and_sends_nothing_else(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(*pair)
    with shelter.node.works.write(SYSTEM) as work:
        cases.write_scope(work, given.case_id, "identity", {"given_name": "Anna"}, country="AL")
        made = rights.correct(work, given.case_id, RIGHT)
    assert [(each.outcome, each.fields, each.node) for each in made.told] == [
        ("amended", ("identity.birth_date",), mission.id.hex())
    ]
    await settle(*pair)
    theirs = record_of(mission, sent.id)["identity"]
    assert (theirs["birth_date"], theirs["given_name"]) == ("1998-05", "Ana")
    with shelter.node.works.read(SYSTEM) as work:
        found = audit_store.page(work.connection, AuditFilter(case_id=given.case_id)).events
    assert {"person.corrected", "referral.amended", "case.changed"} <= {each.event.action for each in found}
    # With its dash: four digits alone can stand in any id.
    assert "1998-05" not in str(found)


async def test_what_the_recipient_does_not_hold_is_sent_to_nobody(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, _ = pair
    _sent, given = await refer_and_accept(*pair)
    with shelter.node.works.write(SYSTEM) as work:
        made = rights.correct(work, given.case_id, {"safety": {"risk": "low"}})
        assert made.told == ()
        with pytest.raises(ConflictError):
            rights.correct(work, given.case_id, {"safety": {"risk": "low"}})
        with pytest.raises(InvalidError):
            rights.correct(work, given.case_id, {})


async def test_a_referral_not_yet_accepted_is_corrected_in_what_was_offered_alone(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(*pair)
    with shelter.node.works.write(SYSTEM) as work:
        assert rights.correct(work, case.id, RIGHT).told == ()
        [told] = rights.correct(work, case.id, {"services": {"constraints": ["a lift"]}}).told
    assert told.outcome == "amended"


async def test_who_has_closed_the_referral_becomes_a_task_with_a_notice(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(*pair)
    mission.act(referrals.begin, sent.id)
    mission.act(referrals.complete, sent.id)
    await settle(*pair)
    with shelter.node.works.write(SYSTEM) as work:
        [told] = rights.correct(work, given.case_id, RIGHT).told
        assert (told.outcome, told.reason, told.is_open) == ("to-tell", "referral-closed", True)
        assert [each.id for each in rights.still_to_tell(work, 10)] == [told.id]
        notice = make_correction_notice(work, told.id, ZONE, "en")
        assert sent.reference in said(notice)
        assert "1998" in said(notice)
        assert print_receipt(notice).startswith(b"%PDF")
        rights.mark_told(work, told.id)
        assert rights.still_to_tell(work, 10) == []
        with pytest.raises(ConflictError):
            rights.mark_told(work, told.id)
        [made] = rights.corrections_of_case(work, given.case_id)
    assert made.told[0].done_at is not None


async def test_an_entry_that_is_taken_away_is_told_by_other_means(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(*pair)
    both: dict[str, dict[str, Value | None]] = {
        "medical": {"conditions": None},
        "identity": {"family_name": "Muntean"},
    }
    with shelter.node.works.write(SYSTEM) as work:
        told = {each.reason: each.fields for each in rights.correct(work, given.case_id, both).told}
    assert told == {"field-removed": ("medical.conditions",), "": ("identity.family_name",)}
    await settle(*pair)
    assert record_of(mission, sent.id)["identity"]["family_name"] == "Muntean"


async def test_after_the_agreement_ended_nothing_is_sent_and_the_notice_names_no_value(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, _mission = pair
    _sent, given = await refer_and_accept(*pair)
    withdraw(shelter, given)
    await settle(*pair)
    with shelter.node.works.write(SYSTEM) as work:
        [told] = rights.correct(work, given.case_id, RIGHT).told
        assert (told.outcome, told.reason) == ("to-tell", "grant-ended")
        assert "1998" not in said(make_correction_notice(work, told.id, ZONE, "en"))


async def test_a_recipient_that_erased_it_is_not_told_of_a_correction(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, _mission = pair
    _sent, given = await refer_and_accept(*pair)
    withdraw(shelter, given)
    await settle(*pair)
    pass_time(clock, timedelta(hours=49), *pair)
    await settle(*pair)
    with shelter.node.works.write(SYSTEM) as work:
        assert rights.correct(work, given.case_id, RIGHT).told == ()


async def test_a_legal_hold_stops_the_destruction_after_the_end_and_its_ground_is_stated(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    short = clock.moment + timedelta(hours=3)
    sent, given = await refer_and_accept(
        *pair, shelter.give_consent(shelter.open_case(), mission, expires=short)
    )
    case_id = mission.referral(sent.id).case_id
    with mission.node.works.write(OFFICER) as work:
        hold = holds.set_hold(
            work, case_id, ground="judicial-order", reason="Order 12/26",
            until=work.now + timedelta(days=100), scopes=["medical"],
        )  # fmt: skip
    pass_time(clock, timedelta(hours=4), *pair)
    pass_time(clock, timedelta(days=14), *pair)
    await settle(*pair)
    with mission.node.works.read(SYSTEM) as work:
        documents = {each.scope: each.closed for each in cases.erased_or_locked(work, case_id)}
    assert documents["medical"] == "locked"
    assert documents["identity"] == "erased"
    with shelter.node.works.read(SYSTEM) as work:
        [report] = withdrawals.reports_of_case(work, given.case_id)
    stated = {each.scope: (each.outcome, each.ground) for each in report.outcomes}
    assert stated["medical"] == ("retained", "judicial-order")
    assert stated["identity"] == ("erased", "")
    with mission.node.works.write(OFFICER) as work:
        holds.lift_hold(work, hold.id)
    mission.run_jobs()
    await settle(*pair)
    with mission.node.works.read(SYSTEM) as work:
        documents = {each.scope: each.closed for each in cases.erased_or_locked(work, case_id)}
    assert documents["medical"] == "erased"


async def test_the_record_of_processing_and_the_log_are_made_from_what_was_shared(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(*pair)
    with shelter.node.works.write(OFFICER) as work:
        record = exporting.processing_as_plain(work)
        log = exporting.disclosures_as_plain(work)
        before = exporting.disclosures_as_plain(work, until=work.now - timedelta(days=1))
    assert record["controller"]["name"] == "Shelter"
    shared = {(each["purpose"], each["organisation"], each["standing"]) for each in record["activities"]}
    assert shared == {("assistance", "Mission", 1), ("return", "Mission", 1)}
    held = {each["scope"]: each["own_cases"] for each in record["categories"]}
    assert held["medical"] == 1
    assert [(each["action"], each["organisation"], each["basis"]) for each in log] == [
        ("offered", "Mission", "consent"),
        ("disclosed", "Mission", "consent"),
    ]
    assert {each["consent"][:4] for each in log} == {given.id[:4].upper()}
    assert before == []
    text = json.dumps([record, log])
    assert all(word not in text for word in ("Ana", "Munteanu", "asthma"))
    with mission.node.works.write(OFFICER) as work:
        theirs = exporting.processing_as_plain(work)
    assert {each["direction"] for each in theirs["activities"]} == {"in"}


async def test_the_spreadsheets_hold_no_formula(
    pair: tuple[Neighbour, Neighbour], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, _mission = pair
    await refer_and_accept(*pair)
    monkeypatch.setattr("iars_node.peers.model.Peer.name", lambda *_names: "=HYPERLINK(1)")
    monkeypatch.setattr("iars_protocol.listing.Listing.name", lambda *_names: "+1")
    with shelter.node.works.write(OFFICER) as work:
        books = (exporting.processing_as_workbook(work), exporting.disclosures_as_workbook(work))
        exported = audit_store.page(work.connection, AuditFilter(action="processing.exported")).events
    assert len(exported) == 2
    cells = []
    for book in books:
        for sheet in load_workbook(io.BytesIO(book), read_only=True).worksheets:
            cells += [cell for row in sheet.iter_rows(values_only=True) for cell in row if cell is not None]
    assert "'=HYPERLINK(1)" in cells
    assert "'+1" in cells
    assert not [cell for cell in cells if isinstance(cell, str) and cell[:1] in "=+-@"]


async def test_who_learned_something_without_consent_is_said_with_the_ground(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    kept = exceptions.record(shelter, case, mission, is_emergency=True)
    exceptions.refer(shelter, kept, mission)
    text = said(report_of(shelter, case.id, wanted="en"))
    assert "You were not asked: a life was in danger." in text
    with shelter.node.works.write(OFFICER) as work:
        assert [each["basis"] for each in exporting.disclosures_as_plain(work)] == ["vital-interest"]
