from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.federation.neighbours import settle
from tests.pages import Reader, World, words

from iars_node.audit import store as audit_store
from iars_node.audit.model import AuditFilter
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM
from iars_protocol.keys import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.cases.model import Case
    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent


def choice(world: World, given: Consent, **changes: str) -> dict[str, object]:
    chosen = {
        "service": "MED-SCREEN",
        "priority": "urgent",
        "peer": world.mission.id.hex(),
        "consent": given.id,
    }
    return {**chosen, **changes}


def consented(world: World) -> tuple[Case, Consent]:
    case = world.shelter.open_case()
    return case, world.shelter.give_consent(case, world.mission)


def query(typed: dict[str, object]) -> str:
    return "&".join(f"{name}={value}" for name, value in typed.items())


def shown(html: str) -> str:
    found = re.search(r'name="shown" value="([0-9a-f]{64})"', html)
    assert found
    return found[1]


def sent_referrals(world: World, case: Case) -> int:
    with world.shelter.node.works.read(SYSTEM) as work:
        return len(referrals.of_case(work, case.id))


def test_the_way_to_a_referral_asks_one_thing_on_each_page(world: World, besa: Reader) -> None:
    case, given = consented(world)
    path = f"/cases/{case.id}/refer"
    first = besa.get(path)
    assert "Written in the record" in first.text
    assert f"{path}/organisation?service=MED-SCREEN&amp;priority=urgent" in first.text
    second = besa.get(f"{path}/organisation?service=MED-SCREEN&priority=urgent")
    assert "offers this service" in second.text
    peer = world.mission.id.hex()
    third = besa.get(f"{path}/consent?service=MED-SCREEN&priority=urgent&peer={peer}")
    assert third.headers["location"] == f"{path}/check?{query(choice(world, given))}"
    staying = besa.get(f"{path}/consent?service=MED-SCREEN&priority=urgent&peer={peer}&stay=1")
    assert given.id in staying.text


def test_a_step_left_out_leads_back_to_it(world: World, besa: Reader) -> None:
    path = f"/cases/{world.shelter.open_case().id}/refer"
    back = besa.get(f"{path}/organisation?service=&priority=urgent").headers["location"]
    assert back == f"{path}?service=-&priority=urgent"
    assert "Choose a service." in besa.get(back).text
    assert (
        besa.get(f"{path}/consent?service=MED-SCREEN&priority=urgent")
        .headers["location"]
        .startswith(f"{path}/organisation")
    )
    assert (
        besa.get(f"{path}/check?service=MED-SCREEN&priority=urgent")
        .headers["location"]
        .startswith(f"{path}/consent")
    )


def test_without_a_consent_that_covers_it_nothing_can_be_chosen(world: World, besa: Reader) -> None:
    case, _given = consented(world)
    path = (
        f"/cases/{case.id}/refer/consent?service=FIN-RESETTLE&priority=urgent&peer={world.mission.id.hex()}"
    )
    page = besa.get(path)
    assert "The person did not agree to share for this kind of service." in page.text
    assert "No consent covers this referral" in page.text
    assert f"/cases/{case.id}/consents/new" in page.text


def test_the_preview_says_in_one_sentence_what_they_will_learn(world: World, besa: Reader) -> None:
    case, given = consented(world)
    page = besa.get(f"/cases/{case.id}/refer/check?{query(choice(world, given))}")
    said = words(page.text)
    assert f"Mission will learn 12 things about {case.reference}." in said
    assert "They will not learn 4 others." in said
    assert "Send to Mission" in said
    now, later, never = page.text.split('<div class="column ')[1:4]
    assert "24 to 26" in now
    assert "Ana" in later
    assert "asthma" in later
    assert "Shelter location" in never
    assert "a house by the lake" not in page.text


def test_what_was_shown_is_what_is_sent(world: World, besa: Reader) -> None:
    case, given = consented(world)
    path = f"/cases/{case.id}/refer"
    typed = choice(world, given)
    mark = shown(besa.get(f"{path}/check?{query(typed)}").text)
    answer = besa.post(f"{path}/send", {**typed, "shown": mark})
    assert re.fullmatch(r"/referrals/[0-9a-f]{32}\?done=sent", answer.headers["location"])
    assert "The referral is on its way" in besa.get(answer.headers["location"]).text


def test_nothing_is_sent_that_was_not_shown(world: World, besa: Reader) -> None:
    case, given = consented(world)
    path = f"/cases/{case.id}/refer"
    typed = choice(world, given)
    mark = shown(besa.get(f"{path}/check?{query(typed)}").text)
    besa.post(f"/cases/{case.id}/scopes/medical", {"version": "1", "medical.conditions": "asthma\ndiabetes"})
    for changed in (
        {"shown": mark},
        {"shown": mark, "priority": "emergency"},
        {"shown": mark, "text.services": "She prefers mornings."},
        {"shown": "ü"},
        {},
    ):
        answer = besa.post(f"{path}/send", {**typed, **changed})
        assert answer.status_code == 422
        assert "Something changed since you looked" in answer.text
    assert sent_referrals(world, case) == 0


def test_a_form_that_is_sent_twice_refers_once(world: World, besa: Reader) -> None:
    case, given = consented(world)
    path = f"/cases/{case.id}/refer"
    typed = choice(world, given)
    form = {**typed, "shown": shown(besa.get(f"{path}/check?{query(typed)}").text)}
    assert besa.post(f"{path}/send", form).status_code == 303
    again = besa.post(f"{path}/send", form)
    assert again.status_code == 422
    assert sent_referrals(world, case) == 1
    # Looked at again, a second referral is one's own decision.
    assert besa.post(f"{path}/send", {**typed, "shown": shown(again.text)}).status_code == 303


def test_sentences_stand_in_the_preview_under_the_part_that_they_touch(world: World, besa: Reader) -> None:
    case, given = consented(world)
    path = f"/cases/{case.id}/refer"
    typed = {**choice(world, given), "text.medical": "Allergic to penicillin.", "text.services": "Mornings."}
    besa.get(f"{path}/check?{query(choice(world, given))}")
    page = besa.post(f"{path}/check", typed)
    now, later, _never = page.text.split('<div class="column ')[1:4]
    assert "Mornings." in now
    assert "Allergic to penicillin." in later
    assert besa.post(f"{path}/send", {**typed, "shown": shown(page.text)}).status_code == 303


def test_a_sentence_outside_the_consent_is_kept_in_the_form_and_sent_to_nobody(
    world: World, besa: Reader
) -> None:
    case, given = consented(world)
    path = f"/cases/{case.id}/refer"
    typed = {**choice(world, given), "text.travel": "By the night ferry."}
    besa.get(f"{path}/check?{query(choice(world, given))}")
    page = besa.post(f"{path}/check", typed)
    assert page.status_code == 200
    assert "did not agree to share; nothing was sent" in page.text
    assert besa.post(f"{path}/send", {**typed, "shown": "0"}).status_code == 422
    assert sent_referrals(world, case) == 0


def test_a_consent_that_ended_refuses_the_preview_calmly(world: World, besa: Reader, clock: SetClock) -> None:
    case, given = consented(world)
    clock.moment = given.terms.expires
    besa.enter()
    page = besa.get(f"/cases/{case.id}/refer/check?{query(choice(world, given))}")
    assert page.status_code == 409
    assert "The person&#39;s consent has expired." in page.text


def test_an_unknown_organisation_or_consent_is_a_calm_page(world: World, besa: Reader) -> None:
    case, given = consented(world)
    for changes in ({"peer": "0" * 64}, {"peer": "nonsense"}, {"consent": "0" * 32}):
        answer = besa.get(f"/cases/{case.id}/refer/check?{query(choice(world, given, **changes))}")
        assert answer.status_code == 404


async def test_a_referral_goes_its_whole_way_by_pages_alone(
    world: World, besa: Reader, visitor: Callable[..., Reader]
) -> None:
    case, given = consented(world)
    path = f"/cases/{case.id}/refer"
    typed = choice(world, given)
    mark = shown(besa.get(f"{path}/check?{query(typed)}").text)
    referral = besa.post(f"{path}/send", {**typed, "shown": mark}).headers["location"].split("?")[0]
    assert "it has not arrived yet" in besa.get(referral).text
    await settle(world.shelter, world.mission)
    assert "Arrived at their node" in besa.get(referral).text

    worker = visitor("besa", at_mission=True)
    assert "Answer Shelter: Medical screening" in words(worker.get("/").text)
    seen = words(worker.get(referral).text)
    assert "24 to 26" in seen
    assert "Munteanu" not in seen
    worker.get(f"{referral}/accept")
    assert (
        worker.post(f"{referral}/accept", {"remark": "Come at nine."}).headers["location"]
        == f"{referral}?done=step"
    )
    await settle(world.shelter, world.mission)
    assert "Munteanu" in worker.get(referral).text
    assert "Accepted: Medical screening, Mission" in words(besa.get("/").text)
    assert "Come at nine." in besa.get(referral).text

    for step, answers in (
        ("begin", {"remark": "Begun."}),
        ("appointment", {"reason": "scheduled", "at": "2026-03-04T09:30"}),
        ("hold", {"reason": "waiting-documents"}),
        ("begin", {}),
        ("message", {"text.medical": "We sent the results."}),
        ("complete", {"text.medical": "All well."}),
    ):
        worker.get(f"{referral}/{step}")
        assert worker.post(f"{referral}/{step}", answers).status_code == 303, step
    await settle(world.shelter, world.mission)
    page = words(besa.get(referral).text)
    for said in (
        "Completed",
        "All well.",
        "We sent the results.",
        "Waiting for documents",
        "Mission signed this",
    ):
        assert said in page
    assert worker.get(f"{referral}/begin").status_code == 409


async def test_a_rejection_needs_its_reason_and_tells_it(
    world: World, besa: Reader, visitor: Callable[..., Reader]
) -> None:
    _case, _given, sent = world.referral()
    await settle(world.shelter, world.mission)
    worker = visitor("besa", at_mission=True)
    path = f"/referrals/{sent.id}/reject"
    worker.get(path)
    lacking = worker.post(path, {"remark": "Sorry, we are full."})
    assert lacking.status_code == 422
    assert "Sorry, we are full." in lacking.text
    assert 'href="#f-reason"' in lacking.text
    assert worker.post(path, {"reason": "other"}).status_code == 422
    assert worker.post(path, {"reason": "no-capacity", "remark": "Sorry."}).status_code == 303
    await settle(world.shelter, world.mission)
    page = words(besa.get(f"/referrals/{sent.id}").text)
    assert "Rejected" in page
    assert "No capacity" in page
    assert "What came with this referral was erased here." in worker.get(f"/referrals/{sent.id}").text


async def test_what_the_person_keeps_from_the_sender_can_t_be_told(
    world: World, visitor: Callable[..., Reader]
) -> None:
    _case, _given, sent = world.referral()
    await settle(world.shelter, world.mission)
    worker = visitor("besa", at_mission=True)
    path = f"/referrals/{sent.id}/ask"
    form = worker.get(path).text
    assert 'name="text.medical"' in form
    assert 'name="text.legal"' not in form
    refused = worker.post(path, {"text.legal": "She has a lawyer now."})
    assert refused.status_code == 422
    assert "She has a lawyer now." not in words(worker.get(f"/referrals/{sent.id}").text)
    assert worker.post(path, {}).status_code == 422
    assert (
        worker.post(f"/referrals/{sent.id}/appointment", {"reason": "scheduled", "at": "soon"}).status_code
        == 422
    )


def test_the_sender_cancels_or_says_that_it_was_a_mistake(world: World, besa: Reader) -> None:
    for step, typed in (("cancel", {"reason": "no-longer-needed"}), ("mistake", {"remark": "Wrong person."})):
        _case, _given, sent = world.referral()
        besa.get(f"/referrals/{sent.id}/{step}")
        assert besa.post(f"/referrals/{sent.id}/{step}", typed).status_code == 303
        assert besa.get(f"/referrals/{sent.id}/{step}").status_code == 409


def test_referrals_are_listed_by_plain_choices(world: World, besa: Reader) -> None:
    for _ in range(26):
        world.referral()
    first = besa.get("/referrals?show=sent").text
    assert first.count('class="link"') == 25
    more = first.split("from=")[1].split('"')[0]
    assert besa.get(f"/referrals?show=sent&from={more}").text.count('class="link"') == 1
    assert "No referral is here" in besa.get("/referrals").text
    assert besa.get("/referrals?from=nonsense").status_code == 422


def test_a_late_answer_stands_at_the_top(world: World, besa: Reader, clock: SetClock) -> None:
    _case, _given, sent = world.referral()
    clock.moment = sent.respond_by
    besa.enter()
    page = words(besa.get("/").text)
    assert "Ask Mission: no answer about Medical screening" in page
    assert "Now" in page
    assert "Answer overdue" in words(besa.get(f"/referrals/{sent.id}").text)


def test_partners_are_shown_with_the_fingerprint_that_is_compared(world: World, besa: Reader) -> None:
    page = words(besa.get("/partners").text)
    assert "Mission" in page
    assert "Verified" in page
    assert fingerprint(world.mission.id) in page
    assert fingerprint(world.shelter.id) in page


async def test_reading_the_most_sensitive_sentences_of_a_thread_is_an_event(
    world: World, besa: Reader
) -> None:
    _case, _given, sent = world.referral()
    await settle(world.shelter, world.mission)
    page = f"/referrals/{sent.id}"
    assert besa.get(page).status_code == 200
    world.mission.act(referrals.accept, sent.id)
    world.mission.act(referrals.begin, sent.id)
    world.mission.act(referrals.write_note, sent.id, texts=(("medical", "Her asthma is treated."),))
    await settle(world.shelter, world.mission)
    before = scopes_shown(world)
    assert "asthma is treated" in besa.get(page).text
    assert scopes_shown(world) == [*before, ("medical",)]


def scopes_shown(world: World) -> list[tuple[str, ...]]:
    with world.shelter.node.works.read(SYSTEM) as work:
        found = audit_store.page(work.connection, AuditFilter(action="referral.scope-read")).events
        return [event.event.scopes for event in reversed(found)]
