"""The life of a consent as data: which step leads where, and who may set it (states after W3C DPV).

Every change of a consent's state, by whichever slice, goes through `advance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from iars_node.consent.model import PERMITTING, State
from iars_node.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping

By: TypeAlias = Literal["person", "organisation", "other", "clock"]
"""Whose word it is: the person's (or that of whoever consents for a child), this organisation's, anybody
else's (a guardian, an authority, another organisation), or nobody's."""

Step: TypeAlias = Literal[
    "request", "refuse", "give", "renew", "narrow", "expire", "invalidate", "withdraw", "revoke"
]


@dataclass(frozen=True, slots=True)
class Transition:
    """One step: whose word it is, from which states (None: there is no record yet), and where it leads.

    A step without a target leaves the state as it is. `makes_version` says that the step writes a record of
    its own, which points to the one that it ends; that one keeps its state as history.
    """

    by: tuple[By, ...]
    origins: tuple[State | None, ...]
    target: State | None
    action: str
    makes_version: bool = False


TRANSITIONS: Mapping[Step, Transition] = MappingProxyType(
    {
        "request": Transition(("organisation",), (None,), "requested", "consent.record"),
        "refuse": Transition(("person",), (None, "requested"), "refused", "consent.record"),
        "give": Transition(("person",), (None, "requested"), "given", "consent.record"),
        "renew": Transition(
            ("person",), (*PERMITTING, "expired"), "renewed", "consent.record", makes_version=True
        ),
        "narrow": Transition(("person",), PERMITTING, None, "consent.withdraw", makes_version=True),
        "expire": Transition(("clock",), PERMITTING, "expired", ""),
        "invalidate": Transition(
            ("organisation",), ("requested", *PERMITTING), "invalidated", "consent.withdraw"
        ),
        # Also past its end: recipients still hold what they received until their grace is over.
        "withdraw": Transition(("person",), (*PERMITTING, "expired"), "withdrawn", "consent.withdraw"),
        "revoke": Transition(("other",), (*PERMITTING, "expired"), "revoked", "consent.withdraw"),
    }
)


def advance(state: State | None, step: Step, by: By) -> State:
    """Return the state after a step, or say that it is not possible now."""
    transition = TRANSITIONS[step]
    if by not in transition.by or state not in transition.origins:
        raise ConflictError(
            f"The consent is {state or 'not recorded yet'}; this step is not possible now. Look at it again."
        )
    target = transition.target or state
    if target is None:
        raise ConflictError("There is no consent yet that could stay as it is.")
    return target
