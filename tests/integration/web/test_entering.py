"""The way in, page by page: the first time, with codes, with a passkey; and the reader's own page."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pyotp
import pytest
from tests.authenticator import Device
from tests.pages import PASSWORD, Reader, World, copied, make_world, words

from iars_node.accounts import entry, store
from iars_node.errors import SetupError
from iars_node.settings import Settings
from iars_node.web import callers
from iars_node.web.visit import with_query
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from httpx2 import Response

    from iars_node.clock import SetClock

NEW = "four quiet grey horses"


@pytest.fixture
def strict(tmp_path: Path, clock: SetClock, sqlite_template: Path) -> Iterator[World]:
    """A world where everybody needs a second factor."""
    made = make_world(
        tmp_path, clock, copied(sqlite_template), languages=("en", "fr", "ar"), second_factor=("everybody",)
    )
    yield made
    made.close()


def one_time_code(world: World, name: str) -> str:
    with world.shelter.node.works.write(SYSTEM) as work:
        account = store.account_by_name(work.connection, name)
        assert account
        return entry.reset(work, account.id)


def secret_of(page: Response) -> pyotp.TOTP:
    found = re.search(r'class="digits">([A-Z2-7 ]+)<', page.text)
    assert found
    return pyotp.TOTP(found[1].replace(" ", ""))


def options_of(page: Response) -> str:
    found = re.search(r'data-options="([^"]*)"', page.text)
    assert found
    return html.unescape(found[1])


def begin(world: World, name: str = "besa") -> Reader:
    """Go through the first sign-in as far as the app."""
    reader = Reader(world.shelter)
    reader.get("/sign-in/first")
    answer = reader.post("/sign-in/first", {"name": name, "code": one_time_code(world, name)})
    assert answer.headers["location"] == "/welcome"
    reader.get("/welcome")
    assert reader.post("/welcome", {"language": "fr"}).headers["location"] == "/welcome/password"
    reader.get("/welcome/password")
    answer = reader.post("/welcome/password", {"password": NEW, "repeated": NEW})
    assert answer.headers["location"] == "/welcome/codes"
    return reader


def test_the_first_sign_in_goes_from_language_to_password_to_app_to_work(
    strict: World, clock: SetClock
) -> None:
    reader = begin(strict)
    shown = reader.get("/welcome/codes")
    assert re.search(r'<svg [^>]*class="segno"', shown.text)
    assert 'lang="fr"' in shown.text
    app = secret_of(shown)
    assert secret_of(reader.get("/welcome/codes")).secret == app.secret
    wrong = reader.post("/welcome/codes", {"code": "000000"})
    assert wrong.status_code == 422
    assert secret_of(wrong).secret == app.secret
    done = reader.post("/welcome/codes", {"code": app.at(clock.moment)})
    assert len(re.findall(r'<li class="digits">', done.text)) == 10
    home = reader.get("/")
    assert (home.status_code, 'lang="fr"' in home.text) == (200, True)

    clock.moment += timedelta(minutes=1)
    again = Reader(strict.shelter)
    again.get("/sign-in")
    asked = again.post("/sign-in", {"name": "besa", "password": NEW, "next": "/referrals"})
    assert asked.headers["location"] == "/sign-in/code?next=%2Freferrals"
    assert again.get("/").headers["location"] == "/sign-in"
    again.get("/sign-in/code?next=/referrals")
    wrong = again.post("/sign-in/code", {"code": "123456", "next": "/referrals"})
    assert "The code is not right" in wrong.text
    entered = again.post("/sign-in/code", {"code": app.at(clock.moment), "next": "/referrals"})
    assert entered.headers["location"] == "/referrals"
    assert again.get("/referrals").status_code == 200


def test_a_refused_password_leaves_the_step_where_it_is(strict: World) -> None:
    reader = Reader(strict.shelter)
    reader.get("/sign-in/first")
    reader.post("/sign-in/first", {"name": "besa", "code": one_time_code(strict, "besa")})
    reader.get("/welcome/password")
    weak = reader.post("/welcome/password", {"password": "Password2026!", "repeated": "Password2026!"})
    assert (weak.status_code, "one of the first that are tried" in weak.text) == (422, True)
    differing = reader.post("/welcome/password", {"password": NEW, "repeated": "x"})
    assert "This differs from the password above." in differing.text
    assert NEW not in weak.text + differing.text


def test_a_wrong_one_time_code_says_nothing_of_which_was_wrong(strict: World) -> None:
    code = one_time_code(strict, "besa")
    reader = Reader(strict.shelter)
    reader.get("/sign-in/first")
    answers = [
        reader.post("/sign-in/first", {"name": name, "code": typed})
        for name, typed in (("besa", "AAAA-AAAA-AAAA-AAAA"), ("nobody", code))
    ]
    told = [words(re.sub(r'value="[^"]*"', "", answer.text)) for answer in answers]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert told[0] == told[1]


def test_nobody_skips_the_second_factor_where_it_is_needed(strict: World) -> None:
    reader = begin(strict)
    reader.get("/welcome/codes")
    assert reader.post("/welcome/skip").headers["location"] == "/sign-in"
    assert reader.get("/").headers["location"] == "/sign-in"


def test_where_a_password_is_enough_the_app_can_wait_and_the_sign_in_page_says_so(world: World) -> None:
    reader = begin(world)
    assert "mot de passe suffit" in reader.get("/welcome/codes").text
    assert reader.post("/welcome/skip").headers["location"] == "/"
    assert reader.get("/").status_code == 200
    assert "a password alone is enough" in Reader(world.shelter).get("/sign-in").text


def test_a_password_without_an_app_leads_to_setting_one_up(strict: World) -> None:
    reader = Reader(strict.shelter)
    reader.get("/sign-in")
    answer = reader.post("/sign-in", {"name": "besa", "password": PASSWORD})
    assert answer.headers["location"] == "/welcome/codes?next=%2F"
    assert reader.get("/").headers["location"] == "/sign-in"
    assert reader.get("/welcome/codes").status_code == 200
    for other in ("/welcome", "/welcome/password", "/sign-in/code"):
        assert reader.get(other).headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("path", ["/welcome", "/welcome/password", "/welcome/codes", "/welcome/skip"])
def test_the_first_steps_are_for_who_has_begun_alone(world: World, path: str) -> None:
    stranger = Reader(world.shelter)
    stranger.get("/sign-in")
    assert stranger.post(path).headers["location"] == "/sign-in"
    assert stranger.post("/sign-in/code", {"code": "1"}).headers["location"] == "/sign-in?next=%2F"


def add_passkey(reader: Reader, world: World, device: Device, password: str = PASSWORD) -> Response:
    with world.shelter.node.works.read(SYSTEM) as work:
        account = store.account_by_name(work.connection, "besa")
        assert account
        device.handle = bytes.fromhex(account.id)
    made = device.make(options_of(reader.get("/me/passkeys/add")))
    return reader.post("/me/passkeys/add", {"credential": made, "name": "blue phone", "password": password})


def test_a_passkey_is_added_after_the_password_used_and_removed(strict: World, clock: SetClock) -> None:
    device, reader = Device(), Reader(strict.shelter).enter()
    refused = add_passkey(reader, strict, device, "wrong")
    assert (refused.status_code, "The password is not right" in refused.text) == (422, True)
    assert add_passkey(reader, strict, device).headers["location"] == "/me?done=passkey-added"
    assert "blue phone" in reader.get("/me").text

    other = Reader(strict.shelter)
    used = device.use(options_of(other.get("/sign-in")))
    thief = Reader(strict.shelter)
    thief.get("/sign-in")
    stolen = thief.post("/sign-in/passkey", {"credential": used, "next": "/cases"})
    assert (stolen.status_code, "The passkey was not accepted" in stolen.text) == (422, True)
    entered = other.post("/sign-in/passkey", {"credential": used, "next": "/cases"})
    assert entered.headers["location"] == "/cases"
    assert other.get("/cases").status_code == 200

    other.get("/leave")
    clock.moment += timedelta(seconds=5)
    locked = other.get("/unlock")
    opened = other.post("/unlock/passkey", {"credential": device.use(options_of(locked)), "next": "/cases"})
    assert opened.headers["location"] == "/cases"
    assert other.get("/cases").status_code == 200

    path = removing(reader)
    assert "blue phone" in reader.get(path).text
    kept = reader.post("/me/passkeys/remove", {"passkey": path.rpartition("=")[2]})
    assert (kept.status_code, "set up one-time codes before" in kept.text) == (409, True)


def removing(reader: Reader) -> str:
    """Return where the reader's first passkey is removed."""
    found = re.search(r'href="(/me/passkeys/remove\?passkey=[0-9a-f]{32})"', reader.get("/me").text)
    assert found
    return found[1]


def test_another_s_passkey_does_not_unlock(world: World, besa: Reader) -> None:
    device = Device()
    add_passkey(besa, world, device)
    other = Reader(world.shelter).enter("mira")
    other.get("/leave")
    answer = other.post("/unlock/passkey", {"credential": device.use(options_of(other.get("/unlock")))})
    assert answer.status_code == 422
    assert other.get("/").headers["location"] == "/unlock"


def test_codes_are_set_up_renewed_and_switched_off_on_ones_own_page(
    world: World, besa: Reader, clock: SetClock
) -> None:
    app = secret_of(besa.get("/me/codes"))
    refused = besa.post("/me/codes", {"code": app.at(clock.moment), "password": "wrong"})
    assert "The password is not right" in refused.text
    wrong = besa.post("/me/codes", {"code": "000000", "password": PASSWORD})
    assert "This is not the code that the app shows now." in wrong.text
    shown = besa.post("/me/codes", {"code": app.at(clock.moment), "password": PASSWORD})
    codes = re.findall(r'<li class="digits">([^<]+)', shown.text)
    besa.get("/me")
    assert besa.get("/me/recovery").status_code == 200
    renewed = besa.post("/me/recovery")
    assert set(codes).isdisjoint(re.findall(r'<li class="digits">([^<]+)', renewed.text))
    assert "10 recovery codes are left" in besa.get("/me").text
    assert besa.get("/me/codes/remove").status_code == 200
    assert besa.post("/me/codes/remove").headers["location"] == "/me?done=codes-removed"
    assert besa.get("/me/recovery").headers["location"] == "/me/codes"
    assert besa.get("/me/codes/remove").headers["location"] == "/me"
    assert besa.post("/me/recovery").status_code == 409
    assert world.shelter.node.settings.needs_second_factor == ("nobody",)


def test_what_is_needed_can_t_be_switched_off(strict: World) -> None:
    reader = Reader(strict.shelter).enter()
    answer = reader.post("/me/codes/remove")
    assert (answer.status_code, "need a second step" in answer.text) == (409, True)


def test_sessions_are_listed_with_their_browser_and_ended_one_or_all(
    world: World, besa: Reader, clock: SetClock
) -> None:
    clock.moment += timedelta(minutes=6)
    phone = Reader(world.shelter, **{"user-agent": "Mozilla/5.0 (Android 16; Mobile) Firefox/140.0"})
    phone.sign_in()
    page = besa.get("/me").text
    assert "Firefox · Android" in page
    [path] = re.findall(r'href="(/me/sessions/end\?session=[0-9a-f]{64})"', page)
    named = {"session": path.rpartition("=")[2]}
    for asked in (besa.get(path), besa.post("/me/sessions/end", named)):
        assert asked.headers["location"] == with_query("/me/prove", next=path)
    everywhere = besa.post("/me/sessions/end-others").headers["location"]
    assert everywhere == with_query("/me/prove", next="/me/sessions/end")
    assert phone.get("/").status_code == 200
    besa.get(everywhere)
    besa.post("/me/prove", {"password": PASSWORD, "next": path})
    assert "Firefox · Android" in besa.get(path).text
    assert besa.post("/me/sessions/end", named).headers["location"] == "/me?done=session-ended"
    assert phone.get("/").headers["location"] == "/sign-in"
    assert besa.get(path).status_code == besa.post("/me/sessions/end", named).status_code == 404
    phone.sign_in()
    stranger = Reader(world.shelter).enter("mira")
    assert "Wherever else you are signed in" in besa.get("/me/sessions/end").text
    assert besa.post("/me/sessions/end-others").headers["location"] == "/me?done=others-ended"
    assert phone.get("/").status_code == 303
    assert besa.get("/").status_code == stranger.get("/").status_code == 200


NEW = "seven green boats at dawn"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"new": NEW, "repeated": NEW}, "The password is not right"),
        ({"password": "wrong", "new": NEW, "repeated": NEW}, "The password is not right"),
        ({"password": PASSWORD, "new": NEW, "repeated": NEW + "!"}, "This differs from the password above"),
        ({"password": PASSWORD, "new": "short", "repeated": "short"}, "Use at least 12 characters"),
        ({"password": PASSWORD, "new": "Password2026!", "repeated": "Password2026!"}, "first that are tried"),
    ],
)
def test_a_password_is_not_changed_without_the_old_one_or_to_a_bad_one(
    world: World, besa: Reader, typed: dict[str, str], said: str
) -> None:
    besa.get("/me/password")
    refused = besa.post("/me/password", typed)
    assert (refused.status_code, said in refused.text) == (422, True)
    assert not any(each in refused.text for each in (NEW, PASSWORD))
    assert Reader(world.shelter).sign_in().headers["location"] == "/"


def test_people_change_their_own_password_and_other_sessions_end(world: World, besa: Reader) -> None:
    phone = Reader(world.shelter).enter()
    assert "/me/password" in besa.get("/me").text
    besa.get("/me/password")
    changed = besa.post("/me/password", {"password": PASSWORD, "new": NEW, "repeated": NEW})
    assert changed.headers["location"] == "/me?done=password-changed"
    assert besa.get("/").status_code == 200
    assert phone.get("/").headers["location"] == "/sign-in"
    assert Reader(world.shelter).sign_in().status_code == 422
    assert Reader(world.shelter).sign_in(password=NEW).headers["location"] == "/"


def test_who_needs_more_than_a_password_follows_the_settings(tmp_path: Path) -> None:
    def needed(**given: object) -> frozenset[str]:
        settings = Settings(folder=tmp_path, **given)  # type: ignore[arg-type]  # as read from a file
        return callers.policy_of(settings).second_factor_roles

    assert needed() == frozenset()
    assert needed(public_url="http://localhost:8470") == frozenset()
    for served in ({"host": "0.0.0.0"}, {"behind_proxy": True}, {"public_url": "https://shelter.example"}):  # noqa: S104 - a setting
        assert "case-worker" in needed(**served)
        assert needed(**served, second_factor=("administrator",)) == {"administrator"}
        assert needed(**served, training=True, second_factor="nobody") == frozenset()
        with pytest.raises(ValueError, match="only a training node"):
            needed(**served, second_factor="nobody")
    with pytest.raises(SetupError):
        needed(second_factor="case-worker, kingg")
