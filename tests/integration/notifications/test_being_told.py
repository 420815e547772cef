"""Who is told outside of the pages, when, and what the message gives away."""

from __future__ import annotations

import smtplib
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
import structlog
from sqlalchemy import select
from tests.conftest import PASSPHRASE
from tests.federation.neighbours import settle
from tests.integration.notifications.conftest import PUBLIC_URL
from tests.integration.notifications.telling import (
    ADDRESS,
    AWAY,
    arrive,
    come,
    open_alarms,
    open_jobs,
    tell,
    wish,
)
from tests.pages import Reader, World

from iars_node.accounts import service as accounts
from iars_node.accounts import store as account_store
from iars_node.audit import alarms
from iars_node.audit.tables import audit_event
from iars_node.cases import service as cases
from iars_node.cases.model import Assignment
from iars_node.errors import ForbiddenError
from iars_node.notifications import service as notifications
from iars_node.notifications import store
from iars_node.notifications.model import KINDS, Wish
from iars_node.notifications.tables import notification_choice
from iars_node.referrals import service as referrals
from iars_node.vault.errors import DamagedError
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.mail import Mailbox

    from iars_node.clock import SetClock


def test_nobody_but_a_person_is_told(world: World) -> None:
    with world.shelter.node.works.write(SYSTEM) as work, pytest.raises(ForbiddenError):
        notifications.choose(work, Wish(ADDRESS, frozenset(KINDS), "at-once"), ZoneInfo("UTC"))
    with world.shelter.node.works.write(SYSTEM) as work, pytest.raises(ForbiddenError):
        notifications.end(work)


async def test_who_did_not_wish_it_is_told_nothing(world: World, clock: SetClock, box: Mailbox) -> None:
    await arrive(world)
    tell(world.mission, clock)
    assert box.messages == []


async def test_a_referral_that_came_in_is_told_without_any_of_its_content(
    either_world: World, clock: SetClock, box: Mailbox
) -> None:
    world = either_world
    account = wish(world.mission)
    clock.moment += AWAY
    sent = await arrive(world)
    tell(world.mission, clock)
    [message] = box.messages
    assert (message["To"], message["Subject"]) == (ADDRESS, "Something needs you")
    assert f"{PUBLIC_URL}/sign-in" in message.get_content().split()
    everything = message.as_string()
    secrets = (
        sent.id,
        sent.reference,
        sent.case_id,
        account.id,
        "besa@post",
        "Besa",
        "Shelter",
        "Mission",
        "MED",
    )
    assert [secret for secret in secrets if secret in everything.replace(f"To: {ADDRESS}", "")] == []


async def test_the_message_is_in_the_language_of_the_account(
    world: World, clock: SetClock, box: Mailbox
) -> None:
    account = wish(world.mission)
    with world.mission.node.works.write(SYSTEM) as work:
        account_store.update_account(work.connection, account.id, language="ar")
    clock.moment += AWAY
    await arrive(world)
    tell(world.mission, clock)
    [message] = box.messages
    assert message["Subject"] == "هناك ما يحتاج إليك"
    assert message["Content-Language"] == "ar"


async def test_nothing_more_comes_until_they_have_been_there(
    either_world: World, clock: SetClock, box: Mailbox
) -> None:
    world = either_world
    wish(world.mission)
    for _ in range(3):
        clock.moment += AWAY
        await arrive(world)
        tell(world.mission, clock)
    assert len(box.messages) == 1
    come(world.mission, clock)
    tell(world.mission, clock)
    assert len(box.messages) == 1, "what was there when they came is not told again"
    await arrive(world)
    tell(world.mission, clock)
    assert len(box.messages) == 2


async def test_who_is_at_the_pages_is_not_told(world: World, clock: SetClock, box: Mailbox) -> None:
    wish(world.mission)
    clock.moment += AWAY
    await arrive(world)
    clock.moment += timedelta(seconds=30)
    reader = Reader(world.mission).enter("besa")
    tell(world.mission, clock, timedelta(seconds=30))
    await arrive(world)
    clock.moment += timedelta(seconds=90)
    reader.get("/")
    tell(world.mission, clock)
    assert box.messages == []


async def test_what_was_not_sent_before_they_came_is_not_sent(
    world: World, clock: SetClock, box: Mailbox
) -> None:
    wish(world.mission)
    clock.moment += AWAY
    await arrive(world)
    clock.moment += AWAY
    world.mission.run_jobs()
    assert open_jobs(world.mission) == 1
    come(world.mission, clock)
    assert open_jobs(world.mission) == 0
    tell(world.mission, clock)
    assert box.messages == []


async def test_an_answer_is_told_to_whose_referral_it_is_and_to_nobody_else(
    either_world: World, clock: SetClock, box: Mailbox
) -> None:
    world = either_world
    besa = wish(world.shelter)
    wish(world.shelter, "mira", address="mira@post.example.org", kinds=frozenset({"answer"}))
    case, _given, _first = world.referral()
    with world.shelter.node.works.write(SYSTEM) as work:
        cases.assign_case(work, case.id, Assignment(assigned_to=besa.id))
    await settle(world.shelter, world.mission)
    clock.moment += AWAY
    with world.mission.node.works.read(SYSTEM) as work:
        [came] = referrals.list_referrals(work).referrals
    world.mission.act(referrals.accept, came.id)
    await settle(world.mission, world.shelter)

    tell(world.shelter, clock)
    assert [message["To"] for message in box.messages] == [ADDRESS]


async def test_a_consent_a_follow_up_and_an_alert_are_told_each_in_its_time(
    either_world: World, clock: SetClock, box: Mailbox
) -> None:
    world = either_world
    shelter = world.shelter
    case = shelter.open_case()
    shelter.give_consent(case, world.mission)  # for thirty days; told fourteen before its end
    with shelter.node.works.write(SYSTEM) as work:
        due = work.now + timedelta(days=3)
        cases.add_task(work, case.id, "services", "Call the clinic", due_at=due)
    clock.moment += AWAY
    wish(shelter)
    tell(shelter, clock, timedelta(days=1, hours=23))
    assert box.messages == []
    tell(shelter, clock, timedelta(hours=2))
    assert len(box.messages) == 1
    come(shelter, clock)
    tell(shelter, clock, timedelta(days=13, hours=23))
    assert len(box.messages) == 2, "the consent"
    wish(shelter, "arta", address="arta@post.example.org")
    clock.moment += AWAY
    with shelter.node.works.write(SYSTEM) as work:
        alarms.raise_alarm(work, "disk.full")
    tell(shelter, clock)
    assert [message["To"] for message in box.messages][2:] == ["arta@post.example.org"]


async def test_a_kind_that_was_not_chosen_is_not_told(world: World, clock: SetClock, box: Mailbox) -> None:
    wish(world.mission, kinds=frozenset({"follow-up"}))
    clock.moment += AWAY
    await arrive(world)
    tell(world.mission, clock)
    assert box.messages == []


async def test_at_most_one_an_hour(world: World, clock: SetClock, box: Mailbox) -> None:
    wish(world.mission, rhythm="hourly")
    for count in (1, 1, 2):
        clock.moment += AWAY
        await arrive(world)
        tell(world.mission, clock, timedelta(minutes=30))
        come(world.mission, clock)
        assert len(box.messages) == count
        clock.moment += timedelta(minutes=3)
        await arrive(world)


async def test_a_daily_message_comes_at_its_hour_where_the_organisation_is(
    world: World, clock: SetClock, box: Mailbox
) -> None:
    # Nine in the morning in UTC is ten in Tirana.
    wish(world.mission, rhythm="daily", hour=12)
    clock.moment += AWAY
    await arrive(world)
    tell(world.mission, clock, timedelta(minutes=110))
    assert box.messages == []
    tell(world.mission, clock, timedelta(minutes=10))
    assert len(box.messages) == 1
    come(world.mission, clock)
    tell(world.mission, clock, timedelta(minutes=1))
    await arrive(world)
    tell(world.mission, clock, timedelta(hours=5))
    assert len(box.messages) == 1, "the day's message is out"
    tell(world.mission, clock, timedelta(hours=19))
    assert len(box.messages) == 2


async def test_who_is_there_at_the_hour_waits_for_the_next_day(
    world: World, clock: SetClock, box: Mailbox
) -> None:
    wish(world.mission, rhythm="daily", hour=12)
    reader = Reader(world.mission).enter("besa")
    clock.moment += timedelta(hours=2)
    reader.enter("besa")
    tell(world.mission, clock, timedelta(minutes=1))
    await arrive(world)
    tell(world.mission, clock, timedelta(hours=3))
    assert box.messages == []
    tell(world.mission, clock, timedelta(hours=21))
    assert len(box.messages) == 1


async def test_a_disabled_account_and_one_whose_roles_went_are_told_nothing(
    world: World, clock: SetClock, box: Mailbox
) -> None:
    besa, mira = wish(world.mission), wish(world.mission, "mira", address="mira@post.example.org")
    with world.mission.node.works.write(SYSTEM) as work:
        accounts.disable(work, besa.id)
        accounts.set_roles(work, mira.id, {"auditor"})
    clock.moment += AWAY
    await arrive(world)
    tell(world.mission, clock)
    assert box.messages == []


async def test_what_waits_to_be_sent_is_not_sent_to_a_disabled_account(
    world: World, clock: SetClock, box: Mailbox
) -> None:
    besa = wish(world.mission)
    clock.moment += AWAY
    await arrive(world)
    clock.moment += AWAY
    world.mission.run_jobs()
    with world.mission.node.works.write(SYSTEM) as work:
        accounts.disable(work, besa.id)
    assert world.mission.node.notifier.send_next()
    assert (box.messages, open_jobs(world.mission)) == ([], 0)


async def test_a_server_that_is_away_is_tried_at_growing_distances_and_then_alarms(
    either_world: World, clock: SetClock, box: Mailbox
) -> None:
    world = either_world
    wish(world.mission)
    clock.moment += AWAY
    await arrive(world)
    box.answer = f"451 {ADDRESS} come back later"
    waits = (timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4))
    with structlog.testing.capture_logs() as logs:
        tell(world.mission, clock)
        for wait in waits[:-1]:
            assert open_alarms(world.mission) == []
            tell(world.mission, clock, wait - timedelta(seconds=1))
            tell(world.mission, clock, timedelta(seconds=1))
    assert [log["error"] for log in logs if log["event"] == "notification.refused"] == ["smtp-451"] * 3
    assert ADDRESS not in repr(logs)
    [raised] = open_alarms(world.mission)
    assert (raised.kind, raised.detail) == ("notification.refused", {"code": "smtp-451"})
    box.answer = "250 OK"
    tell(world.mission, clock, waits[-1])
    assert (len(box.messages), open_jobs(world.mission)) == (1, 0)


async def test_an_address_that_is_refused_alarms_at_once_and_names_the_account(
    world: World, clock: SetClock, box: Mailbox
) -> None:
    account = wish(world.mission)
    clock.moment += AWAY
    await arrive(world)
    box.answer = f"550 {ADDRESS} is not here"
    tell(world.mission, clock)
    [raised] = open_alarms(world.mission)
    assert (raised.subject, raised.detail) == (account.id, {"code": "smtp-550"})
    tell(world.mission, clock, timedelta(minutes=59))
    [raised] = open_alarms(world.mission)
    assert raised.times == 1, "it is tried once an hour"


async def test_a_locked_node_sends_when_it_is_unlocked(world: World, clock: SetClock, box: Mailbox) -> None:
    wish(world.mission)
    clock.moment += AWAY
    await arrive(world)
    clock.moment += AWAY
    world.mission.run_jobs()
    world.mission.node.vault.lock()
    assert not world.mission.node.notifier.send_next()
    world.mission.node.vault.unlock(PASSPHRASE)
    assert world.mission.node.notifier.send_next()
    assert len(box.messages) == 1


def test_the_address_is_sealed_for_its_account_alone(world: World) -> None:
    besa, mira = wish(world.shelter), wish(world.shelter, "mira", address="mira@post.example.org")
    node = world.shelter.node
    with node.works.write(SYSTEM) as work:
        rows = work.connection.execute(select(notification_choice)).mappings().all()
        assert "post.example.org" not in repr(rows)
        assert ADDRESS not in repr(work.connection.execute(select(audit_event)).all())
        assert store.address_of(work.connection, work.vault, besa.id) == ADDRESS
        swapped = next(row["sealed"] for row in rows if row["account_id"] == mira.id)
        theirs = notification_choice.update().where(notification_choice.c.account_id == besa.id)
        work.connection.execute(theirs.values(sealed=swapped))
    with node.works.read(SYSTEM) as work, pytest.raises(DamagedError):
        store.address_of(work.connection, work.vault, besa.id)


def test_who_wishes_it_no_more_leaves_no_address(world: World) -> None:
    account = wish(world.shelter)
    with world.shelter.node.works.write(account.actor) as work:
        notifications.end(work)
        assert store.choice_of(work.connection, account.id) is None
        assert store.address_of(work.connection, work.vault, account.id) == ""


def test_a_fault_of_this_program_keeps_the_message_and_sends_it_later(
    world: World, clock: SetClock, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = wish(world.shelter, "arta", address="arta@post.example.org")
    clock.moment += AWAY
    with world.shelter.node.works.write(SYSTEM) as work:
        alarms.raise_alarm(work, "disk.full")

    def broken(*_given: object, **_named: object) -> Callable[[], None]:
        raise RuntimeError(account.id)

    with monkeypatch.context() as patched:
        patched.setattr(smtplib.SMTP, "send_message", broken)
        tell(world.shelter, clock)
        assert (box.messages, open_jobs(world.shelter)) == ([], 1)
    tell(world.shelter, clock, timedelta(minutes=1))
    assert len(box.messages) == 1
