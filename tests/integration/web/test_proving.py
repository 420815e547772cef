"""What lets somebody in is taken away only by who has just shown to be there."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.authenticator import Device
from tests.integration.web.test_entering import (
    NEW,
    add_passkey,
    begin,
    options_of,
    removing,
    secret_of,
    strict,
)
from tests.pages import PASSWORD, Reader, World, words

from iars_node.accounts import factor_store, factors, store
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.accounts.model import Account
    from iars_node.clock import SetClock

__all__ = ["strict"]

A_WHILE = timedelta(minutes=5)
DIGITS = re.compile(r'<li class="digits">([^<]+)')


def besa_of(world: World) -> Account:
    with world.shelter.node.works.read(SYSTEM) as work:
        found = store.account_by_name(work.connection, "besa")
    assert found
    return found


@pytest.fixture
def equipped(world: World, besa: Reader, clock: SetClock) -> tuple[Reader, Device]:
    """Somebody with a passkey and an app, who came in a while ago."""
    device = Device()
    add_passkey(besa, world, device)
    app = secret_of(besa.get("/me/codes"))
    besa.post("/me/codes", {"code": app.at(clock.moment), "password": PASSWORD})
    besa.get("/me")
    clock.moment += A_WHILE
    return besa, device


def ways_of(world: World) -> tuple[int, bool, int]:
    """Return how many passkeys there are, whether an app, and how many recovery codes."""
    account = besa_of(world)
    with world.shelter.node.works.read(SYSTEM) as work:
        return (
            len(factor_store.passkeys_of(work.connection, account.id)),
            factors.has_codes(work, account.id),
            factor_store.count_recovery_codes(work.connection, account.id),
        )


def test_after_a_while_nothing_is_taken_away_before_the_password(
    world: World, equipped: tuple[Reader, Device]
) -> None:
    reader, _device = equipped
    path = removing(reader)
    asked = [
        (reader.get(path).headers["location"], path),
        (reader.get("/me/recovery").headers["location"], "/me/recovery"),
        (reader.get("/me/codes/remove").headers["location"], "/me/codes/remove"),
        (reader.post("/me/passkeys/remove", {"passkey": path[-32:]}).headers["location"], path),
        (reader.post("/me/recovery").headers["location"], "/me/recovery"),
        (reader.post("/me/codes/remove").headers["location"], "/me/codes/remove"),
    ]
    for location, back in asked:
        assert location.startswith("/me/prove?next=")
        assert f'name="next" value="{back}"' in reader.get(location).text
    assert ways_of(world) == (1, True, 10)


def test_a_wrong_password_proves_nothing_and_guesses_wait(
    world: World, equipped: tuple[Reader, Device]
) -> None:
    reader, _device = equipped
    typed = {"password": "wrong", "next": "/me/recovery"}
    answers = [reader.post("/me/prove", typed) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [422] * 8
    assert "The password is not right" in answers[0].text
    assert "Too many attempts" in answers[-1].text
    assert 'name="next" value="/me/recovery"' in answers[0].text
    assert reader.get("/me/recovery").headers["location"].startswith("/me/prove")
    assert ways_of(world) == (1, True, 10)


def test_the_password_counts_for_five_minutes_and_in_this_browser_alone(
    world: World, equipped: tuple[Reader, Device], clock: SetClock
) -> None:
    reader, device = equipped
    other = Reader(world.shelter)
    used = device.use(options_of(other.get("/sign-in")))
    assert other.post("/sign-in/passkey", {"credential": used}).headers["location"] == "/"
    clock.moment += A_WHILE
    proved = reader.post("/me/prove", {"password": PASSWORD, "next": "/me/recovery"})
    assert proved.headers["location"] == "/me/recovery"
    assert reader.get("/me/recovery").status_code == 200
    assert other.get("/me/recovery").headers["location"].startswith("/me/prove")
    clock.moment += A_WHILE - timedelta(seconds=1)
    assert len(DIGITS.findall(reader.post("/me/recovery").text)) == 10
    clock.moment += timedelta(seconds=1)
    assert reader.post("/me/recovery").headers["location"].startswith("/me/prove")


def test_a_passkey_proves_it_as_well(world: World, equipped: tuple[Reader, Device]) -> None:
    reader, device = equipped
    page = reader.get("/me/prove?next=/me/codes/remove")
    used = device.use(options_of(page))
    proved = reader.post("/me/prove/passkey", {"credential": used, "next": "/me/codes/remove"})
    assert proved.headers["location"] == "/me/codes/remove"
    assert reader.post("/me/codes/remove").headers["location"] == "/me?done=codes-removed"
    assert ways_of(world) == (1, False, 0)


def test_what_a_passkey_signed_for_another_page_or_person_proves_nothing(
    world: World, equipped: tuple[Reader, Device]
) -> None:
    reader, device = equipped
    for options in ("/sign-in", "/unlock"):
        stranger = Reader(world.shelter)
        page = stranger.get(options)
        found = re.search(r'data-options="', page.text)
        if found is None:
            continue
        used = device.use(options_of(page))
        assert reader.post("/me/prove/passkey", {"credential": used}).status_code == 422
    mira = Reader(world.shelter).enter("mira")
    with world.shelter.node.works.read(SYSTEM) as work:
        account = store.account_by_name(work.connection, "mira")
    assert account
    theirs = Device()
    theirs.handle = bytes.fromhex(account.id)
    made = theirs.make(options_of(mira.get("/me/passkeys/add")))
    mira.post("/me/passkeys/add", {"credential": made, "name": "mine", "password": PASSWORD})
    used = theirs.use(options_of(reader.get("/me/prove")))
    answer = reader.post("/me/prove/passkey", {"credential": used})
    assert (answer.status_code, "The passkey was not accepted" in answer.text) == (422, True)
    assert reader.get("/me/recovery").headers["location"].startswith("/me/prove")


def test_proof_leads_to_a_page_of_this_node_alone(equipped: tuple[Reader, Device]) -> None:
    reader, _device = equipped
    for elsewhere in ("https://example.org/", "//example.org", "/\\example.org"):
        answer = reader.post("/me/prove", {"password": PASSWORD, "next": elsewhere})
        assert answer.headers["location"] == "/"


def test_one_removes_one_s_own_passkeys_alone(world: World, equipped: tuple[Reader, Device]) -> None:
    reader, _device = equipped
    path = removing(reader)
    mira = Reader(world.shelter).enter("mira")
    assert mira.get(path).status_code == 404
    assert mira.post("/me/passkeys/remove", {"passkey": path[-32:]}).status_code == 404
    assert ways_of(world)[0] == 1


def test_who_unlocks_has_shown_to_be_there(
    world: World, equipped: tuple[Reader, Device], clock: SetClock
) -> None:
    reader, _device = equipped
    reader.get("/leave")
    clock.moment += timedelta(seconds=5)
    reader.get("/unlock")
    reader.post("/unlock", {"password": PASSWORD, "next": "/me"})
    assert reader.get("/me/recovery").status_code == 200
    assert ways_of(world)[2] == 10


def chosen_passkey(world: World) -> tuple[Reader, Device, list[str]]:
    """Go through the first sign-in with a passkey as the second step."""
    device, reader = Device(), begin(world)
    device.handle = bytes.fromhex(besa_of(world).id)
    offered = reader.get("/welcome/codes")
    assert 'href="/welcome/passkey"' in offered.text
    page = reader.get("/welcome/passkey")
    made = device.make(options_of(page))
    done = reader.post("/welcome/passkey", {"credential": made, "name": "phone"})
    return reader, device, DIGITS.findall(done.text)


def test_the_first_sign_in_takes_a_passkey_as_the_second_step(strict: World, clock: SetClock) -> None:
    reader, device, codes = chosen_passkey(strict)
    assert len(codes) == 10
    assert reader.get("/").status_code == 200
    assert ways_of(strict) == (1, False, 10)
    clock.moment += timedelta(minutes=1)
    other = Reader(strict.shelter)
    used = device.use(options_of(other.get("/sign-in")))
    entered = other.post("/sign-in/passkey", {"credential": used, "next": "/cases"})
    assert entered.headers["location"] == "/cases"


def test_a_password_alone_sets_up_no_app_where_there_is_a_passkey(strict: World) -> None:
    _reader, _device, codes = chosen_passkey(strict)
    thief = Reader(strict.shelter)
    thief.get("/sign-in")
    answer = thief.post("/sign-in", {"name": "besa", "password": NEW})
    assert answer.headers["location"] == "/sign-in/code?next=%2F"
    asked = thief.get("/sign-in/code")
    assert "one of your recovery codes" in words(asked.text)
    assert "/sign-in/passkey" in asked.text
    assert thief.post("/sign-in/code", {"code": "123456"}).status_code == 422
    entered = thief.post("/sign-in/code", {"code": codes[0]})
    assert entered.headers["location"] == "/"
    for page in ("codes", "passkey"):
        other = Reader(strict.shelter)
        other.get("/sign-in")
        other.post("/sign-in", {"name": "besa", "password": NEW})
        assert other.get(f"/welcome/{page}").headers["location"] == "/sign-in"


def test_who_has_used_up_the_recovery_codes_comes_in_by_the_passkey_alone(strict: World) -> None:
    _reader, _device, _codes = chosen_passkey(strict)
    with strict.shelter.node.works.write(SYSTEM) as work:
        factor_store.delete_recovery_codes(work.connection, besa_of(strict).id)
    other = Reader(strict.shelter)
    other.get("/sign-in")
    answer = other.post("/sign-in", {"name": "besa", "password": NEW})
    assert answer.headers["location"] == "/sign-in/code?next=%2F"


def test_a_passkey_that_was_chosen_alone_can_be_renewed_by_paper_and_removed_with_it(world: World) -> None:
    reader, _device, codes = chosen_passkey(world)
    assert "code de secours de votre papier" in words(reader.get("/me").text)
    renewed = DIGITS.findall(reader.post("/me/recovery").text)
    assert set(codes).isdisjoint(renewed)
    path = removing(reader)
    assert reader.get(path).status_code == 200
    removed = reader.post("/me/passkeys/remove", {"passkey": path[-32:]})
    assert removed.headers["location"] == "/me?done=passkey-removed"
    assert ways_of(world) == (0, False, 0)


def test_a_passkey_without_a_name_is_asked_for_again(strict: World) -> None:
    device, reader = Device(), begin(strict)
    device.handle = bytes.fromhex(besa_of(strict).id)
    made = device.make(options_of(reader.get("/welcome/passkey")))
    answer = reader.post("/welcome/passkey", {"credential": made, "name": " "})
    assert answer.status_code == 422
    assert ways_of(strict) == (0, False, 0)
    assert reader.get("/").headers["location"] == "/sign-in"


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_passkey_at_the_first_sign_in_is_for_who_has_begun_alone(world: World, method: str) -> None:
    stranger = Reader(world.shelter)
    stranger.get("/sign-in")
    assert getattr(stranger, method)("/welcome/passkey").headers["location"] == "/sign-in"
