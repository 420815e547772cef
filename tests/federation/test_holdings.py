"""Who holds what when several referrals rest on one consent: a statement speaks of what it was made about."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader
from tests.federation.chain import case_of, pass_on, passed_to_mission
from tests.federation.endings import CASE_WORKER, HOLD, pass_time, record_of, shown, withdraw
from tests.federation.neighbours import PERSON, settle
from tests.pages import Reader, add_account, everybodys_hash, words

from iars_node.consent.paper import print_receipt
from iars_node.referrals import service as referrals
from iars_node.rights import service as rights
from iars_node.web.access_reports import make_access_report
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.federation.chain import Chain
    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent
    from iars_node.consent.receipt import Receipt
    from iars_node.referrals.model import Referral
    from iars_node.withdrawals.service.matrix import Row

    Pair = tuple[Neighbour, Neighbour]

ZONE = ZoneInfo("Europe/Tirane")
SCOPES = ("services", "identity")
ENDED = ("rejected", "cancelled")
MINUTE = timedelta(minutes=1)


def rows(side: Neighbour, case_id: str) -> list[Row]:
    with side.node.works.read(SYSTEM) as work:
        return list(withdrawals.matrix_of_case(work, case_id).rows)


def states(side: Neighbour, case_id: str) -> list[dict[str, str]]:
    return [{cell.scope: cell.state for cell in row.cells} for row in rows(side, case_id)]


def reader(side: Neighbour) -> Reader:
    add_account(side, "besa", "Besa Dema", "case-worker", everybodys_hash())
    return Reader(side).enter()


def access_report(side: Neighbour, case_id: str) -> Receipt:
    with side.node.works.write(CASE_WORKER) as work:
        return make_access_report(work, case_id, ZONE, wanted="en")


def printed(made: Receipt) -> str:
    pages = PdfReader(io.BytesIO(print_receipt(made))).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages)


def stated_in(made: Receipt) -> list[str]:
    return [
        line for block in made.blocks if block.heading.startswith("What others say") for line in block.lines
    ]


async def two_of_one_consent(
    pair: Pair, clock: SetClock, ended: str, second: str = "MED-CARE"
) -> tuple[Consent, Referral, Referral]:
    """Refer a person twice under one consent; the first is accepted, the second ends before that."""
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission, scopes=SCOPES, feedback=())
    accepted = shelter.refer(case, given, mission)
    await settle(*pair)
    mission.act(referrals.accept, accepted.id)
    await settle(*pair)
    clock.moment += MINUTE
    over = shelter.refer(case, given, mission, service=second)
    await settle(*pair)
    clock.moment += MINUTE
    if ended == "rejected":
        mission.act(referrals.reject, over.id, "no-capacity")
    else:
        shelter.act(referrals.cancel, over.id, "no-longer-needed")
    await settle(*pair)
    clock.moment += MINUTE
    pass_time(clock, timedelta(hours=1), mission)
    await settle(*pair)
    return given, accepted, over


@pytest.mark.parametrize("ended", ENDED)
async def test_what_came_with_a_referral_that_was_accepted_is_held_when_another_one_is_erased(
    pair: Pair, clock: SetClock, ended: str
) -> None:
    shelter, mission = pair
    given, accepted, over = await two_of_one_consent(pair, clock, ended)
    with shelter.node.works.read(SYSTEM) as work:
        [report] = withdrawals.reports_of_case(work, given.case_id)
    assert (report.cause, report.referral_id) == ("not-accepted", over.id)
    # The recipient keeps what came with the one that it accepted, and nothing of the other one.
    assert shown(mission, over.id) == set()
    assert shown(mission, accepted.id) == set(SCOPES)
    assert record_of(mission, accepted.id)["identity"]["given_name"] == "Ana"
    # So says the sender.
    [row] = rows(shelter, given.case_id)
    assert row.state == "held"
    assert {cell.scope: cell.state for cell in row.cells} == dict.fromkeys(SCOPES, "held")
    assert {cell.stated_at for cell in row.cells} == {None}
    assert all(cell.since == accepted.created_at for cell in row.cells)
    besa = reader(shelter)
    page = words(besa.get(f"/cases/{given.case_id}/sharing").text)
    assert page.count("They hold it") == 1 + len(SCOPES)
    assert "They state" not in page
    # The statement itself is shown as what it is: one about one referral.
    stated = words(besa.get(f"/cases/{given.case_id}/erasures").text)
    assert stated.count("only about what came with one referral") == 1


@pytest.mark.parametrize("ended", ENDED)
async def test_a_person_is_told_that_a_part_is_erased_and_the_rest_is_still_there(
    pair: Pair, clock: SetClock, ended: str
) -> None:
    shelter = pair[0]
    given, _accepted, _over = await two_of_one_consent(pair, clock, ended)
    made = access_report(shelter, given.case_id)
    lines = stated_in(made)
    assert lines
    assert all(line.endswith("some of it erased, and they still have the rest") for line in lines)
    assert "they still have the rest" in printed(made)
    with shelter.node.works.write(CASE_WORKER) as work:
        [of_case] = rights.gather_report(work, given.case_id).cases
    assert list(of_case.still_held.values()) == [frozenset(SCOPES)]


@pytest.mark.parametrize("ended", ENDED)
async def test_a_withdrawal_reaches_what_every_referral_brought_and_then_all_of_it_is_erased(
    pair: Pair, clock: SetClock, ended: str
) -> None:
    shelter, mission = pair
    given, accepted, over = await two_of_one_consent(pair, clock, ended)
    clock.moment += MINUTE
    withdraw(shelter, given)
    assert states(shelter, given.case_id) == [dict.fromkeys(SCOPES, "asked")]
    await settle(*pair)
    assert shown(mission, accepted.id) == shown(mission, over.id) == set()
    pass_time(clock, HOLD + timedelta(hours=1), mission)
    await settle(*pair)
    assert not any(record_of(mission, accepted.id).values())
    assert states(shelter, given.case_id) == [dict.fromkeys(SCOPES, "erased")]
    page = words(reader(shelter).get(f"/cases/{given.case_id}/sharing").text)
    assert page.count("They state that it is erased") == 1 + len(SCOPES)
    assert "They hold it" not in page
    lines = stated_in(access_report(shelter, given.case_id))
    assert all(line.endswith(": erased") for line in lines)
    assert {line.partition("\N{EN DASH} ")[2] for line in lines} >= {
        "Who you are: erased",
        "What help you need: erased",
    }


async def test_what_was_erased_for_one_purpose_is_held_for_the_other_and_is_corrected_there(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission, scopes=SCOPES, feedback=())
    sent = [shelter.refer(case, given, mission, service=service) for service in ("MED-SCREEN", "TRN-ASSIST")]
    await settle(*pair)
    for each in sent:
        mission.act(referrals.accept, each.id)
        await settle(*pair)
    clock.moment += MINUTE
    withdraw(shelter, given, purposes=("return",))
    assert states(shelter, case.id) == [dict.fromkeys(SCOPES, "asked")]
    await settle(*pair)
    pass_time(clock, HOLD + timedelta(hours=1), mission)
    await settle(*pair)
    assert shown(mission, sent[0].id) == set(SCOPES)
    assert states(shelter, case.id) == [dict.fromkeys(SCOPES, "held")]
    with shelter.node.works.write(CASE_WORKER) as work:
        made = rights.correct(work, case.id, {"identity": {"birth_date": "1998-05"}})
    assert [(told.outcome, told.referral_id) for told in made.told] == [("amended", sent[0].id)]
    await settle(*pair)
    assert record_of(mission, sent[0].id)["identity"]["birth_date"] == "1998-05"


async def test_what_is_erased_under_one_consent_is_said_to_be_held_under_another(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    first = shelter.give_consent(case, mission, scopes=SCOPES, feedback=())
    other = shelter.give_consent(case, mission, scopes=("services",), feedback=())
    for given in (first, other):
        sent = shelter.refer(case, given, mission)
        await settle(*pair)
        mission.act(referrals.accept, sent.id)
        await settle(*pair)
    clock.moment += MINUTE
    withdraw(shelter, first)
    await settle(*pair)
    pass_time(clock, HOLD + timedelta(hours=1), mission)
    await settle(*pair)
    found = {row.consent_id: row for row in rows(shelter, case.id)}
    assert {cell.scope: cell.state for cell in found[first.id].cells} == {
        "services": "held-otherwise",
        "identity": "erased",
    }
    assert {cell.scope: cell.state for cell in found[other.id].cells} == {"services": "held"}
    page = words(reader(shelter).get(f"/cases/{case.id}/sharing").text)
    assert "They hold it under another consent" in page
    lines = stated_in(access_report(shelter, case.id))
    assert [line.rpartition(": ")[2] for line in lines if "Who you are" in line] == ["erased"]
    assert all("they still have the rest" in line for line in lines if "What help" in line)
    clock.moment += MINUTE
    withdraw(shelter, other)
    await settle(*pair)
    pass_time(clock, HOLD + timedelta(hours=1), mission)
    await settle(*pair)
    assert {state for row in states(shelter, case.id) for state in row.values()} == {"erased"}


async def test_an_origin_is_not_told_that_all_is_erased_when_one_of_two_referrals_passed_on_is(
    chain: Chain, clock: SetClock
) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    forwarded, own = pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    clinic.act(referrals.accept, forwarded.id)
    await settle(*chain)
    clock.moment += MINUTE
    case = case_of(mission, sent)
    again = mission.refer(case, own, clinic, service="MED-CARE", onward=permission.id)
    await settle(*chain)
    clinic.act(referrals.reject, again.id, "no-capacity")
    await settle(*chain)
    pass_time(clock, timedelta(hours=1), clinic, mission)
    await settle(*chain)
    with mission.node.works.read(SYSTEM) as work:
        assert [each.referral_id for each in withdrawals.reports_of_case(work, case.id)] == [again.id]
    assert [row.state for row in rows(mission, case.id)] == ["held"]
    assert [row.state for row in rows(shelter, given.case_id)] == ["held", "held"]
    clock.moment += MINUTE
    withdraw(shelter, given)
    await settle(*chain)
    pass_time(clock, HOLD + timedelta(hours=1), *chain)
    await settle(*chain)
    assert rows(shelter, given.case_id)[1].state == "erased"


async def test_a_sentence_about_a_scope_is_held_and_ends_like_any_content_of_it(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    record = {scope: content for scope, content in PERSON.items() if scope != "medical"}
    case = shelter.open_case(record)
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission)
    await settle(*pair)
    mission.act(referrals.accept, sent.id)
    await settle(*pair)
    assert states(shelter, given.case_id)[0]["medical"] == "not-yet"
    clock.moment += MINUTE
    shelter.act(referrals.write_note, sent.id, [("medical", "Her asthma is worse.")])
    await settle(*pair)
    [cell] = [cell for cell in rows(shelter, given.case_id)[0].cells if cell.scope == "medical"]
    assert (cell.state, cell.since) == ("held", clock.moment)
    with shelter.node.works.write(CASE_WORKER) as work:
        told = [each for each in rights.disclosures_of_case(work, given.case_id) if "medical" in each.scopes]
    assert [(each.action, each.grant_id, each.purpose) for each in told] == [
        ("referral.message-sent", sent.grant_id, "assistance")
    ]
    clock.moment += MINUTE
    withdraw(shelter, given, scopes=("medical",))
    await settle(*pair)
    assert states(shelter, given.case_id)[0]["medical"] == "asked"
    pass_time(clock, HOLD, mission)
    await settle(*pair)
    after = states(shelter, given.case_id)[0]
    assert (after["medical"], after["identity"]) == ("erased", "held")
