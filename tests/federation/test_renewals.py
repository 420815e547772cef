"""What a newer version does not reach, or takes back: said before and after, so that nobody is surprised."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.federation.endings import asked, refer_and_accept
from tests.federation.neighbours import settle

from iars_node.cases import service as cases
from iars_node.consent import changing
from iars_node.consent.model import Withheld
from iars_node.errors import ForbiddenError, NotFoundError
from iars_node.referrals import service as referrals
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent
    from iars_node.referrals.model import Referral
    from iars_node.withdrawals.service import Foreseen

    Pair = tuple[Neighbour, Neighbour]

DAY = timedelta(days=1)
NOBODY = Actor("account", "0" * 32)


def renew(side: Neighbour, given: Consent, **changes: Any) -> Consent:
    with side.node.works.write(SYSTEM) as work:
        return changing.renew_consent(work, given.id, replace(given.terms, **changes))


def outlived(side: Neighbour, given: Consent) -> list[str]:
    with side.node.works.read(SYSTEM) as work:
        return [each.referral.id for each in referrals.outlived_under(work, given.id)]


def soon(side: Neighbour, days: int) -> list[str]:
    with side.node.works.read(SYSTEM) as work:
        return [each.referral.id for each in referrals.ending_soon(work, work.now + days * DAY, 10)]


def foresee(side: Neighbour, given: Consent, **changes: Any) -> list[Foreseen]:
    with side.node.works.read(SYSTEM) as work:
        return withdrawals.foresee_narrowing(work, given.id, replace(given.terms, **changes))


def again(side: Neighbour, sent: Referral, given: Consent, to: Neighbour) -> Referral:
    with side.node.works.read(SYSTEM) as work:
        case = cases.case_head(work, sent.case_id)
    return side.refer(case, given, to)


# -- a renewal


async def test_a_renewal_says_which_open_referrals_still_end_on_their_old_day(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    done, _ = await refer_and_accept(shelter, mission, given)
    mission.act(referrals.begin, done.id)
    mission.act(referrals.complete, done.id)
    await settle(shelter, mission)
    assert outlived(shelter, given) == []
    newer = renew(shelter, given, expires=given.terms.expires + 60 * DAY)
    for version in (given, newer):
        assert outlived(shelter, version) == [sent.id]
    with shelter.node.works.read(SYSTEM) as work:
        (each,) = referrals.outlived_under(work, newer.id)
    assert (each.ends_at, each.agreed_until) == (given.terms.expires, newer.terms.expires)
    assert each.consent_id == newer.id
    # A warning comes in time, while the consent itself goes on.
    assert soon(shelter, 14) == []
    clock.moment += 20 * DAY
    assert soon(shelter, 14) == [sent.id]
    with shelter.node.works.read(NOBODY) as work:
        assert referrals.outlived_under(work, newer.id) == []
        with pytest.raises(ForbiddenError):
            referrals.ending_soon(work, work.now + DAY, 10)


async def test_who_refers_once_more_is_known_there_and_nothing_has_to_be_prolonged(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    newer = renew(shelter, given, expires=given.terms.expires + 60 * DAY)
    second = again(shelter, sent, newer, mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, second.id)
    await settle(shelter, mission)
    assert mission.referral(second.id).case_id == mission.referral(sent.id).case_id
    shelter.act(referrals.cancel, sent.id, "no-longer-needed")
    assert outlived(shelter, newer) == []


async def test_a_renewal_to_the_same_day_or_one_that_was_withdrawn_outlives_nothing(pair: Pair) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(shelter, mission)
    newer = renew(shelter, given)
    assert outlived(shelter, newer) == []
    newest = renew(shelter, newer, expires=given.terms.expires + 60 * DAY)
    assert len(outlived(shelter, newest)) == 1
    with shelter.node.works.write(SYSTEM) as work:
        withdrawals.withdraw(work, [newest.id])
    assert outlived(shelter, newest) == []


# -- a narrowing


async def test_a_narrowing_says_before_it_is_recorded_what_it_takes_back_and_does_just_that(
    pair: Pair,
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    less: dict[str, Any] = {
        "scopes": tuple(scope for scope in given.terms.scopes if scope.code != "identity"),
        "withheld": (Withheld("medical", ("conditions",)), Withheld("demographics", ("education",))),
        "feedback": ("services",),
        "purposes": ("assistance",),
    }
    (seen,) = foresee(shelter, given, **less)
    assert (seen.peer, seen.is_whole, seen.purposes) == (mission.id, False, ("return",))
    assert seen.scopes == ("identity", "medical")
    # A detail of it was sent; of what never left, nothing is taken back.
    assert seen.for_details == ("medical",)
    assert (seen.told_back, seen.is_to_be_called) == (("medical",), False)
    assert asked(shelter, given) == []
    assert shelter.referral(sent.id).problem == ""
    with shelter.node.works.write(SYSTEM) as work:
        changing.narrow_consent(work, given.id, replace(given.terms, **less))
    parts = {(one.notice.scopes, one.notice.purposes) for one in asked(shelter, given)}
    assert parts == {(("identity", "medical"), ()), ((), ("return",))}
    assert shelter.referral(sent.id).problem == "consent-narrowed"


async def test_who_has_to_be_called_and_who_gives_everything_back_is_foreseen(pair: Pair) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(shelter, mission)
    (called,) = foresee(shelter, given, feedback=("services",))
    assert (called.scopes, called.told_back, called.is_to_be_called) == ((), ("medical",), True)
    (whole,) = foresee(shelter, given, purposes=("research",))
    assert whole.is_whole
    assert foresee(shelter, given) == []
    with shelter.node.works.read(SYSTEM) as work, pytest.raises(NotFoundError):
        withdrawals.foresee_narrowing(work, "0" * 32, given.terms)
    with shelter.node.works.read(NOBODY) as work, pytest.raises(ForbiddenError):
        withdrawals.foresee_narrowing(work, given.id, given.terms)
