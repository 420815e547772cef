"""Attachments whose ground ends: erased, cancelled, expired, or under another consent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.uploads import (
    SCAN,
    UploadWire,
    actions,
    attach,
    open_job,
    read,
    refer_with,
    stored,
    upload_all,
)

from iars_node.attachments import store
from iars_node.cases import service as cases
from iars_node.errors import ErasedError
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock

    Pair = tuple[Neighbour, Neighbour]


@pytest.fixture
def wire() -> UploadWire:
    return UploadWire()


async def test_an_attachment_whose_scope_was_erased_is_not_sent(pair: Pair, wire: UploadWire) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    sent = await refer_with(shelter, mission, case, scan)
    with shelter.node.works.write(SYSTEM) as work:
        cases.erase_content(work, case.id, "own", ["medical"])
    assert await upload_all(shelter) == 1
    assert open_job(shelter, sent.id, scan) is None
    assert wire.pieces == []
    assert "attachment.not-sent" in actions(shelter)


async def test_a_cancelled_referral_sends_no_further_attachment(pair: Pair, wire: UploadWire) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    sent = await refer_with(shelter, mission, case, scan)
    shelter.act(referrals.cancel, sent.id, "no-longer-needed")
    await upload_all(shelter)
    assert wire.pieces == []


async def test_a_consent_that_ended_stops_the_upload(pair: Pair, wire: UploadWire, clock: SetClock) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    await refer_with(shelter, mission, case, scan)
    clock.moment += timedelta(days=31)
    await upload_all(shelter)
    assert wire.pieces == []


async def test_the_received_attachment_dies_with_its_scope(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    sent = await refer_with(shelter, mission, case, scan)
    await upload_all(shelter)
    received = stored(mission, scan)
    with mission.node.works.write(SYSTEM) as work:
        cases.erase_content(work, received.case_id, sent.grant_id, ["medical"])
    with pytest.raises(ErasedError):
        read(mission, scan)
    assert not mission.node.folder.path(received.file).exists()


async def test_what_was_erased_on_its_way_is_not_taken_in(pair: Pair, wire: UploadWire) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    sent = await refer_with(shelter, mission, case, scan)
    with mission.node.works.write(SYSTEM) as work:
        received_case = referrals.get(work, sent.id).case_id
        cases.erase_content(work, received_case, sent.grant_id, ["medical"])
    await upload_all(shelter)
    assert wire.pieces == []
    job = open_job(shelter, sent.id, scan)
    assert job is not None
    assert job.last_error == "not-expected"


async def test_the_same_attachment_goes_with_a_second_referral_under_another_consent(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    first = await refer_with(shelter, mission, case, scan)
    await upload_all(shelter)
    second = await refer_with(shelter, mission, case, scan, service="MED-CARE")
    assert mission.referral(second.id).is_disclosed
    await upload_all(shelter)
    received_case = mission.referral(second.id).case_id
    with mission.node.works.read(SYSTEM) as work:
        held = store.attachments_of(work.connection, work.vault, received_case, ["medical"], at=work.now)
    assert {(one.source, one.state) for one in held} == {
        (first.grant_id, "stored"),
        (second.grant_id, "stored"),
    }
    # Each lives and dies with its own grant.
    with mission.node.works.write(SYSTEM) as work:
        cases.erase_content(work, received_case, first.grant_id, ["medical"])
    (other,) = [one for one in held if one.source == second.grant_id]
    assert read(mission, other.id) == SCAN
