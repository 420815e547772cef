from __future__ import annotations

import pytest
from tests.specimens import START

from iars_protocol.approvals import APPROVED, LAPSED, OUTCOMES, Outcome, approval_of, settle
from iars_protocol.errors import MalformedError, TransitionError
from iars_protocol.messages.exception import DecideException
from iars_protocol.messages.registry import read_body
from iars_protocol.permissions import Basis

PENDING = Basis("vital-interest", "a worker", "", START, "pending")
SETTLED = Basis("judicial", "a worker", "a supervisor", START, "approved")


@pytest.mark.parametrize("basis", [Basis(), SETTLED])
@pytest.mark.parametrize("told", OUTCOMES)
def test_a_grant_that_waits_for_nobody_gets_no_outcome(basis: Basis, told: Outcome) -> None:
    with pytest.raises(TransitionError):
        settle(basis, None, told)
    assert approval_of(basis, told) == basis.approval


def test_the_first_outcome_holds() -> None:
    for told, other in ((APPROVED, LAPSED), (LAPSED, APPROVED)):
        assert settle(PENDING, None, told) == settle(PENDING, told, told) == told
        with pytest.raises(TransitionError):
            settle(PENDING, told, other)


def test_an_exception_is_pending_until_its_outcome_is_told() -> None:
    assert approval_of(PENDING, None) == "pending"
    assert approval_of(PENDING, LAPSED) == "lapsed"
    assert approval_of(Basis(), None) == ""


@pytest.mark.parametrize(
    "changes",
    [{"outcome": "approved"}, {"approver": "x"}, {"outcome": "revived"}, {"grant": "01"}, {"at": -1}],
)
def test_an_approval_has_an_approver_and_a_lapse_has_none(changes: dict[str, object]) -> None:
    plain = {"grant": "01" * 16, "outcome": "lapsed", "at": START}
    assert read_body(DecideException.type, plain) == DecideException("01" * 16, LAPSED, START)
    with pytest.raises(MalformedError):
        read_body(DecideException.type, {**plain, **changes})
