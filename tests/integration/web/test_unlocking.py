"""What a locked session shows, how it is opened again, and that nothing typed is lost."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text
from tests.pages import PASSWORD, Reader, World, words

from iars_node.accounts import kept_forms
from iars_node.accounts.sign_in import forget_old
from iars_node.web.routes import entries
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpx2 import Response

    from iars_node.clock import SetClock

IDLE = timedelta(minutes=15)
DAY = timedelta(hours=13)
ALIAS = "Stone of the lake"
# What a locked session may still reach: the pages before a session, and those that say nothing.
OPEN = [entry for entry in entries() if entry.action == "anyone"]


def unlock(reader: Reader, target: str, password: str = PASSWORD) -> Response:
    reader.get("/unlock")
    return reader.post("/unlock", {"password": password, "next": target})


def target_of(answer: Response) -> str:
    found = re.search(r"next=([^&]+)", answer.headers["location"])
    assert found
    return found[1].replace("%2F", "/").replace("%3F", "?").replace("%3D", "=")


def kept_count(world: World) -> int:
    with world.shelter.node.works.read(SYSTEM) as work:
        return int(work.connection.execute(text("SELECT count(*) FROM kept_form")).scalar_one())


def test_a_locked_session_shows_no_name_of_anybody(world: World) -> None:
    for entry in OPEN:
        reader = Reader(world.shelter).enter()
        reader.get("/leave")
        answer = reader.get(entry.path) if entry.method == "GET" else reader.post(entry.path)
        assert "besa" not in answer.text.lower(), entry.name
        assert answer.headers["cache-control"] == "no-store", entry.name


def test_leaving_locks_and_the_password_leads_back_to_the_page(besa: Reader) -> None:
    besa.get("/leave")
    asked = besa.get("/referrals?show=sent")
    assert asked.headers["location"] == "/unlock?next=%2Freferrals%3Fshow%3Dsent"
    wrong = unlock(besa, "/referrals?show=sent", "wrong")
    assert (wrong.status_code, "The password is not right" in wrong.text) == (422, True)
    assert besa.get("/").status_code == 303
    opened = unlock(besa, "/referrals?show=sent")
    assert opened.headers["location"] == "/referrals?show=sent"
    assert besa.get("/referrals?show=sent").status_code == 200
    assert besa.get("/unlock?next=/cases").headers["location"] == "/cases"


def test_guessing_at_a_locked_session_waits(besa: Reader) -> None:
    besa.get("/leave")
    answers = [unlock(besa, "/", "wrong").text for _ in range(6)]
    assert "Too many attempts" in answers[-1]


def test_a_form_that_meets_a_lock_comes_back_filled_in(world: World, besa: Reader, clock: SetClock) -> None:
    besa.get("/cases/new")
    token = besa.token
    clock.moment += IDLE
    met = besa.post("/cases/new", {"identity.alias": ALIAS, "identity.birth_date": "1999-05"})
    assert met.headers["location"].startswith("/unlock?next=%2Fcases%2Fnew%3Fkept%3D")
    assert "What you typed is kept" in besa.get(met.headers["location"]).text
    back = unlock(besa, target_of(met))
    page = besa.get(back.headers["location"])
    assert f'value="{ALIAS}"' in page.text
    assert "What you typed is here" in page.text
    assert "data-changed" in page.text or 'class="summary' in page.text
    assert besa.token.startswith(f"{token}.")
    assert kept_count(world) == 1
    sent = besa.post("/cases/new", {"identity.alias": ALIAS})
    assert sent.status_code == 303
    assert kept_count(world) == 0


def test_a_form_that_comes_after_the_session_s_end_waits_for_its_own_person(
    world: World, besa: Reader, clock: SetClock
) -> None:
    besa.get("/cases/new")
    clock.moment += DAY
    met = besa.post("/cases/new", {"identity.alias": ALIAS})
    assert met.headers["location"].startswith("/sign-in?next=")
    target = target_of(met)
    other = Reader(world.shelter)
    other.sign_in("mira")
    assert ALIAS not in other.get(target).text
    besa.get("/sign-in")
    entered = besa.post("/sign-in", {"name": "besa", "password": PASSWORD, "next": target})
    assert f'value="{ALIAS}"' in besa.get(entered.headers["location"]).text


def test_what_somebody_else_changed_meanwhile_shows_as_a_conflict(
    world: World, besa: Reader, visitor: Callable[..., Reader]
) -> None:
    case = world.shelter.open_case()
    path = f"/cases/{case.id}/scopes/services"
    version = re.search(r'name="version" value="(\d+)"', besa.get(path).text)
    assert version
    besa.get("/leave")
    met = besa.post(path, {"version": version[1], "services.constraints": "a room of her own"})
    other = visitor("besa")
    changed = re.search(r'name="version" value="(\d+)"', other.get(path).text)
    assert changed
    assert (
        other.post(path, {"version": changed[1], "services.constraints": "ground floor"}).status_code == 303
    )
    page = besa.get(unlock(besa, target_of(met)).headers["location"])
    assert "a room of her own" in page.text
    assert f'name="version" value="{version[1]}"' in page.text
    refused = besa.post(path, {"version": version[1], "services.constraints": "a room of her own"})
    assert refused.status_code == 422


def test_a_form_without_a_page_of_its_own_is_offered_to_be_sent_as_it_was(world: World, besa: Reader) -> None:
    besa.get("/cases")
    besa.get("/leave")
    met = besa.post("/cases/search", {"text": ALIAS})
    lost = besa.get(unlock(besa, target_of(met)).headers["location"])
    assert lost.headers["location"].startswith("/kept?kept=")
    page = besa.get(lost.headers["location"])
    assert ALIAS in words(page.text)
    assert 'action="/cases/search"' in page.text
    home = besa.get("/")
    assert "What you typed is kept" in home.text
    kept = re.search(r"kept=([0-9a-f]{32})", home.text)
    assert kept
    assert besa.post("/kept/discard", {"kept": kept[1]}).headers["location"] == "/?done=discarded"
    assert kept_count(world) == 0
    assert besa.get(lost.headers["location"]).status_code == 404


def test_a_page_left_alone_sends_what_was_typed_to_be_kept(world: World, besa: Reader) -> None:
    besa.get("/cases/new")
    locked = besa.post("/lock", {"kept-path": "/cases/new", "identity.alias": ALIAS})
    assert locked.headers["location"].startswith("/unlock?next=%2Fcases%2Fnew%3Fkept%3D")
    besa.get(locked.headers["location"])
    page = besa.get(unlock(besa, target_of(locked)).headers["location"])
    assert f'value="{ALIAS}"' in page.text
    besa.get("/leave")
    assert "/unlock" in besa.post("/lock", {"kept-path": "https://elsewhere.example"}).headers["location"]
    assert kept_count(world) == 1


def test_a_kept_form_that_is_left_again_takes_its_own_place(world: World, besa: Reader) -> None:
    besa.get("/cases/new")
    besa.get("/leave")
    met = besa.post("/cases/new", {"identity.alias": ALIAS})
    besa.get(unlock(besa, target_of(met)).headers["location"])
    refused = besa.post("/cases/new", {"identity.alias": ALIAS, "identity.birth_date": "last spring"})
    assert refused.status_code == 422
    left = besa.post("/lock", {"kept-path": "/cases/new", "identity.alias": f"{ALIAS}, later"})
    assert kept_count(world) == 1
    besa.get("/unlock")
    page = besa.get(unlock(besa, target_of(left)).headers["location"])
    assert f"{ALIAS}, later" in page.text


def test_another_site_can_t_plant_a_form(world: World, besa: Reader) -> None:
    besa.get("/leave")
    for token in ("", "0" * 64):
        assert besa.http.post("/cases/new", data={"csrf": token, "identity.alias": "x"}).status_code == 403
    assert kept_count(world) == 0
    stranger = Reader(world.shelter)
    stranger.get("/sign-in")
    assert stranger.post("/lock", {"kept-path": "/", "a": "b"}).headers["location"] == "/sign-in"


def test_passwords_are_never_kept(world: World, besa: Reader) -> None:
    besa.get("/leave")
    for entry in entries():
        if entry.method == "POST" and entry.path.startswith("/me"):
            besa.post(entry.path, {"password": PASSWORD})
    assert kept_count(world) == 0


def test_what_is_kept_is_sealed_and_its_key_destroyed_when_its_time_is_over(
    world: World, besa: Reader, clock: SetClock
) -> None:
    besa.get("/cases/new")
    besa.get("/leave")
    for number in range(kept_forms.MOST + 2):
        besa.post("/cases/new", {"identity.alias": f"{ALIAS} {number}"})
    works = world.shelter.node.works
    with works.read(SYSTEM) as work:
        rows = work.connection.execute(text("SELECT key_id, sealed FROM kept_form")).all()
        keys = {bytes(row.key_id) for row in rows}
        assert work.vault.has_content_keys(keys) == keys
    assert len(rows) == kept_forms.MOST
    assert all(ALIAS.encode() not in bytes(row.sealed) for row in rows)
    clock.moment += kept_forms.KEPT_FOR
    with works.write(SYSTEM) as work:
        forget_old(work)
        assert work.vault.has_content_keys(keys) == set()
    assert kept_count(world) == 0


def test_somebody_else_can_take_the_place_of_a_locked_session(world: World, besa: Reader) -> None:
    besa.get("/leave")
    besa.get("/unlock")
    assert besa.post("/sign-out").headers["location"] == "/sign-in?done=signed-out"
    besa.sign_in("mira")
    assert "Mira Hoxha" in besa.get("/me").text
    assert world.shelter.node.vault.is_unlocked


def test_a_page_that_asks_whether_it_is_still_open_is_told_so(besa: Reader) -> None:
    assert besa.get("/here").status_code == 200
    besa.get("/leave")
    assert besa.get("/here").status_code == 303


def test_titles_never_name_anybody(world: World, besa: Reader) -> None:
    for path in ("/me", "/", "/cases", "/me/codes", "/me/passkeys/add"):
        title = re.search(r"<title>([^<]*)</title>", besa.get(path).text)
        assert title
        assert "besa" not in title[1].lower()
    assert world.shelter.node.vault.is_unlocked
