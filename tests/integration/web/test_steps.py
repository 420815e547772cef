"""What can be said before an answer, and what is sent when the record changes."""

from __future__ import annotations

from tests.federation.neighbours import settle
from tests.pages import Reader, World, words

from iars_node.cases import service as cases
from iars_node.referrals import store
from iars_node.referrals.sentences import SENTENCES
from iars_node.work import SYSTEM


async def test_a_question_is_asked_before_the_answer_and_answered_in_the_thread(either_world: World) -> None:
    world = either_world
    _case, _given, sent = world.referral()
    await settle(world.shelter, world.mission)
    theirs, ours = Reader(world.mission).enter(), Reader(world.shelter).enter()
    page = theirs.get(f"/referrals/{sent.id}").text
    assert f'href="/referrals/{sent.id}/ask"' in page
    assert f'href="/referrals/{sent.id}/message"' not in page
    nothing = theirs.post(f"/referrals/{sent.id}/ask", {})
    assert nothing.status_code == 422
    assert "There is nothing to send yet." in nothing.text
    asked = theirs.post(f"/referrals/{sent.id}/ask", {"text.services": "How many beds?"})
    assert asked.headers["location"] == f"/referrals/{sent.id}?done=step"
    await settle(world.shelter, world.mission)
    assert "How many beds?" in ours.get(f"/referrals/{sent.id}").text
    assert ours.get(f"/referrals/{sent.id}/ask").status_code == 409
    assert ours.post(f"/referrals/{sent.id}/message", {"text.services": "Two."}).status_code == 303
    await settle(world.shelter, world.mission)
    assert "Two." in theirs.get(f"/referrals/{sent.id}").text
    assert world.mission.referral(sent.id).state == "requested"


async def test_what_changed_in_the_record_is_sent_as_far_as_the_person_agreed(either_world: World) -> None:
    world = either_world
    case, _given, sent = world.referral()
    await settle(world.shelter, world.mission)
    with world.shelter.node.works.write(SYSTEM) as work:
        cases.write_scope(work, case.id, "services", {"constraints": ["a ramp"]}, country="AL")
        cases.write_scope(work, case.id, "safety", {"shelter_location": "a house by the lake"}, country="AL")
    ours, theirs = Reader(world.shelter).enter(), Reader(world.mission).enter()
    assert "Only what the person agreed to share" in words(ours.get(f"/referrals/{sent.id}/amend").text)
    assert ours.post(f"/referrals/{sent.id}/amend", {}).status_code == 303
    assert theirs.get(f"/referrals/{sent.id}/amend").status_code == 409
    await settle(world.shelter, world.mission)
    page = theirs.get(f"/referrals/{sent.id}").text
    assert "a ramp" in page
    assert "a house by the lake" not in page


async def test_what_went_wrong_on_the_way_is_said_in_a_sentence_and_never_as_a_code(world: World) -> None:
    _case, _given, sent = world.referral()
    with world.shelter.node.works.write(SYSTEM) as work:
        store.change(work.connection, sent.id, problem="thread-fork")
    besa = Reader(world.shelter).enter()
    page = words(besa.get(f"/referrals/{sent.id}").text)
    assert SENTENCES["thread-fork"] in page
    assert "thread-fork" not in page
    besa.post("/language", {"language": "fr", "next": "/"})
    french = words(besa.get(f"/referrals/{sent.id}").text)
    assert SENTENCES["thread-fork"] not in french
    assert "thread-fork" not in french
