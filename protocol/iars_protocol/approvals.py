"""What becomes of an exception that went out before its second approval (SPEC § 7.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from iars_protocol.errors import TransitionError

if TYPE_CHECKING:
    from iars_protocol.permissions import Basis

Outcome: TypeAlias = Literal["approved", "lapsed"]
Approval: TypeAlias = Literal["", "approved", "pending", "lapsed"]

APPROVED: Outcome = "approved"
LAPSED: Outcome = "lapsed"
OUTCOMES: tuple[Outcome, ...] = (APPROVED, LAPSED)


def settle(basis: Basis, known: Outcome | None, told: Outcome) -> Outcome:
    """Return what holds after the controller tells the outcome of an exception.

    Args:
        basis: why the grant was given.
        known: what was told before about the same grant, if anything.
        told: what is told now.

    Raises:
        TransitionError: the grant waits for no approval, or another outcome was told before. A lapsed
            exception does not revive, and an approved one does not lapse (SPEC § 7.8).

    """
    if basis.approval != "pending":
        raise TransitionError("the grant waits for no approval")
    if known is not None and known != told:
        raise TransitionError("another outcome was told before")
    return told


def approval_of(basis: Basis, known: Outcome | None) -> Approval:
    """Return where an exception stands: as its grant says, or as its controller told since (SPEC § 7.8)."""
    return known if basis.approval == "pending" and known is not None else basis.approval
