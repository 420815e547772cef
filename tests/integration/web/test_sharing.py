"""Who holds what, permitting to pass on, and what a handover leaves: as people see it on pages."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from tests.federation.endings import refer_and_accept
from tests.federation.neighbours import Neighbour, introduce, make_neighbour, settle
from tests.pages import Reader, World, words

from iars_node.cases import service as cases
from iars_node.consent import onward
from iars_node.consent.model import Recipient
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from pathlib import Path

    from iars_node.consent.model import Consent
    from iars_node.referrals.model import Referral


async def onward_world(world: World) -> tuple[Referral, Consent]:
    """Refer a person to the mission, who agreed to be passed on to health services."""
    recipients = (Recipient(node=world.mission.id.hex()), Recipient("", "NGO"))
    given = world.shelter.give_consent(
        world.shelter.open_case(), world.mission, recipients=recipients, is_onward_allowed=True
    )
    return await refer_and_accept(world.shelter, world.mission, given)


def reader(side: Neighbour) -> Reader:
    return Reader(side).enter()


def test_a_stranger_sees_nothing_of_who_holds_what(world: World) -> None:
    case, given, _sent = world.referral()
    stranger = Reader(world.shelter)
    for path in (f"/cases/{case.id}/sharing", f"/consents/{given.id}/onward"):
        assert stranger.get(path).status_code in (303, 401)
    assert stranger.post(f"/consents/{given.id}/onward", {}).status_code in (303, 401, 403)


def test_a_case_that_was_not_shared_says_so(world: World) -> None:
    case = world.shelter.open_case()
    besa = reader(world.shelter)
    assert f"/cases/{case.id}/sharing" in besa.get(f"/cases/{case.id}").text
    assert "Nothing of this case was shared." in words(besa.get(f"/cases/{case.id}/sharing").text)


async def test_passing_on_is_permitted_on_a_page_and_the_matrix_shows_it(world: World) -> None:
    _sent, given = await onward_world(world)
    besa = reader(world.shelter)
    path = f"/consents/{given.id}/onward"
    assert path in besa.get(f"/consents/{given.id}").text
    assert "Mission" in words(besa.get(path).text)
    assert besa.post(path, {}).status_code == 422
    answer = besa.post(path, {"holder": world.mission.id.hex(), "scopes": ["services", "medical"]})
    assert answer.headers["location"] == f"/cases/{given.case_id}/sharing?done=permitted"
    text = besa.get(answer.headers["location"]).text
    page = words(text)
    for said in ("It is allowed, and the organisation is told.", "Mission", "They hold it", "Medical",
                 "Mission may pass the person on"):  # fmt: skip
        assert said in page
    # On a phone the rows are stacked, and each says what its entries are.
    assert '<table class="folds">' in text
    assert 'data-head="Since"' in text


async def test_without_the_persons_word_nobody_can_be_permitted(world: World) -> None:
    _case, given, _sent = world.referral()
    besa = reader(world.shelter)
    assert f"/consents/{given.id}/onward" not in besa.get(f"/consents/{given.id}").text
    path = f"/consents/{given.id}/onward"
    assert "Nobody can be allowed to" in words(besa.get(path).text)
    assert besa.post(path, {"holder": world.mission.id.hex()}).status_code == 422


async def test_the_holder_chooses_the_permission_and_hears_who_learns_what(
    world: World, tmp_path: Path, sqlite_template: Path
) -> None:
    sent, given = await onward_world(world)
    with world.shelter.node.works.write(SYSTEM) as work:
        onward.permit_onward(work, given.id, peers.get(work, world.mission.id))
    await settle(world.shelter, world.mission)
    case_id = world.mission.referral(sent.id).case_id
    with world.mission.node.works.read(SYSTEM) as work:
        (permission,) = onward.permissions_of_case(work, case_id)
    besa = reader(world.mission)
    assert "Shelter allows that we pass the person on" in words(besa.get(f"/cases/{case_id}/sharing").text)
    clinic = a_third(world, tmp_path, sqlite_template)
    with world.mission.node.works.read(SYSTEM) as work:
        case = cases.case_head(work, case_id)
    own = world.mission.give_consent(case, clinic)
    chosen = f"service=MED-SCREEN&priority=urgent&peer={clinic.id.hex()}"
    page = besa.get(f"/cases/{case_id}/refer/consent?{chosen}").text
    assert "Also what Shelter shared, as they allow" in words(page)
    assert permission.id in page
    check = besa.get(f"/cases/{case_id}/refer/check?{chosen}&consent={own.id}&onward={permission.id}").text
    assert "They learn that the person was first referred by Shelter." in words(check)
    typed = {
        "service": "MED-SCREEN",
        "priority": "urgent",
        "peer": clinic.id.hex(),
        "consent": own.id,
        "onward": permission.id,
        "unnamed": "yes",
        "shown": re.findall(r'name="shown" value="([0-9a-f]+)"', check)[0],
    }
    assert besa.post(f"/cases/{case_id}/refer/send", typed).status_code == 303
    await settle(world.mission, world.shelter)
    seen = words(reader(world.shelter).get(f"/cases/{given.case_id}/sharing").text)
    assert "Passed on, not visible here" in seen
    assert "passed on by Mission" in seen
    clinic.node.close()


def a_third(world: World, folder: Path, template: Path) -> Neighbour:
    """Make an organisation that all three know."""
    (folder / "clinic").mkdir()
    shutil.copy(template, folder / "clinic" / "node.sqlite")
    url = f"sqlite:///{folder / 'clinic' / 'node.sqlite'}"
    clinic = make_neighbour(folder / "clinic", "clinic", world.wire, world.shelter.node.clock, url)
    for one in (world.shelter, world.mission):
        introduce(one, clinic)
    return clinic


async def test_what_a_handover_leaves_is_said_before_it_is_accepted(world: World) -> None:
    case = world.shelter.open_case()
    given = world.shelter.give_consent(case, world.mission)
    sent = world.shelter.refer(case, given, world.mission, kind="handover")
    await settle(world.shelter, world.mission)
    page = words(reader(world.mission).get(f"/referrals/{sent.id}/accept").text)
    for said in (
        "This hands the whole case over to you",
        "They refer the person no more.",
        "What Shelter keeps",
        "You take over responsibility for the whole case.",
    ):
        assert said in page
    other = world.shelter.open_case()
    service = world.shelter.refer(other, world.shelter.give_consent(other, world.mission), world.mission)
    await settle(world.shelter, world.mission)
    plain = words(reader(world.mission).get(f"/referrals/{service.id}/accept").text)
    assert "This hands the whole case over to you" not in plain
    world.mission.act(referrals.accept, sent.id)
    await settle(world.shelter, world.mission)
    shown = words(reader(world.shelter).get(f"/cases/{case.id}/sharing").text)
    assert "This case was handed over to Mission" in shown
    assert "is erased here after" in shown
