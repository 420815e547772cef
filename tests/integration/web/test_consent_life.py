"""What becomes of a consent, page by page, and disclosures without one."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pypdf import PdfReader
from tests.federation.neighbours import settle
from tests.integration.web.test_consents import agreed
from tests.pages import Reader, World, add_account, everybodys_hash, words

from iars_node.consent import service as consents
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent

PAGES = ("answer", "renew", "narrow", "invalidate")
EMERGENCY = {
    "kind": "vital-interest",
    "reason": "She is unconscious.",
    "purposes": ["assistance"],
    "scopes": ["services", "demographics", "medical"],
    "only.medical": ["conditions"],
    "is_emergency": "yes",
    "expires": "2026-03-06",
    "review": "2026-03-04",
    "tell_after": "2026-03-05",
}


@pytest.fixture
def drita(world: World) -> Reader:
    """A supervisor of the shelter, signed in."""
    add_account(world.shelter, "drita", "Drita Lleshi", "supervisor", everybodys_hash())
    return Reader(world.shelter).enter("drita")


def read(world: World, consent_id: str) -> Consent:
    with world.shelter.node.works.read(SYSTEM) as work:
        return consents.get(work, consent_id)


def id_of(location: str) -> str:
    return location.split("/")[2].split("?", maxsplit=1)[0]


def test_whoever_may_not_is_refused(world: World, visitor: Callable[..., Reader]) -> None:
    case, given, _sent = world.referral()
    arta, mira = visitor("arta"), visitor("mira")
    for page in PAGES:
        assert arta.get(f"/consents/{given.id}/{page}").status_code == 403
        assert arta.post(f"/consents/{given.id}/{page}").status_code == 403
    for page in ("paper", "paper.pdf", "record.json"):
        assert arta.get(f"/consents/{given.id}/{page}").status_code == 403
    for page in ("answer", "renew"):
        assert mira.post(f"/consents/{given.id}/{page}").status_code == 403
    assert mira.get(f"/cases/{case.id}/exceptions/new").status_code == 403
    assert mira.post(f"/cases/{case.id}/exceptions/new", EMERGENCY).status_code == 403
    for action in ("approve", "refuse", "review", "told"):
        assert mira.post(f"/exceptions/{'0' * 32}/{action}").status_code == 403


def test_a_person_takes_time_and_answers_later(world: World, besa: Reader) -> None:
    case = world.shelter.open_case()
    path = f"/cases/{case.id}/consents/new"
    besa.get(f"{path}?language=fr")
    undecided = agreed(world, answer="requested", how_obtained="", from_whom="")
    asked = id_of(besa.post(path, undecided).headers["location"])
    page = words(besa.get(f"/consents/{asked}").text)
    assert "Asked for" in page
    assert "Record what the person answered" in page
    form = besa.get(f"/consents/{asked}/answer").text
    assert "Nobody is to hear of my asthma." in form
    answer = besa.post(f"/consents/{asked}/answer", agreed(world, answer="given", scopes=["services"]))
    assert answer.headers["location"] == f"/consents/{asked}?done=recorded"
    assert [scope.code for scope in read(world, asked).terms.scopes] == ["services"]
    assert besa.post(f"/consents/{asked}/answer", agreed(world, answer="refused")).status_code == 422

    other = id_of(besa.post(path, undecided).headers["location"])
    besa.post(f"/consents/{other}/answer", {"answer": "refused"})
    at_once = id_of(besa.post(path, agreed(world, answer="refused", how_obtained="")).headers["location"])
    assert read(world, other).state == read(world, at_once).state == "refused"
    assert "Said no" in words(besa.get(f"/consents/{at_once}").text)


def test_how_it_was_obtained_is_asked_for_in_its_field(world: World, besa: Reader) -> None:
    path = f"/cases/{world.shelter.open_case().id}/consents/new"
    besa.get(f"{path}?language=fr")
    lacking = agreed(world, how_obtained="thumbprint", from_whom="guardian")
    answer = besa.post(path, lacking)
    assert answer.status_code == 422
    for name in ("paper", "witness", "guardian", "best_interests"):
        assert f'href="#f-{name}"' in answer.text
    whole = {
        **lacking,
        "paper": "In the safe",
        "witness": "Drita",
        "guardian": "Vera",
        "best_interests": "She needs a doctor.",
        "withdrawal_ways": ["in-person", "phone"],
    }
    given = id_of(besa.post(path, whole).headers["location"])
    page = words(besa.get(f"/consents/{given}").text)
    for said in ("In the safe", "Drita", "Vera", "She needs a doctor.", "before a witness", "version 1"):
        assert said in page
    assert read(world, given).terms.withdrawal_ways == ("in-person", "phone")


def test_a_consent_is_renewed_from_its_own_answers(world: World, besa: Reader) -> None:
    _case, given, _sent = world.referral()
    form = besa.get(f"/consents/{given.id}/renew").text
    assert 'value="2026-08-29"' in form
    incomplete = besa.post(f"/consents/{given.id}/renew", agreed(world, purposes=[]))
    assert incomplete.status_code == 422
    newer = id_of(besa.post(f"/consents/{given.id}/renew", agreed(world)).headers["location"])
    assert (read(world, newer).state, read(world, newer).replaces) == ("renewed", given.id)
    older = words(besa.get(f"/consents/{given.id}").text)
    assert "Replaced by a newer one" in older
    assert "A newer version has taken its place. Look at it" in older
    assert "Take something out" not in older


def test_what_loses_its_mark_is_taken_out(world: World, besa: Reader) -> None:
    _case, given, _sent = world.referral()
    form = besa.get(f"/consents/{given.id}/narrow").text
    assert form.count("checked") >= 8
    kept = {
        "recipients": [f"node:{world.mission.id.hex()}"],
        "purposes": ["assistance"],
        "scopes": ["services", "identity"],
        "withheld.identity": ["family_name"],
        "expires": "2026-03-10",
    }
    nothing = besa.post(f"/consents/{given.id}/narrow", {**kept, "scopes": []})
    assert nothing.status_code == 422
    answer = besa.post(f"/consents/{given.id}/narrow", kept)
    assert answer.headers["location"].endswith("?done=narrowed")
    terms = read(world, id_of(answer.headers["location"])).terms
    assert ([scope.code for scope in terms.scopes], terms.purposes) == (
        ["services", "identity"],
        ("assistance",),
    )
    assert (terms.feedback, terms.withheld[0].fields) == ((), ("family_name",))
    assert terms.expires < given.terms.expires


async def test_a_detail_that_takes_its_whole_part_along_is_said_before_it_is_recorded(
    world: World, besa: Reader
) -> None:
    _case, given, sent = world.referral()
    await settle(world.shelter, world.mission)
    world.mission.act(referrals.accept, sent.id)
    await settle(world.shelter, world.mission)
    besa.get(f"/consents/{given.id}/narrow")
    kept = {
        "recipients": [f"node:{world.mission.id.hex()}"],
        "purposes": list(given.terms.purposes),
        "scopes": [scope.code for scope in given.terms.scopes],
        "feedback": list(given.terms.feedback),
        "withheld.medical": ["conditions"],
    }
    path = f"/consents/{given.id}/narrow"
    page = besa.post(path, kept)
    assert "Nothing was recorded yet" in words(page.text)
    assert "Mission: Medical" in words(page.text)
    assert not read(world, given.id).is_replaced
    found = re.search(r'name="seen" value="([^"]+)"', page.text)
    assert found
    # What was typed is still there; once seen, it is recorded.
    assert page.text.count("checked") >= len(kept["scopes"])
    answer = besa.post(path, {**kept, "seen": found[1]})
    assert answer.headers["location"].endswith("?done=narrowed")
    assert "was taken back whole" in words(besa.get(f"/referrals/{sent.id}").text)


def test_a_renewal_says_which_referrals_still_end_on_their_old_day(
    world: World, besa: Reader, clock: SetClock
) -> None:
    _case, given, sent = world.referral()
    page = f"/referrals/{sent.id}"
    assert "Refer once more" not in words(besa.get(page).text)
    besa.get(f"/consents/{given.id}/renew")
    longer = agreed(world, expires="2026-12-31")
    newer = id_of(besa.post(f"/consents/{given.id}/renew", longer).headers["location"])
    told = words(besa.get(f"/consents/{newer}").text)
    assert "1 open referral ends before this consent does" in told
    assert sent.reference in told
    seen = besa.get(page)
    assert "though the person has agreed until" in words(seen.text)
    assert f"peer={world.mission.id.hex()}" in seen.text
    assert "ends before its consent" not in words(besa.get("/").text)
    clock.moment = given.terms.expires - timedelta(days=3)
    later = Reader(world.shelter).enter("besa")
    assert f"Refer once more: {sent.reference} with Mission ends before its consent" in words(
        later.get("/").text
    )


def test_who_meets_the_person_first_takes_it_out_without_reading_what_was_said(
    world: World, visitor: Callable[..., Reader]
) -> None:
    case = world.shelter.open_case()
    given = world.shelter.give_consent(case, world.mission, reasons="Her brother is not to know.")
    ilir = visitor("ilir")
    form = ilir.get(f"/consents/{given.id}/narrow")
    assert form.status_code == 200
    assert "brother" not in form.text
    kept = {
        "recipients": [f"node:{world.mission.id.hex()}"],
        "purposes": ["assistance", "return"],
        "scopes": ["services"],
    }
    assert ilir.post(f"/consents/{given.id}/narrow", kept).headers["location"] == "/?done=narrowed"
    with world.shelter.node.works.read(SYSTEM) as work:
        newer = consents.standing(work, given.id)
    assert [scope.code for scope in newer.terms.scopes] == ["services"]
    assert newer.terms.reasons == "Her brother is not to know."


def test_a_finding_that_it_does_not_count_needs_a_reason(world: World, besa: Reader) -> None:
    _case, given, _sent = world.referral()
    assert besa.get(f"/consents/{given.id}/invalidate").status_code == 200
    assert besa.post(f"/consents/{given.id}/invalidate", {"reason": ""}).status_code == 422
    assert besa.post(f"/consents/{given.id}/invalidate", {"reason": "not-free"}).status_code == 303
    assert "No longer valid" in words(besa.get(f"/consents/{given.id}").text)


def test_the_person_takes_a_paper_along(world: World, besa: Reader) -> None:
    case = world.shelter.open_case()
    path = f"/cases/{case.id}/consents/new"
    besa.get(f"{path}?language=ar")
    given = id_of(besa.post(path, agreed(world, language="ar")).headers["location"])
    whole = besa.get(f"/consents/{given}/paper").text
    assert '<html lang="ar" dir="rtl">' in whole
    assert "Mission" in whole
    discreet = besa.get(f"/consents/{given}/paper?discreet=1").text
    for telling in ("Mission", "Shelter", "IARS", "Besa"):
        assert telling not in discreet
    for query in ("", "?discreet=1"):
        answer = besa.get(f"/consents/{given}/paper.pdf{query}")
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["cache-control"] == "no-store"
        assert PdfReader(io.BytesIO(answer.content)).pages
        name = answer.headers["content-disposition"]
        assert (
            name
            == f'attachment; filename="{given[:4].upper()}-{given[4:8].upper()}-{given[8:12].upper()}.pdf"'
        )
    record = besa.get(f"/consents/{given}/record.json")
    assert json.loads(record.content)["record_id"] == given


def test_a_consent_is_found_by_the_number_on_the_paper(world: World, besa: Reader) -> None:
    _case, given, _sent = world.referral()
    number = f"{given.id[:4]}-{given.id[4:8]}-{given.id[8:12]}".upper()
    besa.get("/cases")
    assert besa.post("/cases/search", {"text": number}).headers["location"] == f"/consents/{given.id}"
    assert besa.post("/cases/search", {"text": "0000-0000-0000"}).status_code == 200


async def test_an_emergency_goes_out_and_a_supervisor_decides(
    world: World, clock: SetClock, besa: Reader, drita: Reader, visitor: Callable[..., Reader]
) -> None:
    case = world.shelter.open_case()
    path = f"/cases/{case.id}/exceptions/new"
    besa.get(path)
    incomplete = besa.post(
        path, {**EMERGENCY, "only.medical": [], "reason": "", "kind": "", "expires": "soon"}
    )
    assert incomplete.status_code == 422
    for name in ("kind", "recipient", "reason", "scopes", "expires"):
        assert f'href="#f-{name}"' in incomplete.text
    answer = besa.post(path, {**EMERGENCY, "recipient": world.mission.id.hex()})
    kept = id_of(answer.headers["location"])
    own = words(besa.get(f"/exceptions/{kept}").text)
    assert "She is unconscious." in own
    assert "Approve" not in own.replace("Approved", "")
    assert "Without consent" in words(besa.get(f"/cases/{case.id}").text)

    chosen = f"service=MED-SCREEN&priority=emergency&peer={world.mission.id.hex()}"
    assert (
        besa.get(f"/cases/{case.id}/refer/consent?{chosen}").headers["location"].endswith(f"consent={kept}")
    )
    assert "Without consent" in words(besa.get(f"/cases/{case.id}/refer/consent?{chosen}&stay=1").text)
    sent = world.shelter.refer(case, consent_like(world, kept), world.mission, priority="emergency")
    await settle(world.shelter, world.mission)
    at_mission = visitor("besa", at_mission=True)
    seen = words(at_mission.get(f"/referrals/{sent.id}").text)
    assert "Shared without the person" in seen
    assert "Not approved yet" in seen

    assert f"Decide: disclosure without consent, {case.reference}" in words(drita.get("/").text)
    drita.get(f"/exceptions/{kept}")
    assert drita.post(f"/exceptions/{kept}/approve").status_code == 303
    assert drita.post(f"/exceptions/{kept}/refuse").status_code == 409
    await settle(world.shelter, world.mission)
    assert "Approved by a second person" in words(at_mission.get(f"/referrals/{sent.id}").text)
    clock.moment += timedelta(days=3)
    besa = Reader(world.shelter).enter()
    assert f"Look again: disclosure without consent, {case.reference}" in words(besa.get("/").text)
    besa.get(f"/exceptions/{kept}")
    assert besa.post(f"/exceptions/{kept}/review", {"review": "soon"}).status_code == 422
    assert besa.post(f"/exceptions/{kept}/review", {"review": "2027-03-06"}).status_code == 422
    assert besa.post(f"/exceptions/{kept}/review", {"review": "2026-03-06"}).status_code == 303
    clock.moment += timedelta(hours=20)
    besa = Reader(world.shelter).enter()
    assert f"Tell the person: disclosure without consent, {case.reference}" in words(besa.get("/").text)
    assert besa.post(f"/exceptions/{kept}/told").status_code == 303
    assert case.reference not in words(besa.get("/").text)
    assert "Drita Lleshi" in words(besa.get(f"/exceptions/{kept}").text)


def consent_like(world: World, exception_id: str) -> Consent:
    with world.shelter.node.works.read(SYSTEM) as work:
        return consents.ground(work, exception_id)


def test_what_nobody_may_decide_alone_is_refused_by_another(world: World, drita: Reader) -> None:
    case = world.shelter.open_case()
    path = f"/cases/{case.id}/exceptions/new"
    drita.get(path)
    typed = {**EMERGENCY, "recipient": world.mission.id.hex()}
    own = id_of(drita.post(path, typed).headers["location"])
    refused = drita.post(f"/exceptions/{own}/approve")
    assert refused.status_code == 403
    assert "Somebody other than its author" in words(refused.text)
