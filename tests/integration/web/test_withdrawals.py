"""Withdrawing on a page: one action, no reason; then what each organisation has answered."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.federation.endings import endings_at, pass_time, record_of, withdraw
from tests.federation.neighbours import settle
from tests.pages import Reader, World, add_account, everybodys_hash, words

from iars_node.consent import service as consents
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.clock import SetClock


def state(world: World, consent_id: str) -> str:
    with world.shelter.node.works.read(SYSTEM) as work:
        return consents.get(work, consent_id).state


def test_a_stranger_is_sent_to_sign_in_and_nothing_is_withdrawn(world: World) -> None:
    _case, given, _sent = world.referral()
    stranger = Reader(world.shelter)
    for path in (f"/consents/{given.id}/withdraw", f"/consents/{given.id}/answers"):
        assert stranger.get(path).status_code in (303, 401)
    assert stranger.post(f"/consents/{given.id}/withdraw", {}).status_code in (303, 401, 403)
    assert state(world, given.id) == "given"


async def test_one_button_withdraws_everything_and_shows_what_is_answered(
    world: World, besa: Reader, clock: SetClock
) -> None:
    _case, given, _sent = await world.accepted()
    assert f"/consents/{given.id}/withdraw" in besa.get(f"/consents/{given.id}").text
    page = words(besa.get(f"/consents/{given.id}/withdraw").text)
    assert "The person need not say why." in page
    assert "These organisations are told at once: Mission." in page
    answer = besa.post(f"/consents/{given.id}/withdraw", {})
    assert answer.headers["location"] == f"/consents/{given.id}/answers?done=withdrawn"
    assert state(world, given.id) == "withdrawn"
    assert "No answer yet" in words(besa.get(answer.headers["location"]).text)
    await settle(world.shelter, world.mission)
    pass_time(clock, timedelta(hours=49), world.shelter, world.mission)
    await settle(world.shelter, world.mission)
    besa = Reader(world.shelter).enter()
    page = words(besa.get(f"/consents/{given.id}/answers").text)
    assert "They state that it is erased" in page
    for said in ("Nobody there could read it from", "Its keys were destroyed", "The last backup of a key"):
        assert said in page
    assert "own statement, signed and dated by it" in page


def test_a_part_is_chosen_or_nothing_happens(world: World, besa: Reader) -> None:
    _case, given, _sent = world.referral()
    path = f"/consents/{given.id}/withdraw"
    besa.get(path)
    answer = besa.post(path, {"part": "yes"})
    assert answer.status_code == 422
    assert "Choose what is withdrawn, or withdraw everything." in answer.text
    assert besa.post(path, {"part": "yes", "scopes": ["medical"]}).status_code == 303
    assert state(world, given.id) == "given"
    assert "Withdrawn: Medical" in words(besa.get(f"/consents/{given.id}").text)


async def test_the_other_side_sees_what_is_closed_and_a_supervisor_keeps_a_part_on_a_ground(
    world: World,
) -> None:
    _case, given, sent = await world.accepted()
    case_id = world.mission.referral(sent.id).case_id
    path = f"/cases/{case_id}/endings"
    worker = Reader(world.mission).enter()
    assert "Nothing has ended." in words(worker.get(path).text)
    withdraw(world.shelter, given)
    await settle(world.shelter, world.mission)
    page = worker.get(path).text
    assert "The person withdrew." in words(page)
    assert "Keep a part on a legal ground" not in page
    assert path in worker.get(f"/cases/{case_id}").text
    (held,) = endings_at(world.mission)
    wanted = {
        "ending": held.ending.id,
        "scopes": ["medical"],
        "ground": "legal-obligation",
        "until": "2031-12-31",
    }
    assert worker.post(path, wanted).status_code == 403
    add_account(world.mission, "sara", "Sara", "supervisor", everybodys_hash())
    supervisor = Reader(world.mission).enter("sara")
    assert "Keep a part on a legal ground" in supervisor.get(path).text
    lacking = supervisor.post(path, {**wanted, "scopes": [], "ground": "", "until": "2020-01-01"})
    assert lacking.status_code == 422
    for said in ("Choose what is kept.", "Choose the legal ground.", "Write a day in the future."):
        assert said in lacking.text
    assert supervisor.post(path, {**wanted, "until": "soon"}).status_code == 422
    assert supervisor.post(path, {**wanted, "ending": "0" * 32}).headers["location"] == path
    assert supervisor.post(path, wanted).headers["location"] == f"{path}?done=retained"
    assert "A law obliges us to keep it" in words(supervisor.get(path).text)
    assert record_of(world.mission, sent.id).keys() == {"medical"}


async def test_whoever_cares_for_a_person_is_told_that_the_agreement_has_ended(world: World) -> None:
    _case, given, sent = await world.accepted()
    worker = Reader(world.mission).enter()
    reference = world.mission.referral(sent.id).reference
    task = f"End {reference} from Shelter: what the person agreed to has ended"
    locked = "What came with this referral is locked: the agreement it came under has ended."
    assert task not in words(worker.get("/").text)
    assert locked not in words(worker.get(f"/referrals/{sent.id}").text)
    withdraw(world.shelter, given)
    await settle(world.shelter, world.mission)
    home = words(worker.get("/").text)
    assert task in home
    assert "waiting since" in home
    assert "overdue" not in home, "nobody has missed anything"
    html = worker.get(f"/referrals/{sent.id}").text
    # What ends it comes first, and nothing invites to go on.
    steps = re.findall(rf'class="button( main)?" href="/referrals/{sent.id}/(\w+)"', html)
    assert [name for _main, name in steps[:3]] == ["complete", "fail", "cancel"]
    assert not any(main for main, _name in steps)
    page = words(html)
    assert "End the referral: say what became of it, or cancel it." in page
    assert "Service begins" not in page
    assert locked in page
    assert "Nothing that your roles show." not in page
    world.mission.act(referrals.complete, sent.id)
    assert task not in words(worker.get("/").text)


async def test_what_waits_for_an_answer_stands_on_its_page_and_the_count_in_the_navigation(
    world: World,
) -> None:
    case, given, sent = world.referral()
    await settle(world.shelter, world.mission)
    world.mission.act(referrals.accept, sent.id)
    other = world.mission.open_case()
    world.mission.refer(other, world.mission.give_consent(other, world.shelter), world.shelter)
    await settle(world.shelter, world.mission)
    withdraw(world.shelter, given)
    html = Reader(world.shelter).enter().get(f"/cases/{case.id}/erasures").text
    assert "No answer yet" in words(html)
    assert "Referrals 1 to answer" in words(html)
    assert "Notice(" not in html


async def test_what_was_told_back_and_is_taken_out_is_shown_as_closed_and_stands_in_the_histories(
    world: World, besa: Reader
) -> None:
    case, given, sent = world.referral()
    await settle(world.shelter, world.mission)
    world.mission.act(referrals.accept, sent.id)
    world.mission.act(referrals.begin, sent.id, texts=[("medical", "She sleeps again.")])
    await settle(world.shelter, world.mission)
    besa.get(f"/consents/{given.id}/withdraw")
    besa.post(f"/consents/{given.id}/withdraw", {"part": "yes", "scopes": ["medical"]})
    page = words(besa.get(f"/cases/{case.id}/endings").text)
    assert "The person no longer wants them to tell us this." in page
    assert f"/cases/{case.id}/endings" in besa.get(f"/cases/{case.id}/sharing").text
    assert "Withdrew a part of it" in words(besa.get(f"/consents/{given.id}").text)
    way = words(besa.get(f"/referrals/{sent.id}").text)
    assert "The person withdrew Medical" in way
    assert "She sleeps again." not in way
