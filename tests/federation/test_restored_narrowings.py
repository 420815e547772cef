"""A database from before a narrowing, put back: what the person took out stays out, on either side."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.federation.endings import (
    GRACE,
    HOLD,
    alarms_at,
    pass_time,
    record_of,
    refer_and_accept,
    shown,
    withdraw,
)
from tests.federation.neighbours import SHARED, settle
from tests.federation.yesterday import actions, back_up, restore_older_database

from iars_node.cases import service as cases
from iars_node.consent import changing
from iars_node.consent import service as consents
from iars_node.consent.model import Recipient
from iars_node.errors import RefusedError
from iars_node.exchange.restoring import decide_without
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.vault.content_keys import find_keys
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour, Wire

    from iars_node.cases.model import Case
    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent
    from iars_node.referrals.model import Referral

    Three = tuple[Neighbour, Neighbour, Neighbour]


@pytest.fixture
def three(neighbours: Callable[..., list[Neighbour]]) -> Three:
    """A shelter, a mission that was told of what was taken out, and a clinic that had nothing yet."""
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    return shelter, mission, clinic


def agreed(shelter: Neighbour, mission: Neighbour, clinic: Neighbour) -> Consent:
    """Record a consent to two recipients."""
    both = tuple(Recipient(node=side.id.hex()) for side in (mission, clinic))
    return shelter.give_consent(shelter.open_case(), mission, recipients=both)


def case_of(side: Neighbour, given: Consent) -> Case:
    with side.node.works.read(SYSTEM) as work:
        return cases.case_head(work, given.case_id)


def narrow(side: Neighbour, given: Consent, **changes: Any) -> Consent:
    with side.node.works.write(SYSTEM) as work:
        return changing.narrow_consent(work, given.id, replace(given.terms, **changes))


def without(given: Consent, what: str, clinic: Neighbour) -> dict[str, Any]:
    """Return the terms without one thing."""
    if what == "a scope":
        return {"scopes": tuple(scope for scope in given.terms.scopes if scope.code != "medical")}
    if what == "a purpose":
        return {"purposes": ("assistance",)}
    return {"recipients": tuple(item for item in given.terms.recipients if item.node != clinic.id.hex())}


SERVICE_OF = {"a scope": "MED-SCREEN", "a purpose": "TRN-ASSIST", "a recipient": "MED-SCREEN"}


async def what_arrives(
    sender: Neighbour, receiver: Neighbour, given: Consent, service: str = "MED-SCREEN"
) -> set[str]:
    """Refer a person under a consent, as far as it goes, and return the scopes that the other side reads."""
    try:
        sent = sender.refer(case_of(sender, given), given, receiver, service=service)
    except RefusedError:
        return set()
    await settle(sender, receiver)
    receiver.act(referrals.accept, sent.id)
    await settle(sender, receiver)
    return shown(receiver, sent.id)


async def settle_slowly(clock: SetClock, *sides: Neighbour) -> None:
    for _ in range(6):
        clock.moment += timedelta(minutes=1)
        await settle(*sides)
        for side in sides:
            side.run_jobs()


# -- whoever shares


@pytest.mark.parametrize("is_told", [True, False], ids=["a recipient was told", "nobody had anything"])
@pytest.mark.parametrize("what", SERVICE_OF)
async def test_what_was_taken_out_since_the_backup_leaves_for_nobody(
    three: Three, wire: Wire, clock: SetClock, what: str, *, is_told: bool
) -> None:
    shelter, mission, clinic = three
    given = agreed(*three)
    if is_told:
        await refer_and_accept(shelter, mission, given, service=SERVICE_OF[what])
        if what == "a recipient":
            await refer_and_accept(shelter, clinic, given)
    back_up(shelter)
    narrow(shelter, given, **without(given, what, clinic))
    await settle(*three)
    if not is_told:
        # No peer could remind it: what it knows then stands in its key store.
        shelter.run_jobs()

    restore_older_database(shelter, wire, "shelter")
    await settle_slowly(clock, *three)
    for side in (clinic, mission):
        found = await what_arrives(shelter, side, given, SERVICE_OF[what])
        if what == "a scope":
            assert "medical" not in found
        elif what == "a purpose" or side is clinic:
            assert found == set()


async def test_what_waited_for_an_acceptance_leaves_without_what_was_taken_out_since_the_backup(
    three: Three, wire: Wire, clock: SetClock
) -> None:
    shelter, mission, clinic = three
    given = agreed(*three)
    case = case_of(shelter, given)
    sent = [shelter.refer(case, given, side) for side in (mission, clinic)]
    await settle(*three)
    back_up(shelter)
    narrow(shelter, given, **without(given, "a scope", clinic))
    await settle(*three)
    restore_older_database(shelter, wire, "shelter")
    await settle_slowly(clock, *three)
    for side, referral in zip((mission, clinic), sent, strict=True):
        side.act(referrals.accept, referral.id)
        await settle(*three)
        assert "medical" not in shown(side, referral.id)
        assert "medical" not in record_of(side, referral.id)


async def test_a_consent_that_came_back_too_wide_is_put_before_people_and_entered_again(
    three: Three, wire: Wire, clock: SetClock
) -> None:
    shelter, _mission, clinic = three
    given = agreed(*three)
    back_up(shelter)
    narrow(shelter, given, **without(given, "a scope", clinic))
    shelter.run_jobs()
    restore_older_database(shelter, wire, "shelter")
    assert "consent.overtaken" in alarms_at(shelter)
    with shelter.node.works.read(SYSTEM) as work:
        assert consents.history(work, given.id)[-1].step == "overtaken"
    await settle_slowly(clock, *three)
    with pytest.raises(RefusedError) as refusal:
        shelter.refer(case_of(shelter, given), given, clinic)
    assert refusal.value.reason == "consent-withdrawn"
    with shelter.node.works.write(SYSTEM) as work:
        terms = replace(given.terms, **without(given, "a scope", clinic))
        again = changing.renew_consent(work, given.id, terms)
    assert await what_arrives(shelter, clinic, again) == set(SHARED) - {"medical"}


@pytest.mark.parametrize("change", ["narrowed", "withdrawn in part", "renewed to more"])
async def test_a_backup_that_knows_the_persons_last_word_comes_back_as_it_was(
    three: Three, wire: Wire, clock: SetClock, change: str
) -> None:
    shelter, mission, clinic = three
    given = agreed(*three)
    await refer_and_accept(shelter, mission, given)
    if change == "renewed to more":
        # Of more than before the person said nothing less: what they had agreed to still stands.
        back_up(shelter)
        with shelter.node.works.write(SYSTEM) as work:
            changing.renew_consent(work, given.id, replace(given.terms, retention_days=400))
    elif change == "narrowed":
        given = narrow(shelter, given, **without(given, "a scope", clinic))
    else:
        withdraw(shelter, given, scopes=("medical",))
    await settle(*three)
    for side in three:
        side.run_jobs()
    if change != "renewed to more":
        back_up(shelter)
        back_up(mission)
        restore_older_database(mission, wire, "mission")
    restore_older_database(shelter, wire, "shelter")
    await settle_slowly(clock, *three)
    left = set(SHARED) if change == "renewed to more" else set(SHARED) - {"medical"}
    assert await what_arrives(shelter, clinic, given) == left
    for side in three:
        assert "consent.overtaken" not in actions(side)
        assert "consent.opened-again" not in actions(side)


# -- whoever received


@pytest.mark.parametrize("is_known", [True, False], ids=["accepted before the backup", "accepted since"])
async def test_a_recipient_that_forgot_a_narrowing_opens_nothing_of_what_was_taken_out(
    three: Three, wire: Wire, clock: SetClock, *, is_known: bool
) -> None:
    shelter, mission, clinic = three
    given = agreed(*three)
    if not is_known:
        back_up(mission)
    sent, _ = await refer_and_accept(shelter, mission, given)
    if is_known:
        back_up(mission)
    narrow(shelter, given, **without(given, "a scope", clinic))
    await settle(*three)
    assert shown(mission, sent.id) == set(SHARED) - {"medical"}
    mission.run_jobs()

    restore_older_database(mission, wire, "mission")
    if is_known:
        # Nobody has told it again yet.
        assert "medical" not in shown(mission, sent.id)
        assert "medical" not in record_of(mission, sent.id)
    await settle_slowly(clock, *three)
    assert shown(mission, sent.id) == set(SHARED) - {"medical"}
    assert record_of(mission, sent.id).keys() == set(SHARED) - {"medical"}
    pass_time(clock, HOLD + timedelta(hours=1), *three)
    await settle(*three)
    assert shown(mission, sent.id) == set(SHARED) - {"medical"}
    assert {"exchange.gap-filled"} <= actions(mission)


async def test_what_nobody_says_again_stays_closed_until_its_time_is_over_and_is_then_destroyed(
    three: Three, wire: Wire, clock: SetClock
) -> None:
    shelter, mission, clinic = three
    given = agreed(*three)
    sent, _ = await refer_and_accept(shelter, mission, given)
    back_up(mission)
    narrow(shelter, given, **without(given, "a scope", clinic))
    await settle(*three)
    mission.run_jobs()
    restore_older_database(mission, wire, "mission")
    wire.disturb = lambda _direction, _body: None
    with mission.node.works.write(SYSTEM) as work:
        decide_without(work, peers.get(work, shelter.id))
    mission.run_jobs()
    assert "consent.overtaken" in alarms_at(mission)
    assert shown(mission, sent.id) == set()
    assert record_of(mission, sent.id) == {}
    keys = keys_under(mission, sent)
    assert mission.node.vault.has_content_keys(keys) == keys != set()
    pass_time(clock, timedelta(days=31), mission)
    mission.run_jobs()
    assert shown(mission, sent.id) == set()
    pass_time(clock, GRACE + timedelta(hours=2), mission)
    mission.run_jobs()
    assert mission.node.vault.has_content_keys(keys) == set()


def keys_under(side: Neighbour, sent: Referral) -> set[bytes]:
    """Return the keys of what a case holds under a referral's grant."""
    current = side.referral(sent.id)
    with side.node.works.read(SYSTEM) as work:
        held = find_keys(work.connection, "case", current.case_id)
    return {key.key_id for key in held if key.source == current.grant_id and key.scope in SHARED}
