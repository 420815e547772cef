"""A person is passed on: inside the origin's ceilings, with the origin told, and withdrawn down the chain."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
from tests.federation.chain import (
    Chain,
    agree,
    answer_to,
    case_of,
    matrix,
    pass_on,
    passed_to_mission,
    permit,
    preview_of,
    say,
)
from tests.federation.endings import refer_and_accept, shown
from tests.federation.neighbours import introduce, make_neighbour, settle

from iars_node.consent import onward, onward_store
from iars_node.consent import service as consents
from iars_node.consent.model import Recipient, Withheld
from iars_node.consent.onward_model import Ceilings
from iars_node.consent.tables import onward_permission
from iars_node.db import new_id
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, RefusedError
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering
from iars_node.vault.identity import identity_of
from iars_node.work import SYSTEM, Actor
from iars_protocol.consent import Onward, sign
from iars_protocol.messages.onward import NoticeOnward, PermitOnward

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.federation.neighbours import Neighbour, Wire

    from iars_node.clock import SetClock

HOLD = timedelta(hours=48)
HOUR = timedelta(hours=1)
NOBODY = Actor("account", "0" * 32)


# -- the origin gives


async def test_nobody_is_permitted_beyond_what_the_person_agreed(chain: Chain) -> None:
    shelter, mission, clinic = chain
    given = agree(shelter, mission, clinic)
    with pytest.raises(ConflictError):
        permit(shelter, given, mission)
    await refer_and_accept(shelter, mission, given)
    with shelter.node.works.write(NOBODY) as work, pytest.raises(ForbiddenError):
        onward.permit_onward(work, given.id, peers.get(work, mission.id))
    for wanted in (
        Ceilings(("safety",), (), (), ()),
        Ceilings((), ("research",), (), ()),
        Ceilings((), (), ("ab" * 32,), ()),
        Ceilings((), (), (), ("LawEnforcement",)),
    ):
        with pytest.raises(InvalidError):
            permit(shelter, given, mission, wanted)
    assert matrix(shelter, given.case_id).permissions == ()


async def test_without_the_persons_word_nothing_is_permitted(chain: Chain) -> None:
    shelter, mission, clinic = chain
    for changes, reason in (
        ({"is_onward_allowed": False}, "onward-not-allowed"),
        ({"recipients": (Recipient(node=mission.id.hex()),)}, "onward-recipient"),
    ):
        _sent, given = await refer_and_accept(shelter, mission, agree(shelter, mission, clinic, **changes))
        with pytest.raises(RefusedError) as refused:
            permit(shelter, given, mission)
        assert refused.value.reason == reason


async def test_a_permission_reaches_as_far_as_the_person_said_and_names_nobody_in_clear(chain: Chain) -> None:
    shelter, mission, clinic = chain
    withheld = (Withheld("medical", ("conditions",), clinic.id.hex()),)
    _sent, _given, permission = await passed_to_mission(chain, withheld=withheld)
    said = permission.onward
    # Ceilings know no fields: what is kept from one organisation by name goes on to nobody.
    assert set(said.scopes) == {"services", "demographics", "identity"}
    assert (said.controller, said.holder) == (shelter.id.hex(), mission.id.hex())
    assert said.names(clinic.id.hex())
    assert clinic.id not in permission.signed.body
    assert clinic.id.hex().encode() not in permission.signed.body
    with mission.node.works.read(SYSTEM) as work:
        kept = onward_store.find_permission(work.connection, permission.id, way="in")
    assert kept is not None
    assert kept.signed == permission.signed


async def test_a_permission_can_be_narrower_than_the_consent(chain: Chain) -> None:
    shelter, mission, clinic = chain
    kinds = (Recipient(node=mission.id.hex()), Recipient(node=clinic.id.hex()), Recipient("", "PublicHealth"))
    _sent, given = await refer_and_accept(shelter, mission, agree(shelter, mission, recipients=kinds))
    said = permit(shelter, given, mission, Ceilings(("services",), ("return",), (), ("PublicHealth",))).onward
    assert (said.scopes, said.purposes, said.classes) == (("services",), ("return",), ("PublicHealth",))
    assert said.recipients == ()


# -- the holder takes and uses


async def test_a_permission_given_back_before_its_grant_is_of_the_grants_consent(
    chain: Chain,
) -> None:
    shelter, _mission, _clinic = chain
    _sent, given, permission = await passed_to_mission(chain)
    with shelter.node.works.write(SYSTEM) as work:
        work.connection.execute(update(onward_permission).values(consent_id=""))
    with shelter.node.works.read(SYSTEM) as work:
        found = onward_store.find_permission(work.connection, permission.id)
    assert found is not None
    assert found.consent_id == given.id


async def test_a_permission_of_another_counts_for_nothing(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, _given, permission = await passed_to_mission(chain)
    grant = mission.referral(sent.id).grant_id
    for_clinic = _signed(shelter, permission.onward, id=new_id(), holder=clinic.id.hex())
    forged = _signed(clinic, permission.onward, id=new_id())
    of_clinic = _signed(clinic, permission.onward, id=new_id(), controller=clinic.id.hex())
    changed = _signed(shelter, permission.onward, purposes=("return",))
    tried = [
        (shelter, say(shelter, mission, PermitOnward(grant, for_clinic)), "onward-holder"),
        (clinic, say(clinic, mission, PermitOnward(grant, forged)), "signature"),
        (clinic, say(clinic, mission, PermitOnward(grant, of_clinic)), "not-yours"),
        (shelter, say(shelter, mission, PermitOnward(grant, changed)), "outside-grant"),
    ]
    again = say(shelter, mission, PermitOnward(grant, tuple(permission.signed.to_plain())))
    await settle(*chain)
    assert [answer_to(side, message) for side, message, _code in tried] == [code for *_two, code in tried]
    assert answer_to(shelter, again) == "ok"
    assert len(matrix(mission, case_of(mission, sent).id).permissions) == 1


def _signed(side: Neighbour, plain: Onward, **changes: object) -> tuple[bytes, ...]:
    return tuple(sign(replace(plain, **changes), identity_of(side.node.vault).signing).to_plain())  # type: ignore[arg-type]


async def test_without_a_permission_nothing_that_was_received_goes_on(chain: Chain) -> None:
    _shelter, mission, clinic = chain
    sent, _given, permission = await passed_to_mission(chain)
    case = case_of(mission, sent)
    own = mission.give_consent(case, clinic)
    plain = preview_of(mission, Offering(case.id, own.id, "MED-SCREEN", "urgent"), clinic)
    assert plain.at_offer == plain.on_acceptance == ()
    assert plain.origin == b""
    under = preview_of(
        mission, Offering(case.id, own.id, "MED-SCREEN", "urgent", onward=permission.id), clinic
    )
    # The preview says whose person this is: the clinic learns it.
    assert under.origin == bytes.fromhex(permission.onward.controller)
    assert {line.scope for line in (*under.at_offer, *under.on_acceptance)} == {
        "services", "demographics", "identity", "medical",
    }  # fmt: skip


async def test_the_holder_refuses_what_its_recipient_would_refuse(chain: Chain, clock: SetClock) -> None:
    shelter, mission, clinic = chain
    kinds = (Recipient(node=mission.id.hex()), Recipient("", "NGO"))
    sent, _given, permission = await passed_to_mission(
        chain, "RET-REPAT", purposes=("return",), scopes=("services",), recipients=kinds
    )
    case = case_of(mission, sent)
    own = mission.give_consent(case, clinic)
    back = mission.give_consent(case, shelter)
    other = mission.open_case()
    for asked_for, given, to, changes, expected in (
        (case, own, clinic, {"onward": new_id()}, NotFoundError),
        (other, mission.give_consent(other, clinic), clinic, {}, NotFoundError),
        (case, own, clinic, {"service": "MED-SCREEN"}, RefusedError),
        # Not even where the origin is of a kind that the permission names.
        (case, back, shelter, {"service": "RET-REPAT"}, RefusedError),
    ):
        with pytest.raises(expected):
            mission.refer(asked_for, given, to, **{"onward": permission.id, **changes})
    clock.moment += timedelta(days=31)
    fresh = mission.give_consent(case, clinic)
    with pytest.raises(RefusedError) as over:
        mission.refer(case, fresh, clinic, onward=permission.id, service="RET-REPAT")
    assert over.value.reason == "onward-expired"


async def test_a_person_is_passed_on_inside_the_ceilings_and_the_origin_sees_to_whom(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    forwarded, own = pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    clinic.act(referrals.accept, forwarded.id)
    await settle(*chain)
    assert shown(clinic, forwarded.id) == {"services", "demographics", "identity"}
    with mission.node.works.read(SYSTEM) as work:
        kept = consents.kept_grant(work, forwarded.grant_id)
    assert kept.grant.onward == permission.id
    assert kept.grant.expires <= permission.onward.expires
    direct, passed = matrix(shelter, given.case_id).rows
    assert (direct.node, direct.via) == (mission.id, b"")
    assert (passed.node, passed.via, passed.consent_id) == (clinic.id, mission.id, given.id)
    assert {cell.scope for cell in passed.cells} == {"services", "demographics", "identity"}
    assert {cell.state for cell in passed.cells} == {"held"}
    # The clinic sees whose person this is, and from whom it came.
    (seen,) = matrix(clinic, case_of(clinic, forwarded).id).permissions
    assert (seen.way, seen.peer) == ("via", shelter.id)
    # What follows later goes out under the same grant, and the origin is told once.
    with mission.node.works.write(SYSTEM) as work:
        referrals.amend(work, forwarded.id)
    second = mission.refer(case_of(mission, sent), own, clinic, onward=permission.id, service="MED-CARE")
    await settle(*chain)
    assert second.grant_id == forwarded.grant_id
    assert len(matrix(shelter, given.case_id).rows) == 2


async def test_where_the_person_objects_the_origin_sees_that_it_is_not_visible_here(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    pass_on(mission, sent, clinic, permission, names_recipient=False)
    await settle(*chain)
    _direct, passed = matrix(shelter, given.case_id).rows
    assert (passed.node, passed.via, passed.cells) == (b"", mission.id, ())
    with shelter.node.works.read(SYSTEM) as work:
        (told,) = onward_store.passings(work.connection, "in", [permission.id])
    assert (told.recipient, told.scopes) == (b"", ())


async def test_the_notice_is_queued_before_the_offer_or_nothing_is_sent(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, _given, permission = await passed_to_mission(chain)
    with mission.node.works.write(SYSTEM) as work:
        peers.block_peer(work, shelter.id)
    with pytest.raises(RefusedError) as refused:
        pass_on(mission, sent, clinic, permission)
    assert refused.value.reason == "peer-not-pinned"
    await settle(*chain)
    with clinic.node.works.read(SYSTEM) as work:
        assert referrals.list_referrals(work).referrals == ()


# -- the third node verifies


async def test_an_origin_that_is_not_pinned_there_is_denied(
    chain: Chain, tmp_path: Path, wire: Wire, clock: SetClock, node_database_url: Callable[[Path], str]
) -> None:
    shelter, mission, _clinic = chain
    folder = tmp_path / "stranger"
    folder.mkdir()
    ngo = make_neighbour(folder, "stranger", wire, clock, node_database_url(folder))
    try:
        introduce(mission, ngo)
        recipients = (Recipient(node=mission.id.hex()), Recipient("", "NGO"))
        sent, _given, permission = await passed_to_mission(chain, recipients=recipients)
        forwarded, _own = pass_on(mission, sent, ngo, permission)
        await settle(mission, ngo)
        assert mission.referral(forwarded.id).problem == "onward-origin"
        with ngo.node.works.read(SYSTEM) as work:
            assert referrals.list_referrals(work).referrals == ()
    finally:
        ngo.node.close()
    assert shelter.id != ngo.id


# -- notices from those who may not give them


async def test_only_the_holder_tells_of_its_permission_and_never_two_things(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    passing = matrix(shelter, given.case_id).rows[1]
    with mission.node.works.read(SYSTEM) as work:
        (told,) = onward_store.passings(work.connection, "out", [permission.id])
    assert passing.node == told.recipient
    fresh = NoticeOnward(permission.id, new_id(), permission.onward.expires)
    other = NoticeOnward(permission.id, told.passing, permission.onward.expires)
    unknown = NoticeOnward(new_id(), new_id(), permission.onward.expires)
    by_clinic = say(clinic, shelter, fresh)
    contrary = say(mission, shelter, other)
    of_nothing = say(mission, shelter, unknown)
    await settle(*chain)
    assert answer_to(clinic, by_clinic) == "not-yours"
    assert answer_to(mission, contrary) == "outside-grant"
    assert answer_to(mission, of_nothing) == "not-yours"
    assert len(matrix(shelter, given.case_id).rows) == 2
