"""What is erased is gone from every file, and no older copy of the database brings it back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url
from tests.conftest import PASSPHRASE
from tests.federation.endings import (
    asked,
    endings_at,
    outcomes,
    pass_time,
    record_of,
    shown,
    withdraw,
)
from tests.federation.neighbours import SHARED, Neighbour, Wire, settle
from tests.federation.raw_files import Markers, every_file, record_with_everything, wrapped_keys
from tests.federation.uploads import UploadWire, attach, upload_all
from tests.federation.yesterday import back_up, restore_older_database

from iars_admin.orphans import compare
from iars_node.attachments.tables import attachment
from iars_node.cases import service as cases
from iars_node.cases.tables import case_content, search_word
from iars_node.errors import ErasedError
from iars_node.exchange.tables import message_part
from iars_node.node import build_node
from iars_node.referrals import service as referrals
from iars_node.vault.content_keys import find_keys
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgresql import PostgresqlServer

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent
    from iars_node.referrals.model import Referral

HOLD = timedelta(hours=48)
HOUR = timedelta(hours=1)

Image: TypeAlias = Callable[[], str]
"""Opens a copy of a database's files and returns the copy's URL."""


@pytest.fixture
def wire() -> UploadWire:
    """A wire that attachments pass too."""
    return UploadWire()


async def share_everything(
    shelter: Neighbour, mission: Neighbour, markers: Markers
) -> tuple[Referral, Consent, str]:
    """Refer a person with every scope and an attachment, and let all of it arrive."""
    case = shelter.open_case(record_with_everything(markers))
    given = shelter.give_consent(case, mission, scopes=tuple(SCOPES))
    scan = attach(shelter, case, markers.word("scan").encode() * 40)
    texts = (("services", markers.word("text")), ("medical", markers.word("text")))
    sent = shelter.refer(case, given, mission, texts=texts, attachments=(scan,))
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    await upload_all(shelter)
    assert shown(mission, sent.id) == set(SCOPES)
    return sent, given, scan


def received_keys(side: Neighbour, sent: Referral) -> set[bytes]:
    """Return the ids of the keys that everything received under a referral's grant is sealed with."""
    current = side.referral(sent.id)
    with side.node.works.read(SYSTEM) as work:
        owners = (("referral", current.id), ("case", current.case_id))
        return {
            key.key_id
            for kind, owner in owners
            for key in find_keys(work.connection, kind, owner)  # type: ignore[arg-type]  # both are kinds
            if key.source == current.grant_id and key.scope in SCOPES
        }


def sealed_rows(side: Neighbour, keys: set[bytes]) -> list[tuple[bytes, bytes]]:
    """Return what an old copy of the database holds that these keys seal: key and sealed bytes."""
    with side.node.works.read(SYSTEM) as work:
        found = []
        for table in (case_content, attachment):
            rows = work.connection.execute(select(table.c.key_id, table.c.sealed))
            found += [(bytes(row.key_id), bytes(row.sealed)) for row in rows]
        parts = work.connection.execute(select(message_part.c.key_ids, message_part.c.sealed))
        found += [(bytes(row.key_ids)[-16:], bytes(row.sealed)) for row in parts]
    return [(key, sealed) for key, sealed in found if key in keys and sealed]


async def erase_by_withdrawal(
    clock: SetClock, shelter: Neighbour, mission: Neighbour, given: Consent
) -> None:
    withdraw(shelter, given)
    await settle(shelter, mission)
    pass_time(clock, HOLD + HOUR, shelter, mission)
    await settle(shelter, mission)
    assert outcomes(asked(shelter, given)) == [dict.fromkeys(sorted(SCOPES), "erased")]


async def test_no_file_holds_a_word_or_a_key_of_what_was_erased(
    pair: tuple[Neighbour, Neighbour], clock: SetClock, capfd: pytest.CaptureFixture[str]
) -> None:
    shelter, mission = pair
    markers = Markers()
    sent, given, _scan = await share_everything(shelter, mission, markers)
    keys = received_keys(mission, sent)
    wrapped = wrapped_keys(mission, keys)
    old = sealed_rows(mission, keys)
    assert len(wrapped) == len(keys) > len(SCOPES)
    assert len(old) > len(SCOPES)
    # Only what is there before can be seen to be gone.
    before = b"".join(content for _, content in every_file(mission))
    assert all(key in before for key in wrapped)
    files_before = {name for name, _ in every_file(mission) if name.startswith("attachments")}
    assert files_before
    with mission.node.works.read(SYSTEM) as work:
        assert work.connection.execute(
            select(search_word.c.key_id).where(search_word.c.key_id.in_(keys))
        ).first()
    await erase_by_withdrawal(clock, shelter, mission, given)
    for name, content in every_file(mission):
        assert not markers.found_in(content), name
        for key in wrapped:
            assert key not in content, name
            assert key.hex().encode() not in content, name
    assert not {name for name, _ in every_file(mission) if name.startswith("attachments")}
    said = "".join(capfd.readouterr())
    assert not [word for word in markers.planted if word in said]
    with mission.node.works.read(SYSTEM) as work:
        assert not work.connection.execute(
            select(search_word.c.key_id).where(search_word.c.key_id.in_(keys))
        ).first()
        # What an old copy of the database holds meets a key store that has nothing to open it with.
        for key, sealed in old:
            with pytest.raises(ErasedError):
                work.vault.open(key, sealed, b"")
    for side in pair:
        with side.node.works.read(SYSTEM) as work:
            # What the ledger names is not lost, and every other row still has its key.
            assert list(compare(work.connection, work.vault).lost) == []
    # The origin's own file is whole.
    with shelter.node.works.read(SYSTEM) as work:
        assert {key.scope for key in find_keys(work.connection, "case", given.case_id)} >= set(SCOPES)


@pytest.fixture
def take_image(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Neighbour], Image]]:
    """Copy a node's database as a thief does, file by file; what it returns gives the copy's URL."""
    servers: list[PostgresqlServer] = []

    def take(side: Neighbour) -> Image:
        url = side.node.settings.database_url
        if side.node.database.is_sqlite:
            folder = tmp_path / "image"
            folder.mkdir()
            for path in side.node.settings.folder.glob("node.sqlite*"):
                shutil.copy(path, folder)
            return lambda: f"sqlite:///{folder / 'node.sqlite'}"
        running: PostgresqlServer = request.getfixturevalue("postgresql")
        copied = running.copy_files()
        servers.append(copied)

        def serve() -> str:
            copied.serve()
            return copied.url(make_url(url).database or "")

        return serve

    yield take
    for server in servers:
        server.stop()


def look_into(side: Neighbour, image: str, key_store: Path) -> Neighbour:
    """Open an image of a node's database with the passphrase and a key store: a thief's own node."""
    settings = side.node.settings.model_copy(
        update={"database_url": image, "key_store_url": f"sqlite:///{key_store}"}
    )
    node = build_node(settings, clock=side.node.clock, transport=Wire())
    node.vault.unlock(PASSPHRASE)
    return Neighbour(node)


async def test_an_old_database_with_the_passphrase_and_todays_key_store_shows_nothing_erased(
    pair: tuple[Neighbour, Neighbour],
    clock: SetClock,
    tmp_path: Path,
    take_image: Callable[[Neighbour], Image],
) -> None:
    shelter, mission = pair
    markers = Markers()
    sent, given, _scan = await share_everything(shelter, mission, markers)
    guess = next(word for word in markers.planted if word.endswith("familyname"))
    open_image = take_image(mission)
    mission.node.vault.back_up(tmp_path / "old-keys.sqlite")
    await erase_by_withdrawal(clock, shelter, mission, given)
    mission.node.vault.back_up(tmp_path / "todays-keys.sqlite")
    image = open_image()
    # The image holds all of it: with the key store of its own day it opens.
    whole = look_into(mission, image, tmp_path / "old-keys.sqlite")
    assert shown(whole, sent.id) == set(SCOPES)
    assert record_of(whole, sent.id)["identity"]
    whole.node.close()
    # It is from before the withdrawal, so nothing in it is locked; and with today's keys still nothing opens.
    thief = look_into(mission, image, tmp_path / "todays-keys.sqlite")
    assert endings_at(thief) == []
    assert shown(thief, sent.id) == set()
    assert record_of(thief, sent.id) == {}
    # What is left is a guess: the key of the blind words is derived from the master key, and not erased.
    with thief.node.works.read(SYSTEM) as work:
        assert cases.search_cases(work, guess, country="AL").found
        assert not cases.search_cases(work, "Nobody", country="AL").found
    thief.node.close()


async def test_a_database_restored_from_before_an_erasure_shows_nothing_erased(
    pair: tuple[Neighbour, Neighbour], wire: UploadWire, clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given, _scan = await share_everything(shelter, mission, Markers())
    back_up(mission)
    await erase_by_withdrawal(clock, shelter, mission, given)
    restore_older_database(mission, wire, "mission")
    assert endings_at(mission) == []
    assert shown(mission, sent.id) == set()
    assert record_of(mission, sent.id) == {}


async def test_a_recipient_restored_from_before_the_withdrawal_learns_of_it_again(
    neighbours: Callable[..., list[Neighbour]], wire: UploadWire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    back_up(mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    restore_older_database(mission, wire, "mission")
    assert shown(mission, sent.id) == set(SHARED)
    for _ in range(6):
        clock.moment += timedelta(minutes=1)
        await settle(shelter, mission)
    assert shown(mission, sent.id) == set()
    assert [held.ending.cause for held in endings_at(mission)] == ["withdrawal"]


async def test_an_origin_restored_from_before_the_withdrawal_takes_it_back(
    neighbours: Callable[..., list[Neighbour]], wire: UploadWire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    back_up(shelter)
    (notice,) = withdraw(shelter, given)
    await settle(shelter, mission)
    pass_time(clock, HOLD + HOUR, mission)
    restore_older_database(shelter, wire, "shelter")
    for _ in range(6):
        clock.moment += timedelta(minutes=1)
        await settle(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        (one,) = withdrawals.asked_of_consent(work, given.id)
    assert (one.notice.id, one.notice.outcome) == (notice.id, "erased")
    with shelter.node.works.write(SYSTEM) as work, pytest.raises(Exception, match="consent"):
        referrals.amend(work, sent.id)
