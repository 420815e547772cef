"""The page on which somebody chooses how they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.pages import Reader, World, copied, make_world, words

from iars_node.accounts import store as account_store
from iars_node.notifications import store
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iars_node.clock import SetClock
    from iars_node.notifications.model import Choice

TYPED = {
    "address": "besa@post.example.org",
    "kinds": ["referral", "follow-up"],
    "rhythm": "daily",
    "hour": "07",
}


@pytest.fixture
def telling(tmp_path: Path, clock: SetClock, sqlite_template: Path) -> Iterator[World]:
    """Organisations with a mail server."""
    mail = {"smtp_host": "127.0.0.1", "smtp_port": 9, "smtp_tls": "none", "smtp_from": "iars@example.org"}
    made = make_world(tmp_path / "telling", clock, copied(sqlite_template), **mail)
    yield made
    made.close()


def kept(world: World, name: str = "besa") -> tuple[Choice | None, str]:
    with world.shelter.node.works.read(SYSTEM) as work:
        account = account_store.account_by_name(work.connection, name)
        assert account
        choice = store.choice_of(work.connection, account.id)
        return choice, store.address_of(work.connection, work.vault, account.id)


def test_it_is_for_who_is_signed_in_alone(world: World) -> None:
    reader = Reader(world.shelter)
    assert reader.get("/me/notifications").headers["location"] == "/sign-in?next=%2Fme%2Fnotifications"


def test_a_node_without_a_mail_server_says_so_and_offers_nothing(besa: Reader, world: World) -> None:
    page = besa.get("/me/notifications").text
    assert "your organisation has set up no mail server" in words(page)
    assert 'name="address"' not in page
    assert "This node sends no messages." in words(besa.get("/me").text)
    assert besa.post("/me/notifications", TYPED).headers["location"] == "/me/notifications"
    assert kept(world) == (None, "")


def test_what_is_chosen_is_kept_and_shown_again(telling: World) -> None:
    reader = Reader(telling.shelter).enter()
    assert "Nothing tells you outside of these pages" in words(reader.get("/me").text)
    assert reader.post("/me/notifications", TYPED).headers["location"] == "/me?done=notified"
    choice, address = kept(telling)
    assert choice is not None
    assert (choice.kinds, choice.rhythm, choice.hour) == (frozenset({"referral", "follow-up"}), "daily", 7)
    assert address == "besa@post.example.org"
    page = reader.get("/me/notifications").text
    assert 'value="besa@post.example.org"' in page
    assert '<option value="07" selected>' in page
    assert "Switched on" in words(reader.get("/me").text)


def test_only_what_somebody_may_act_on_is_offered(telling: World) -> None:
    page = Reader(telling.shelter).enter("arta").get("/me/notifications").text
    assert "The node raises an alert" in page
    assert "A new referral came in" not in page
    assert (
        "The node raises an alert" not in Reader(telling.shelter).enter("besa").get("/me/notifications").text
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"address": "besa@post.example.org\nBcc: all@example.org"}, "Write an e-mail address"),
        ({"address": "<script>alert(1)</script>"}, "Write an e-mail address"),
        ({"kinds": []}, "Choose from the list."),
        ({"kinds": ["alert"]}, "Choose from the list."),
        ({"rhythm": "always"}, "Choose from the list."),
        ({"hour": "24"}, "Choose from the list."),
    ],
)
def test_what_cannot_be_kept_is_shown_again(telling: World, changes: dict[str, object], fault: str) -> None:
    reader = Reader(telling.shelter).enter()
    answer = reader.post("/me/notifications", {**TYPED, **changes})
    assert (answer.status_code, kept(telling)) == (422, (None, ""))
    assert fault in words(answer.text)
    assert "<script>alert" not in answer.text


def test_wishing_it_no_more_forgets_the_address(telling: World) -> None:
    reader = Reader(telling.shelter).enter()
    reader.post("/me/notifications", TYPED)
    assert reader.post("/me/notifications/end").headers["location"] == "/me?done=not-notified"
    assert kept(telling) == (None, "")
    assert "forget my address" not in reader.get("/me/notifications").text


def test_one_sees_and_changes_nobodys_choice_but_ones_own(telling: World) -> None:
    Reader(telling.shelter).enter("besa").post("/me/notifications", TYPED)
    mira = Reader(telling.shelter).enter("mira")
    assert "besa@post" not in mira.get("/me/notifications").text
    mira.post("/me/notifications/end")
    assert kept(telling)[1] == "besa@post.example.org"
