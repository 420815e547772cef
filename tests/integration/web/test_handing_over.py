"""Handing a case over, keeping a part, ending a permission to pass on; what others state that they erased."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.federation.endings import pass_time, refer_and_accept, withdraw
from tests.federation.neighbours import settle
from tests.pages import Reader, World, add_account, everybodys_hash, words

from iars_node.consent import onward
from iars_node.consent.model import Recipient
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.referrals.handover_rules import THEY_TAKE, YOU_LEAVE
from iars_node.web.languages import language
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.clock import SetClock


def typed(world: World, consent_id: str, page: str = "") -> dict[str, object]:
    shown = re.findall(r'name="shown" value="([0-9a-f]{64})"', page)
    return {
        "service": "SHELTER",
        "priority": "normal",
        "peer": world.mission.id.hex(),
        "consent": consent_id,
        "shown": shown[0] if shown else "",
    }


def supervisor(world: World) -> Reader:
    add_account(world.shelter, "drita", "Drita Lleshi", "supervisor", everybodys_hash())
    return Reader(world.shelter).enter("drita")


async def test_a_case_is_handed_over_after_both_sides_have_read_what_they_keep(either_world: World) -> None:
    world = either_world
    case = world.shelter.open_case()
    given = world.shelter.give_consent(case, world.mission)
    besa = Reader(world.shelter).enter()
    path = f"/cases/{case.id}/handover"
    assert f'href="{path}"' in besa.get(f"/cases/{case.id}").text
    first = words(besa.get(path).text)
    for said in (
        "A handover is not a referral",
        "What you keep, and what you may not",
        "you refer the person no more",
    ):
        assert said in first
    query = f"service=SHELTER&priority=normal&peer={world.mission.id.hex()}"
    assert f"{path}/check?" in besa.get(f"{path}/consent?{query}").headers["location"]
    check = besa.get(f"{path}/check?{query}&consent={given.id}").text
    assert "What never leaves is erased here too" in words(check)
    chosen = typed(world, given.id, check)
    refused = besa.post(f"{path}/send", chosen)
    assert refused.status_code == 422
    assert 'href="#f-understood"' in refused.text
    answer = besa.post(f"{path}/send", {**chosen, "understood": "yes"})
    assert answer.headers["location"].endswith("?done=offered")
    sent_id = answer.headers["location"].split("/")[-1].split("?")[0]
    assert world.shelter.referral(sent_id).kind == "handover"
    await settle(world.shelter, world.mission)
    world.mission.act(referrals.accept, sent_id)
    await settle(world.shelter, world.mission)
    page = besa.get(f"/cases/{case.id}").text
    assert "This case was handed over to Mission" in words(page)
    assert f"{path}" not in page
    refused = besa.get(f"/cases/{case.id}/refer/check?{query}&consent={given.id}")
    assert "The case was handed over; the new organisation refers from now on." in words(refused.text)


async def test_what_each_side_keeps_is_said_in_the_readers_own_language(world: World) -> None:
    case = world.shelter.open_case()
    besa = Reader(world.shelter).enter()
    besa.get("/me")
    besa.post("/language", {"language": "fr", "next": "/me"})
    page = besa.get(f"/cases/{case.id}/handover").text
    for sentence in (*THEY_TAKE, *YOU_LEAVE):
        assert language("fr").gettext(sentence) in page
        assert sentence not in page


async def test_a_part_is_kept_after_a_handover_on_a_ground_until_a_day(either_world: World) -> None:
    world = either_world
    _sent, given = await refer_and_accept(world.shelter, world.mission, kind="handover")
    path = f"/cases/{given.case_id}/handed-over"
    besa = Reader(world.shelter).enter()
    assert "Whoever decides on erasures can keep a part" in words(besa.get(path).text)
    assert besa.post(path, {}).status_code == 403
    drita = supervisor(world)
    assert "Responsible now Mission" in words(drita.get(path).text)
    empty = drita.post(path, {"until": "2001-01-01"})
    assert empty.status_code == 422
    for said in ("Choose what is kept.", "Choose the legal ground.", "Write a day in the future."):
        assert said in empty.text
    assert 'value="2001-01-01"' in empty.text
    kept = drita.post(path, {"scopes": "identity", "ground": "legal-obligation", "until": "2099-12-31"})
    assert kept.headers["location"] == f"{path}?done=kept"
    page = words(drita.get(path).text)
    assert "Kept until" in page
    assert "Drita Lleshi" in page


async def test_a_case_that_was_not_handed_over_says_so(either_world: World) -> None:
    case = either_world.shelter.open_case()
    page = supervisor(either_world).get(f"/cases/{case.id}/handed-over").text
    assert "This case was not handed over, or it came back." in words(page)
    assert '<form method="post" action="/cases/' not in page


async def test_a_permission_to_pass_on_is_ended_alone(either_world: World) -> None:
    world = either_world
    recipients = (Recipient(node=world.mission.id.hex()), Recipient("", "NGO"))
    case = world.shelter.open_case()
    given = world.shelter.give_consent(case, world.mission, recipients=recipients, is_onward_allowed=True)
    await refer_and_accept(world.shelter, world.mission, given)
    with world.shelter.node.works.write(SYSTEM) as work:
        permission = onward.permit_onward(work, given.id, peers.get(work, world.mission.id))
    await settle(world.shelter, world.mission)
    besa = Reader(world.shelter).enter()
    path = f"/cases/{case.id}/onward/{permission.id}/end"
    assert path in besa.get(f"/cases/{case.id}/sharing").text
    asked = besa.get(path).text
    assert "May Mission no longer pass the person on?" in words(asked)
    assert "Shelter</title>" in asked, "the page is still this organisation's"
    other = world.shelter.open_case()
    assert besa.post(f"/cases/{other.id}/onward/{permission.id}/end", {}).status_code == 404
    answer = besa.post(path, {})
    assert answer.headers["location"] == f"/cases/{case.id}/sharing?done=ended"
    after = besa.get(answer.headers["location"]).text
    assert path not in after
    assert "They hold it" in words(after), "what the holder received itself stays"
    again = besa.post(path, {})
    assert again.status_code == 422
    assert "This permission was withdrawn already." in again.text


async def test_what_another_organisation_erased_is_worded_as_its_own_statement(
    either_world: World, clock: SetClock
) -> None:
    world = either_world
    _sent, given = await refer_and_accept(world.shelter, world.mission)
    besa = Reader(world.shelter).enter()
    path = f"/cases/{given.case_id}/erasures"
    assert "Nobody was asked to erase anything" in words(besa.get(path).text)
    withdraw(world.shelter, given)
    await settle(world.shelter, world.mission)
    assert "No answer yet" in words(besa.get(path).text)
    pass_time(clock, timedelta(hours=49), world.mission)
    await settle(world.shelter, world.mission)
    besa.enter()
    page = words(besa.get(path).text)
    for said in (
        "Mission states:",
        "Nobody there could read it from",
        "Its keys were destroyed",
        "The last backup of a key is gone",
        "we can't look into their systems".replace("'", "&#39;"),
    ):
        assert said.replace("&#39;", "'") in page.replace("&#39;", "'")
    assert besa.get(f"{path}/{'0' * 64}").status_code == 404


def test_strangers_and_other_roles_do_not_hand_over(world: World, visitor: Callable[..., Reader]) -> None:
    case = world.shelter.open_case()
    for name in ("ilir", "mira"):
        assert visitor(name).get(f"/cases/{case.id}/handover").status_code == 403
