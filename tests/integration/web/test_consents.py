from __future__ import annotations

from tests.pages import Reader, World, words

from iars_node.consent import service as consents
from iars_node.work import SYSTEM


def agreed(world: World, **changes: object) -> dict[str, object]:
    return {
        "language": "fr",
        "recipients": [f"node:{world.mission.id.hex()}", "type:LegalService"],
        "purposes": ["assistance"],
        "scopes": ["services", "demographics", "medical"],
        "step.services": "offer",
        "step.demographics": "acceptance",
        "step.medical": "acceptance",
        "withheld.medical": ["conditions"],
        "withheld.identity": ["alias"],
        "reasons": "Nobody is to hear of my asthma.",
        "feedback": ["services"],
        "expires": "2026-09-01",
        "how_obtained": "verbal",
        "from_whom": "person",
        "with_interpreter": "yes",
        **changes,
    }


def test_the_language_is_chosen_first_and_the_persons_own_languages_are_offered(
    world: World, besa: Reader
) -> None:
    case = world.shelter.open_case()
    page = besa.get(f"/cases/{case.id}/consents/new")
    assert "In which language will you read the text out?" in page.text
    assert page.text.index('value="ro"') < page.text.index('value="en"')


def test_the_text_is_read_out_in_the_persons_language(world: World, besa: Reader) -> None:
    path = f"/cases/{world.shelter.open_case().id}/consents/new"
    arabic = besa.get(f"{path}?language=ar").text
    assert '<div class="read-out stack tight" lang="ar" dir="rtl">' in arabic
    romanian = besa.get(f"{path}?language=ro").text
    assert "There is no text in Romanian here yet" in romanian
    assert "We tell them only what you agree to" in romanian


def test_a_consent_keeps_what_the_person_agreed_to(world: World, besa: Reader) -> None:
    case = world.shelter.open_case()
    path = f"/cases/{case.id}/consents/new"
    besa.get(f"{path}?language=fr")
    answer = besa.post(path, agreed(world))
    assert answer.status_code == 303
    consent_id = answer.headers["location"].split("/")[2].split("?")[0]
    with world.shelter.node.works.read(SYSTEM) as work:
        terms = consents.get(work, consent_id).terms
    assert [(scope.code, scope.step, scope.at_offer) for scope in terms.scopes] == [
        ("services", "offer", ()),
        ("demographics", "acceptance", ("age_band", "track")),
        ("medical", "acceptance", ()),
    ]
    assert [(item.scope, item.fields) for item in terms.withheld] == [("medical", ("conditions",))]
    assert [recipient.organisation_type for recipient in terms.recipients] == ["", "LegalService"]
    assert terms.expires.isoformat() == "2026-09-01T21:59:59+00:00"
    assert (terms.notice_language, terms.with_interpreter, terms.is_onward_allowed) == ("fr", True, False)
    page = words(besa.get(f"/consents/{consent_id}").text)
    for said in (
        "Mission",
        "Legal service",
        "Withheld: Conditions",
        "Never: Identity",
        "Nobody is to hear",
        "French",
    ):
        assert said in page


def test_an_incomplete_consent_says_what_is_missing_and_keeps_the_rest(world: World, besa: Reader) -> None:
    path = f"/cases/{world.shelter.open_case().id}/consents/new"
    besa.get(f"{path}?language=fr")
    lacking = agreed(
        world, recipients=[], purposes=[], scopes=["medical"], expires="2020-01-01", how_obtained=""
    )
    answer = besa.post(path, lacking)
    assert answer.status_code == 422
    for name in ("recipients", "purposes", "scopes", "expires", "how_obtained"):
        assert f'href="#f-{name}"' in answer.text
        assert f'id="f-{name}"' in answer.text
    assert "Nobody is to hear of my asthma." in answer.text
    assert besa.post(path, agreed(world, expires="soon")).status_code == 422
    assert besa.post(path, agreed(world, language="xx")).headers["location"] == path


def test_unknown_recipients_and_codes_are_left_out(world: World, besa: Reader) -> None:
    path = f"/cases/{world.shelter.open_case().id}/consents/new"
    besa.get(f"{path}?language=fr")
    answer = besa.post(path, agreed(world, recipients=["node:" + "0" * 64, "type:Spies", "anything"]))
    assert answer.status_code == 422
    answer = besa.post(path, agreed(world, from_whom="trafficker"))
    assert answer.status_code == 422


def test_a_consent_that_ends_soon_stands_on_the_work_list(world: World, besa: Reader) -> None:
    case = world.shelter.open_case()
    path = f"/cases/{case.id}/consents/new"
    besa.get(f"{path}?language=fr")
    besa.post(path, agreed(world, expires="2026-03-05"))
    page = words(besa.get("/").text)
    assert f"Ask {case.reference} again: consent for Mission and Legal service ends" in page
    assert "agreed on 2 March 2026" in page
    assert "This week" in page
