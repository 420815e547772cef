from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.pages import PASSWORD, Reader, World, words

if TYPE_CHECKING:
    from iars_node.clock import SetClock


def test_signing_in_leads_to_the_work_list(besa: Reader) -> None:
    page = besa.get("/")
    assert page.status_code == 200
    assert "Nothing waits for you now" in words(page.text)


def test_a_wrong_password_keeps_the_name_and_says_nothing_about_which_was_wrong(world: World) -> None:
    reader = Reader(world.shelter)
    reader.get("/sign-in")
    answers = [reader.post("/sign-in", {"name": name, "password": "wrong"}) for name in ("besa", "nobody")]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert 'value="besa"' in answers[0].text
    assert 'value="wrong"' not in answers[0].text
    for answer in answers:
        assert "The name or the password is not right" in answer.text


def test_after_many_wrong_passwords_one_waits(world: World) -> None:
    reader = Reader(world.shelter)
    reader.get("/sign-in")
    for _ in range(6):
        answer = reader.post("/sign-in", {"name": "besa", "password": "wrong"})
    assert "Too many attempts" in answer.text
    assert reader.post("/sign-in", {"name": "besa", "password": PASSWORD}).status_code == 422


def test_one_comes_back_to_the_page_that_asked_for_a_name(world: World) -> None:
    reader = Reader(world.shelter)
    sent = reader.get("/referrals?show=sent")
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=%2Freferrals%3Fshow%3Dsent")
    reader.get(sent.headers["location"])
    entered = reader.post("/sign-in", {"name": "besa", "password": PASSWORD, "next": "/referrals?show=sent"})
    assert entered.headers["location"] == "/referrals?show=sent"


def test_signing_out_ends_the_session_itself(besa: Reader) -> None:
    cookies = dict(besa.http.cookies)
    left = besa.post("/sign-out")
    assert left.headers["location"] == "/sign-in?done=signed-out"
    assert "iars-session" not in besa.http.cookies
    besa.http.cookies.update(cookies)
    assert besa.get("/").status_code == 303


def test_leaving_quickly_is_one_link_that_locks_and_shows_a_page_that_says_nothing(besa: Reader) -> None:
    assert 'href="/leave"' in besa.get("/cases").text
    left = besa.get("/leave")
    assert (left.status_code, left.headers["location"]) == (303, "/calendar")
    back = besa.get("/cases")
    assert (back.status_code, back.headers["location"]) == (303, "/unlock?next=%2Fcases")
    neutral = besa.get("/calendar")
    assert "March 2026" in neutral.text
    assert "Shelter" not in neutral.text
    assert "IARS" not in neutral.text


def test_a_session_is_locked_when_it_is_not_used_for_as_long_as_the_node_says(
    world: World, besa: Reader, clock: SetClock
) -> None:
    for _ in range(3):
        clock.moment += timedelta(minutes=10)
        assert besa.get("/").status_code == 200
    clock.moment += timedelta(minutes=world.shelter.node.settings.session_idle_minutes)
    assert besa.get("/").headers["location"] == "/unlock"
    clock.moment += timedelta(hours=world.shelter.node.settings.session_hours)
    assert besa.get("/").headers["location"] == "/sign-in"


def test_the_language_is_kept_with_the_account(besa: Reader, world: World) -> None:
    besa.get("/me")
    assert besa.post("/language", {"language": "ar", "next": "/me"}).headers["location"] == "/me"
    page = besa.get("/cases")
    assert '<html lang="ar" dir="rtl">' in page.text
    assert page.headers["content-language"] == "ar"
    other = Reader(world.shelter)
    other.sign_in()
    assert 'lang="ar"' in other.get("/").text


def test_before_signing_in_the_browsers_language_counts_until_one_is_chosen(world: World) -> None:
    reader = Reader(world.shelter, **{"accept-language": "fr-FR, en;q=0.5"})
    assert '<html lang="fr" dir="ltr">' in reader.get("/sign-in").text
    reader.post("/language", {"language": "ar", "next": "/sign-in"})
    assert '<html lang="ar" dir="rtl">' in reader.get("/sign-in").text


def test_a_language_without_pages_changes_nothing(besa: Reader) -> None:
    besa.post("/language", {"language": "xx", "next": "/me"})
    assert '<html lang="en"' in besa.get("/").text


def test_a_link_on_another_site_still_finds_the_session(besa: Reader, world: World) -> None:
    stranger = Reader(world.shelter)
    first = stranger.get("/referrals", **{"sec-fetch-site": "cross-site"})
    assert (first.status_code, first.headers["refresh"]) == (200, "0")
    assert stranger.get("/referrals", **{"sec-fetch-site": "same-origin"}).status_code == 303
    assert besa.get("/referrals", **{"sec-fetch-site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("role", ["besa", "arta", "ilir", "mira"])
def test_everybody_sees_what_their_roles_allow(world: World, role: str) -> None:
    reader = Reader(world.shelter)
    reader.sign_in(role)
    page = words(reader.get("/me").text)
    assert ("No part of any record" in page) == (role == "arta")
    assert reader.get("/").status_code == 200
