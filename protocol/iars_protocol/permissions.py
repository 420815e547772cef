"""What a person agreed to: grants, onward permissions and withdrawals, and what each allows (SPEC § 7)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from iars_protocol.vocabulary import Step

BASES = ("consent", "vital-interest", "legal-obligation", "judicial")
APPROVALS = ("approved", "pending")
CLOCK_TOLERANCE = 300


@dataclass(frozen=True, slots=True)
class Allowed:
    """The grant covers it."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The grant does not cover it; `reason` is a stable code."""

    reason: str


Answer: TypeAlias = "Allowed | Denied"


@dataclass(frozen=True, slots=True)
class ScopeGrant:
    """One scope of a grant: when it is disclosed, and which fields are in or out of it."""

    code: str
    step: Step
    at_offer: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()

    def allows(self, field: str, step: Step) -> bool:
        """Say whether a field may leave at a step."""
        if field in self.withheld or (self.only and field not in self.only):
            return False
        return step == "acceptance" or self.step == "offer" or field in self.at_offer


@dataclass(frozen=True, slots=True)
class Basis:
    """Why sharing is allowed: the person's consent, or a recorded exception with its author and approver."""

    kind: str = "consent"
    author: str = ""
    approver: str = ""
    review: int = 0
    approval: Literal["", "approved", "pending"] = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one recipient may learn about one subject, for which purposes, and until when.

    `controller` and `recipient` are node ids (hexadecimal); `subject` is a random pseudonym for this pair
    and case; times are seconds since 1970; `retention_days` counts from the end of the service.
    """

    id: str
    controller: str
    recipient: str
    subject: str
    purposes: tuple[str, ...]
    scopes: tuple[ScopeGrant, ...]
    created: int
    not_before: int
    expires: int
    retention_days: int
    notice_language: str
    feedback: tuple[str, ...] = ()
    basis: Basis = Basis()
    onward: str = ""

    def scope(self, code: str) -> ScopeGrant | None:
        """Return the grant of one scope, or None where nothing of it may leave."""
        for scope in self.scopes:
            if scope.code == code:
                return scope
        return None

    def codes(self) -> frozenset[str]:
        """Return the codes of every granted scope."""
        return frozenset(scope.code for scope in self.scopes)

    def permits(self, *, purpose: str, at: int) -> Answer:
        """Answer whether the grant covers a purpose at a moment (SPEC § 7.4, steps 3 and 4)."""
        if purpose not in self.purposes:
            return Denied("purpose-not-granted")
        if at + CLOCK_TOLERANCE < self.not_before:
            return Denied("grant-not-yet-valid")
        if at >= self.expires:
            return Denied("grant-expired")
        return Allowed()


@dataclass(frozen=True, slots=True)
class Onward:
    """The ceilings within which its holder alone may refer the person onward; it names no subject.

    `controller` is the node id of the origin that signs it, `holder` that of the node that may use it.
    """

    id: str
    controller: str
    holder: str
    scopes: tuple[str, ...]
    purposes: tuple[str, ...]
    created: int
    expires: int
    depth: int = 1
    classes: tuple[str, ...] = ()
    salt: str = ""
    recipients: tuple[str, ...] = ()

    def permits(self, grant: Grant, recipient_class: str, at: int) -> Answer:
        """Answer whether the holder's own grant lies inside the ceilings (SPEC § 7.6).

        Args:
            grant: the grant that the holder gave the next recipient.
            recipient_class: the next recipient's organisation type.
            at: seconds since 1970.

        """
        # Without these two, whoever was shown the permission could pass it on and on.
        if grant.onward != self.id or grant.controller != self.holder:
            return Denied("onward-holder")
        if at >= self.expires or grant.expires > self.expires:
            return Denied("onward-expired")
        if not grant.codes() <= frozenset(self.scopes):
            return Denied("onward-scope")
        if not frozenset(grant.purposes) <= frozenset(self.purposes):
            return Denied("onward-purpose")
        if self.names(grant.recipient) or recipient_class in self.classes:
            return Allowed()
        return Denied("onward-recipient")

    def names(self, node_id: str) -> bool:
        """Say whether a node is among the recipients, which are salted hashes."""
        return bool(self.recipients) and recipient_hash(self.salt, node_id) in self.recipients


def recipient_hash(salt: str, node_id: str) -> str:
    """Hash a recipient so that a permission does not list partners in clear (SPEC § 7.6)."""
    return hashlib.sha256(bytes.fromhex(salt) + bytes.fromhex(node_id)).hexdigest()


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The end of grants or onward permissions; it counts only under their issuer's signature.

    An empty `scopes` withdraws all of them, an empty `purposes` all purposes: what is named by both ends, for
    each purpose named, each scope named. `by` is `person`, or `other` where anyone else revoked.
    """

    id: str
    controller: str
    created: int
    grants: tuple[str, ...] = ()
    onward: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    by: Literal["person", "other"] = "person"

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the grants stays."""
        return not self.scopes and not self.purposes


Permission: TypeAlias = "Grant | Onward | Withdrawal"
