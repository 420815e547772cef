"""Disclosures without consent: two named people, as little as possible, an end that is heard of."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.federation.excepting import (
    AUDITOR,
    OTHER,
    SUPERVISOR,
    WORKER,
    actions,
    decide,
    record,
    refer,
    seen_by,
    shown,
)
from tests.federation.neighbours import settle
from tests.federation.yesterday import back_up, restore_older_database

from iars_node.consent import exceptions
from iars_node.consent import service as consents
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, RefusedError
from iars_node.exchange import messages
from iars_node.exchange.model import FIRST, Draft
from iars_node.exchange.outbox import queue
from iars_node.peers.service import get as get_peer
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM, Actor
from iars_protocol.content import Content
from iars_protocol.messages.exception import DecideException

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour, Wire

    from iars_node.clock import SetClock
    from iars_protocol.approvals import Outcome

    Pair = tuple[Neighbour, Neighbour]


def test_nobody_without_the_right_writes_down_or_approves_an_exception(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    for nobody in (AUDITOR, SYSTEM, Actor("token", "t" * 32, actions=frozenset({"consent.record"}))):
        with pytest.raises(ForbiddenError):
            record(shelter, case, mission, by=nobody)
    kept = record(shelter, case, mission)
    for use_case in (exceptions.approve_exception, exceptions.refuse_exception):
        for nobody in (AUDITOR, WORKER, SYSTEM):
            with pytest.raises(ForbiddenError):
                decide(shelter, use_case, kept.id, by=nobody)
        with pytest.raises(NotFoundError):
            decide(shelter, use_case, "0" * 32)
    with pytest.raises(ForbiddenError):
        decide(shelter, exceptions.note_told, kept.id, by=AUDITOR)
    for nobody in (AUDITOR, SYSTEM):
        with shelter.node.works.write(nobody) as work, pytest.raises(ForbiddenError):
            exceptions.review_exception(work, kept.id, work.now)
    with shelter.node.works.write(WORKER) as work, pytest.raises(ConflictError):
        exceptions.review_exception(work, kept.id, work.now + timedelta(days=1))


def test_the_author_does_not_approve_what_they_wrote(pair: Pair) -> None:
    shelter, mission = pair
    kept = record(shelter, shelter.open_case(), mission, by=SUPERVISOR)
    with pytest.raises(ForbiddenError, match="other than its author"):
        decide(shelter, exceptions.approve_exception, kept.id, by=SUPERVISOR)
    with shelter.node.works.read(SUPERVISOR) as work:
        assert exceptions.awaiting_approval(work, 9) == []
    with shelter.node.works.read(OTHER) as work:
        assert [one.id for one in exceptions.awaiting_approval(work, 9)] == [kept.id]
    assert decide(shelter, exceptions.approve_exception, kept.id, by=OTHER).decided_by == OTHER.id


def test_an_exception_is_as_little_as_possible(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    now = shelter.node.clock.now()
    unusable: dict[str, dict[str, Any]] = {
        "kind": {"kind": "convenience"},
        "reason": {"reason": " "},
        "recipient": {"recipient": "NGO"},
        "purposes": {"purposes": ()},
        "feedback": {"feedback": ("everything",)},
        "scopes": {"scopes": (consents.default_scope("demographics"),)},
        "scopes ": {"scopes": (consents.default_scope("services"), consents.default_scope("medical"))},
        "scopes  ": {"scopes": (consents.default_scope("services"), consents.default_scope("services"))},
        "is_emergency": {"kind": "judicial", "is_emergency": True},
        "expires": {"expires": now + timedelta(days=31)},
        "review": {"review": now + timedelta(days=8)},
        "decide_within": {"decide_within": timedelta(days=8)},
    }
    for name, changes in unusable.items():
        with pytest.raises(InvalidError) as refused:
            record(shelter, case, mission, **changes)
        assert name.strip() in refused.value.faults


def test_nothing_leaves_before_the_approval(pair: Pair) -> None:
    shelter, mission = pair
    kept = record(shelter, shelter.open_case(), mission, kind="judicial")
    with pytest.raises(RefusedError) as refused:
        refer(shelter, kept, mission)
    assert refused.value.reason == "exception-pending"
    decide(shelter, exceptions.refuse_exception, kept.id)
    with pytest.raises(RefusedError) as refused:
        refer(shelter, kept, mission)
    assert refused.value.reason == "exception-refused"
    with pytest.raises(ConflictError):
        decide(shelter, exceptions.approve_exception, kept.id)


async def test_an_approved_exception_discloses_its_fields_and_the_receiver_sees_on_what_it_rests(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    kept = record(shelter, shelter.open_case(), mission, kind="legal-obligation")
    decide(shelter, exceptions.approve_exception, kept.id)
    sent = refer(shelter, kept, mission, "normal")
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    assert {scope: set(part.fields) for scope, part in seen_by(mission, sent.id).items()}["medical"] == {
        "conditions"
    }
    for side in (shelter, mission):
        found = shown(side, sent.id)
        assert (found.basis.kind, found.approval) == ("legal-obligation", "approved")
        assert (found.basis.author, found.approver) == (WORKER.id, SUPERVISOR.id)
    assert actions(mission) == ["consent.exception-received"]
    assert actions(shelter) == ["consent.exception-recorded", "consent.exception-approved"]
    clock.moment += timedelta(days=8)
    with pytest.raises(RefusedError) as refused:
        shelter.act(referrals.amend, sent.id)
    assert refused.value.reason == "exception-ended"


async def test_an_emergency_goes_out_and_the_approval_follows(pair: Pair) -> None:
    shelter, mission = pair
    kept = record(shelter, shelter.open_case(), mission, is_emergency=True)
    with pytest.raises(RefusedError, match="Only an emergency"):
        refer(shelter, kept, mission, "urgent")
    sent = refer(shelter, kept, mission)
    await settle(shelter, mission)
    assert shown(mission, sent.id).approval == "pending"
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    assert "medical" in seen_by(mission, sent.id)
    decide(shelter, exceptions.approve_exception, kept.id)
    await settle(shelter, mission)
    for side in (shelter, mission):
        assert (shown(side, sent.id).approval, shown(side, sent.id).approver) == ("approved", SUPERVISOR.id)
    shelter.node.clock.moment += timedelta(days=1)  # type: ignore[attr-defined]
    shelter.run_jobs()
    assert shown(shelter, sent.id).approval == "approved"
    assert "medical" in seen_by(mission, sent.id)


@pytest.mark.parametrize("decided", ["approved", "refused"])
@pytest.mark.parametrize("restored", ["shelter", "mission"])
async def test_a_restored_node_knows_again_what_became_of_an_exception(
    pair: Pair, wire: Wire, clock: SetClock, restored: str, decided: str
) -> None:
    shelter, mission = pair
    kept = record(shelter, shelter.open_case(), mission, is_emergency=True, decide_within=timedelta(hours=6))
    sent = refer(shelter, kept, mission)
    await settle(shelter, mission)
    side = {"shelter": shelter, "mission": mission}[restored]
    back_up(side)
    use_case = exceptions.approve_exception if decided == "approved" else exceptions.refuse_exception
    decide(shelter, use_case, kept.id)
    await settle(shelter, mission)

    restore_older_database(side, wire, restored)
    for _ in range(8):
        clock.moment += timedelta(hours=1)
        await settle(shelter, mission)
        shelter.run_jobs()
    expected = "approved" if decided == "approved" else "lapsed"
    assert shown(shelter, sent.id).approval == shown(mission, sent.id).approval == expected
    assert ("consent.exception-lapsed" in actions(mission)) == (expected == "lapsed")
    assert "exchange.gap" not in actions(side, "exchange.gap")


async def test_only_the_controller_says_what_became_of_its_exception_and_only_once(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    kept = record(shelter, case, mission, is_emergency=True)
    sent = refer(shelter, kept, mission)
    by_consent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)

    async def say(side: Neighbour, to: Neighbour, grant: str, outcome: Outcome) -> str:
        approver = "somebody" if outcome == "approved" else ""
        with side.node.works.write(SYSTEM) as work:
            content = Content(DecideException(grant, outcome, 0, approver))
            expires = work.now + timedelta(days=1)
            thread = secrets.token_bytes(16)
            message = queue(
                work,
                Draft(
                    get_peer(work, to.id),
                    thread,
                    content,
                    ((messages.own_key(work),),),
                    expires,
                    precedence=FIRST,
                ),
            )
        await settle(side, to)
        with side.node.works.read(SYSTEM) as work:
            proof = next(one for one in messages.proofs(work, thread) if one.message == message.id)
        assert proof.outcome is not None
        return proof.outcome.code

    assert await say(mission, shelter, sent.grant_id, "lapsed") == "signature"
    assert await say(shelter, mission, by_consent.grant_id, "lapsed") == "transition"
    unknown = "7" * 32
    assert await say(shelter, mission, unknown, "lapsed") == "ok"
    assert await say(shelter, mission, unknown, "lapsed") == "ok"
    assert await say(shelter, mission, unknown, "approved") == "transition"
    assert await say(shelter, mission, sent.grant_id, "approved") == "ok"
    assert shown(mission, sent.id).approver == "somebody"
    assert "medical" not in seen_by(mission, sent.id)


def test_exceptions_are_counted_and_the_person_is_told_when_it_is_safe(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    first = record(shelter, case, mission, tell_after=clock.moment + timedelta(days=1))
    record(shelter, case, mission, kind="judicial")
    decide(shelter, exceptions.approve_exception, first.id)
    told = decide(shelter, exceptions.note_told, first.id, by=WORKER)
    assert told.told_at == clock.moment
    with pytest.raises(ConflictError):
        decide(shelter, exceptions.note_told, first.id, by=WORKER)
    with shelter.node.works.read(SYSTEM) as work:
        begin, end = clock.moment - timedelta(days=1), clock.moment + timedelta(days=1)
        assert exceptions.count_exceptions(work, begin, end) == {
            ("vital-interest", "approved"): 1,
            ("judicial", "pending"): 1,
        }
        assert exceptions.count_exceptions(work, end, end + timedelta(days=1)) == {}
        kept = exceptions.get_exception(work, first.id)
        assert kept == replace(told, state="approved")
        assert kept.terms.reasons == "She is unconscious."
        assert len(exceptions.exceptions_of_case(work, case.id)) == 2
        with pytest.raises(NotFoundError):
            exceptions.get_exception(work, "0" * 32)
    assert "consent.person-told" in actions(shelter, "consent.")
