"""A person is passed on: inside the origin's ceilings, with the origin told, and withdrawn down the chain."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.endings import asked, pass_time, refer_and_accept, shown, withdraw
from tests.federation.neighbours import introduce, make_neighbour, settle
from tests.federation.yesterday import back_up, restore_older_database

from iars_node.cases import service as cases
from iars_node.consent import onward, onward_store
from iars_node.consent import service as consents
from iars_node.consent.changing import narrow_consent, renew_consent
from iars_node.consent.model import Recipient, Withheld
from iars_node.consent.onward_model import ALL, Ceilings
from iars_node.db import new_id
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, RefusedError
from iars_node.exchange.messages import own_key, stored_receipt
from iars_node.exchange.model import Draft
from iars_node.exchange.outbox import queue
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering
from iars_node.vault.identity import identity_of
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM, Actor
from iars_protocol.consent import Onward, Signed, Withdrawal, sign
from iars_protocol.content import Content
from iars_protocol.messages.onward import NoticeOnward, PermitOnward

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from tests.federation.neighbours import Neighbour, Wire

    from iars_node.cases.model import Case
    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent
    from iars_node.consent.onward_model import KeptPermission
    from iars_node.referrals.model import Preview, Referral
    from iars_node.withdrawals.service import Matrix
    from iars_node.work import Work
    from iars_protocol.messages.registry import Body

HOLD = timedelta(hours=48)
HOUR = timedelta(hours=1)
NOBODY = Actor("account", "0" * 32)
Chain = tuple["Neighbour", "Neighbour", "Neighbour"]


@pytest.fixture
def chain(neighbours: Callable[..., list[Neighbour]]) -> Chain:
    """A shelter that refers to a mission, and a clinic to which the mission may pass people on."""
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    return shelter, mission, clinic


def agree(shelter: Neighbour, mission: Neighbour, *others: Neighbour, **changes: object) -> Consent:
    """Record that a person agrees to the mission, and to being passed on to others."""
    terms = {
        "recipients": tuple(Recipient(node=each.id.hex()) for each in (mission, *others)),
        "is_onward_allowed": True,
        **changes,
    }
    return shelter.give_consent(shelter.open_case(), mission, **terms)  # type: ignore[arg-type]


def permit(side: Neighbour, given: Consent, holder: Neighbour, wanted: Ceilings = ALL) -> KeptPermission:
    with side.node.works.write(SYSTEM) as work:
        return onward.permit_onward(work, given.id, peers.get(work, holder.id), wanted)


def case_of(side: Neighbour, referral: Referral) -> Case:
    case_id = side.referral(referral.id).case_id
    with side.node.works.read(SYSTEM) as work:
        return cases.case_head(work, case_id)


async def passed_to_mission(
    chain: Chain, service: str = "MED-SCREEN", **changes: object
) -> tuple[Referral, Consent, KeptPermission]:
    """Refer a person to the mission and let it pass them on to the clinic."""
    shelter, mission, clinic = chain
    given = agree(shelter, mission, clinic, **changes)
    sent, given = await refer_and_accept(shelter, mission, given, service=service)
    permission = permit(shelter, given, mission)
    await settle(*chain)
    return sent, given, permission


def pass_on(
    mission: Neighbour, sent: Referral, to: Neighbour, permission: KeptPermission, **changes: object
) -> tuple[Referral, Consent]:
    """Ask the person at the mission, and refer them on under the permission."""
    case = case_of(mission, sent)
    scopes = ("services", "demographics", "identity")
    own = mission.give_consent(case, to, scopes=scopes)
    return mission.refer(case, own, to, onward=permission.id, **changes), own


def matrix(side: Neighbour, case_id: str) -> Matrix:
    with side.node.works.read(SYSTEM) as work:
        return withdrawals.matrix_of_case(work, case_id)


def say(side: Neighbour, to: Neighbour, body: Body) -> bytes:
    """Sign and queue anything at all."""
    with side.node.works.write(SYSTEM) as work:
        key = ((own_key(work),),)
        draft = Draft(peers.get(work, to.id), new_id().encode()[:16], Content(body), key, soon(work))
        return queue(work, draft).id


def soon(work: Work) -> datetime:
    return work.now + timedelta(days=1)


def answer_to(side: Neighbour, message: bytes) -> str:
    """Return what the other side answered to a message: the code of a refusal, else the outcome."""
    with side.node.works.read(SYSTEM) as work:
        found = stored_receipt(work.connection, message)
    assert found is not None
    return found.receipt.code or found.receipt.outcome


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
    plain = _preview(mission, Offering(case.id, own.id, "MED-SCREEN", "urgent"), clinic)
    assert plain.at_offer == plain.on_acceptance == ()
    assert plain.origin == b""
    under = _preview(mission, Offering(case.id, own.id, "MED-SCREEN", "urgent", onward=permission.id), clinic)
    # The preview says whose person this is: the clinic learns it.
    assert under.origin == bytes.fromhex(permission.onward.controller)
    assert {line.scope for line in (*under.at_offer, *under.on_acceptance)} == {
        "services", "demographics", "identity", "medical",
    }  # fmt: skip


def _preview(side: Neighbour, offering: Offering, to: Neighbour) -> Preview:
    with side.node.works.write(SYSTEM) as work:
        return referrals.preview(work, offering, peers.get(work, to.id))


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


# -- the end


async def test_a_withdrawal_names_the_permission_and_ends_what_stands_under_it(
    chain: Chain, clock: SetClock
) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    forwarded, own = pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    clinic.act(referrals.accept, forwarded.id)
    await settle(*chain)
    (notice,) = withdraw(shelter, given)
    said = Signed.from_line(notice.signed).content
    assert isinstance(said, Withdrawal)
    assert said.onward == (permission.id,)
    await settle(*chain)
    assert shown(mission, sent.id) == shown(clinic, forwarded.id) == set()
    assert [each.notice.peer for each in asked(mission, own)] == [clinic.id]
    assert matrix(shelter, given.case_id).rows[1].state == "asked"
    pass_time(clock, HOLD + HOUR, shelter, mission, clinic)
    await settle(*chain)
    direct, passed = matrix(shelter, given.case_id).rows
    assert {cell.state for cell in direct.cells} == {"erased"}
    assert all(cell.stated_at and cell.backups_expire for cell in direct.cells)
    # The clinic's own statement went to the mission; the mission tells the origin what it said.
    assert passed.state == "erased"
    case = case_of(mission, sent)
    again = mission.give_consent(case, clinic)
    with pytest.raises(RefusedError) as refused:
        mission.refer(case, again, clinic, onward=permission.id)
    assert refused.value.reason == "withdrawn"


async def test_a_part_that_is_withdrawn_goes_on_to_nobody(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    forwarded, _own = pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    clinic.act(referrals.accept, forwarded.id)
    await settle(*chain)
    withdraw(shelter, given, scopes=("identity",))
    await settle(*chain)
    assert shown(clinic, forwarded.id) == {"services", "demographics"}
    case = case_of(mission, sent)
    fresh = mission.give_consent(case, clinic)
    offering = Offering(case.id, fresh.id, "MED-SCREEN", "urgent", onward=permission.id)
    found = _preview(mission, offering, clinic)
    assert "identity" not in {line.scope for line in (*found.at_offer, *found.on_acceptance)}


async def test_what_is_withdrawn_for_a_purpose_is_passed_on_for_no_such_service(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    withdraw(shelter, given, purposes=("return",))
    await settle(*chain)
    forwarded, own = pass_on(mission, sent, clinic, permission)
    with mission.node.works.read(SYSTEM) as work:
        assert consents.kept_grant(work, forwarded.grant_id).grant.purposes == ("assistance",)
    case = case_of(mission, sent)
    # Neither under the grant that there is, nor under a new one.
    for said in (own, mission.give_consent(case, clinic)):
        offering = Offering(case.id, said.id, "TRN-ASSIST", "urgent", onward=permission.id)
        with pytest.raises(RefusedError) as shown_first:
            _preview(mission, offering, clinic)
        with pytest.raises(RefusedError) as refused:
            mission.refer(case, said, clinic, onward=permission.id, service="TRN-ASSIST")
        assert shown_first.value.reason == refused.value.reason == "onward-purpose"


async def test_passing_on_can_end_alone(chain: Chain, clock: SetClock) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    forwarded, _own = pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    clinic.act(referrals.accept, forwarded.id)
    await settle(*chain)
    with shelter.node.works.write(NOBODY) as work, pytest.raises(ForbiddenError):
        withdrawals.withdraw_onward(work, permission.id)
    with shelter.node.works.write(SYSTEM) as work, pytest.raises(NotFoundError):
        withdrawals.withdraw_onward(work, new_id())
    with shelter.node.works.write(SYSTEM) as work:
        withdrawals.withdraw_onward(work, permission.id)
    with shelter.node.works.write(SYSTEM) as work, pytest.raises(ConflictError):
        withdrawals.withdraw_onward(work, permission.id)
    await settle(*chain)
    assert shown(clinic, forwarded.id) == set()
    assert "identity" in shown(mission, sent.id)
    # The receipt is the answer: nobody's silence is escalated.
    pass_time(clock, timedelta(hours=80), shelter, mission, clinic)
    (one,) = asked(shelter, given)
    assert (one.notice.outcome, one.notice.overdue_at) == ("taken-in", None)


async def test_a_consent_narrowed_to_no_passing_on_ends_its_permissions(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    with shelter.node.works.write(SYSTEM) as work:
        narrow_consent(work, given.id, replace(given.terms, is_onward_allowed=False))
    await settle(*chain)
    with pytest.raises(RefusedError) as refused:
        pass_on(mission, sent, clinic, permission)
    assert refused.value.reason == "withdrawn"


async def test_who_is_withdrawn_is_reached_down_the_chain_and_gets_it_from_nobody_else(chain: Chain) -> None:
    shelter, mission, clinic = chain
    kinds = tuple(Recipient(node=each.id.hex()) for each in (mission, clinic))
    for recipients in (kinds, (kinds[0], Recipient("", "NGO"))):
        sent, given, permission = await passed_to_mission(chain, recipients=recipients)
        forwarded, _own = pass_on(mission, sent, clinic, permission)
        await settle(*chain)
        clinic.act(referrals.accept, forwarded.id)
        await settle(*chain)
        assert shown(clinic, forwarded.id)
        (notice,) = withdraw(shelter, given, recipients=(clinic.id.hex(),))
        assert (notice.peer, notice.grants) == (mission.id, ())
        await settle(*chain)
        assert shown(clinic, forwarded.id) == set()
        assert "identity" in shown(mission, sent.id)
        with pytest.raises(RefusedError) as refused:
            pass_on(mission, sent, clinic, permission)
        assert refused.value.reason == "withdrawn"
        # Nor can another permission name them.
        with pytest.raises(RefusedError) as again:
            permit(shelter, given, mission)
        assert again.value.reason == "onward-recipient"


@pytest.mark.parametrize("words", ["recipients", "withheld", "is_onward_allowed"])
async def test_a_newer_version_ends_the_permissions_that_reach_further(chain: Chain, words: str) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    with shelter.node.works.write(SYSTEM) as work:
        longer = replace(given.terms, expires=given.terms.expires + HOUR)
        renewed = renew_consent(work, given.id, longer)
    await settle(*chain)
    pass_on(mission, sent, clinic, permission)
    newer = {
        "recipients": given.terms.recipients[:1],
        "withheld": (Withheld("medical", ("conditions",), clinic.id.hex()),),
        "is_onward_allowed": False,
    }
    with shelter.node.works.write(SYSTEM) as work:
        narrow_consent(work, renewed.id, replace(longer, **{words: newer[words]}))  # type: ignore[arg-type]
    await settle(*chain)
    with pytest.raises(RefusedError) as refused:
        pass_on(mission, sent, clinic, permission)
    assert refused.value.reason == "withdrawn"


async def test_a_withdrawal_that_overtakes_its_permission_still_counts(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given = await refer_and_accept(shelter, mission, agree(shelter, mission, clinic))
    permission = permit(shelter, given, mission)
    with shelter.node.works.write(SYSTEM) as work:
        withdrawals.withdraw_onward(work, permission.id)
    await settle(*chain)
    with pytest.raises(RefusedError) as refused:
        pass_on(mission, sent, clinic, permission)
    assert refused.value.reason == "withdrawn"


async def test_the_matrix_is_for_who_reads_consents_and_says_when_nothing_was_disclosed_yet(
    chain: Chain,
) -> None:
    shelter, mission, _clinic = chain
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    with shelter.node.works.read(NOBODY) as work, pytest.raises(ForbiddenError):
        withdrawals.matrix_of_case(work, case.id)
    assert matrix(shelter, case.id).rows == ()
    shelter.refer(case, given, mission)
    (row,) = matrix(shelter, case.id).rows
    states = {cell.scope: cell.state for cell in row.cells}
    assert states["medical"] == "not-yet"
    assert states["services"] == "held"
    assert row.until == given.terms.expires


@pytest.mark.parametrize("restored", [0, 1], ids=["origin", "holder"])
async def test_after_a_restore_permissions_and_what_was_told_come_back(
    chain: Chain, wire: Wire, clock: SetClock, restored: int
) -> None:
    shelter, mission, clinic = chain
    sent, given = await refer_and_accept(shelter, mission, agree(shelter, mission, clinic))
    back_up(chain[restored])
    permission = permit(shelter, given, mission)
    await settle(*chain)
    forwarded, _own = pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    clinic.act(referrals.accept, forwarded.id)
    await settle(*chain)
    restore_older_database(chain[restored], wire, ("shelter", "mission")[restored])
    for _ in range(8):
        clock.moment += timedelta(minutes=1)
        await settle(*chain)
    with mission.node.works.read(SYSTEM) as work:
        (told,) = onward_store.passings(work.connection, "out", [permission.id])
        assert onward_store.find_permission(work.connection, permission.id, way="in") is not None
    assert told.recipient == clinic.id
    assert matrix(shelter, given.case_id).rows[1].node == clinic.id
    # A withdrawal still names the permission, and still goes down the chain.
    (notice,) = withdraw(shelter, given)
    said = Signed.from_line(notice.signed).content
    assert isinstance(said, Withdrawal)
    assert said.onward == (permission.id,)
    await settle(*chain)
    assert shown(clinic, forwarded.id) == set()
