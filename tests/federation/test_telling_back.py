"""What a recipient told back, and may not tell any more: it is closed at the sender at once, and it goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.federation.endings import (
    alarms_at,
    asked,
    endings_at,
    pass_time,
    refer_and_accept,
    shown,
    withdraw,
)
from tests.federation.neighbours import SHARED, settle

from iars_node.audit import store as audit_store
from iars_node.audit.model import AuditFilter
from iars_node.cases.service import receive_scope
from iars_node.consent import changing
from iars_node.errors import InvalidError
from iars_node.holds import service as holds
from iars_node.referrals import service as referrals
from iars_node.vault.content_keys import find_keys
from iars_node.vault.errors import KeyStoreError
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent
    from iars_node.referrals.model import Referral

    Pair = tuple[Neighbour, Neighbour]

HOLD = timedelta(hours=49)
BETTER = "She is better, and sleeps."
SEEN = "She was seen on Monday."


async def told_back(pair: Pair, **changes: object) -> tuple[Referral, Consent]:
    """Refer a person, and have the mission tell the shelter how it goes in two scopes."""
    shelter, mission = pair
    given = shelter.give_consent(shelter.open_case(), mission, **changes)  # type: ignore[arg-type]
    sent, given = await refer_and_accept(shelter, mission, given)
    mission.act(referrals.begin, sent.id, texts=[("medical", BETTER), ("services", SEEN)])
    await settle(shelter, mission)
    assert heard(shelter, sent) == {BETTER, SEEN}
    return sent, given


def heard(side: Neighbour, sent: Referral) -> set[str]:
    """Return every sentence that a referral's thread shows here."""
    with side.node.works.read(SYSTEM) as work:
        entries = referrals.timeline(work, sent.id)
    return {text for entry in entries for part in entry.scopes for text in part.texts}


def take_out(side: Neighbour, given: Consent, **changes: Any) -> Consent:
    with side.node.works.write(SYSTEM) as work:
        return changing.narrow_consent(work, given.id, replace(given.terms, **changes))


def keys_of(side: Neighbour, sent: Referral) -> set[str]:
    with side.node.works.read(SYSTEM) as work:
        found = find_keys(work.connection, "referral", sent.id)
    return {key.scope for key in found if key.source == sent.grant_id}


async def test_what_was_told_in_a_scope_that_is_taken_out_is_closed_at_once_and_goes_after_the_hold(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await told_back(pair)
    take_out(shelter, given, feedback=("services",))
    assert heard(shelter, sent) == {SEEN}
    (held,) = endings_at(shelter)
    assert (held.ending.cause, held.scopes, held.ending.peer) == ("told-back", ("medical",), mission.id)
    with shelter.node.works.read(SYSTEM) as work:
        assert withdrawals.endings_of_case(work, given.case_id) == [held]
    assert "medical" in keys_of(shelter, sent)
    pass_time(clock, HOLD, *pair)
    await settle(*pair)
    assert "medical" not in keys_of(shelter, sent)
    assert [each.ending.state for each in endings_at(shelter)] == ["done"]
    # The clinic keeps what it received, and what it wrote itself; nobody had to be asked.
    assert shown(mission, sent.id) == set(SHARED)
    assert heard(mission, sent) == {BETTER, SEEN}
    assert asked(shelter, given) == []
    with shelter.node.works.read(SYSTEM) as work:
        found = audit_store.page(
            work.connection, AuditFilter(case_id=given.case_id, action="consent.answers")
        )
    assert [(each.event.action, each.event.scopes) for each in found.events] == [
        ("consent.answers-erased", ("medical",)),
        ("consent.answers-ended", ("medical",)),
    ]


async def test_what_is_still_told_of_it_is_not_kept_and_people_are_asked_to_call(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await told_back(pair)
    take_out(shelter, given, feedback=("services",))
    # The clinic received this scope as well: a withdrawal would take that too, so its node is not told.
    assert shelter.referral(sent.id).problem == "telling-narrowed"
    mission.act(referrals.write_note, sent.id, [("medical", "Fever."), ("services", "Tomorrow again.")])
    await settle(*pair)
    assert heard(shelter, sent) == {SEEN, "Tomorrow again."}
    assert shelter.history(sent.id).faults == ()
    mission.act(referrals.complete, sent.id)
    await settle(*pair)
    assert shelter.referral(sent.id).state == "completed"


async def test_who_could_only_tell_of_a_scope_is_told_to_tell_no_more(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await told_back(pair, scopes=("services", "demographics", "identity"))
    take_out(shelter, given, feedback=("services",))
    assert [one.notice.scopes for one in asked(shelter, given)] == [("medical",)]
    assert shelter.referral(sent.id).problem == ""
    await settle(*pair)
    with pytest.raises(InvalidError):
        mission.act(referrals.write_note, sent.id, [("medical", "Fever.")])
    assert shown(mission, sent.id) == {"services", "demographics", "identity"}


async def test_a_withdrawal_that_names_a_scope_takes_what_was_told_of_it_and_the_whole_one_does_not(
    pair: Pair, clock: SetClock
) -> None:
    shelter, _mission = pair
    one, whole = await told_back(pair), await told_back(pair)
    withdraw(shelter, one[1], scopes=("medical",))
    withdraw(shelter, whole[1])
    assert heard(shelter, one[0]) == {SEEN}
    pass_time(clock, HOLD, *pair)
    await settle(*pair)
    assert "medical" not in keys_of(shelter, one[0])
    # The shelter still cares for the person: what it was told while that was agreed is its own file.
    assert heard(shelter, whole[0]) == {BETTER, SEEN}


async def test_what_was_told_on_an_answer_to_a_referral_of_another_purpose_stands(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await told_back(pair)
    returning, _ = await refer_and_accept(shelter, mission, given, service="TRN-ASSIST")
    mission.act(referrals.begin, returning.id, texts=[("medical", "Fit to travel.")])
    await settle(*pair)
    withdraw(shelter, given, scopes=("medical",), purposes=("return",))
    assert heard(shelter, sent) == {BETTER, SEEN}
    assert heard(shelter, returning) == set()


async def test_a_renewal_lets_it_be_told_again_under_a_new_referral_alone(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await told_back(pair)
    newer = take_out(shelter, given, feedback=("services",))
    with shelter.node.works.write(SYSTEM) as work:
        newest = changing.renew_consent(work, newer.id, given.terms)
    assert heard(shelter, sent) == {SEEN}
    again, _ = await refer_and_accept(shelter, mission, newest)
    mission.act(referrals.begin, again.id, texts=[("medical", BETTER)])
    await settle(*pair)
    assert heard(shelter, again) == {BETTER}


async def test_a_legal_hold_keeps_what_was_told_into_the_case_closed_until_it_is_lifted(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await told_back(pair)
    with shelter.node.works.write(SYSTEM) as work:
        # Another maker's node may tell fields as well; they stand in the case under the grant.
        receive_scope(
            work, given.case_id, "medical", sent.grant_id, {"medication": ["iron"]}, by=mission.id.hex()
        )
        hold = holds.set_hold(
            work,
            given.case_id,
            ground="legal-obligation",
            reason="A court asks for it.",
            until=work.now + timedelta(days=30),
        )
    take_out(shelter, given, feedback=("services",))
    pass_time(clock, HOLD, *pair)
    (kept,) = endings_at(shelter)
    assert (kept.ending.state, kept.scopes) == ("held", ("medical",))
    with shelter.node.works.write(SYSTEM) as work:
        holds.lift_hold(work, hold.id)
    pass_time(clock, timedelta(minutes=5), *pair)
    (gone,) = endings_at(shelter)
    assert (gone.ending.state, gone.scopes) == ("done", ())


async def test_an_erasure_that_fails_is_an_alarm_here_and_is_tried_again(
    pair: Pair, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, _mission = pair
    sent, given = await told_back(pair)
    take_out(shelter, given, feedback=("services",))

    def fail(*_arguments: object, **_named: object) -> None:
        raise KeyStoreError("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(shelter.node.vault, "erase_content_keys", fail)
        pass_time(clock, HOLD, shelter)
    assert "erasure.failed" in alarms_at(shelter)
    assert "medical" in keys_of(shelter, sent)
    pass_time(clock, timedelta(hours=2), shelter)
    assert "medical" not in keys_of(shelter, sent)


async def test_what_was_told_of_a_scope_by_nobody_ends_without_a_trace(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    given = shelter.give_consent(shelter.open_case(), mission)
    sent, given = await refer_and_accept(shelter, mission, given)
    mission.act(referrals.begin, sent.id, texts=[("services", SEEN)])
    await settle(*pair)
    take_out(shelter, given, feedback=("services",))
    assert endings_at(shelter) == []
    pass_time(clock, HOLD, shelter)
    assert heard(shelter, sent) == {SEEN}
