"""A person's consent as this organisation recorded it, and the grants that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from iars_protocol.consent import Allowed, Answer, Denied, ScopeGrant, Signed
from iars_protocol.consent import Grant as WireGrant
from iars_protocol.vocabulary import SERVICES

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.consent.ended import EndedPart

State: TypeAlias = Literal[
    "requested", "refused", "given", "renewed", "expired", "invalidated", "withdrawn", "revoked"
]
PERMITTING: tuple[State, ...] = ("given", "renewed")

HOW_OBTAINED = {
    "written": "In writing",
    "verbal": "Verbally",
    "thumbprint": "By thumbprint",
    "recorded": "Recorded",
}
FROM_WHOM = {"person": "The person", "caregiver": "A caregiver", "guardian": "An appointed guardian"}


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who may learn something: one node, or every organisation of a type."""

    node: str = ""
    organisation_type: str = ""


@dataclass(frozen=True, slots=True)
class Withheld:
    """What the person keeps from one recipient, or from all (`node` empty): a whole scope, or some fields.

    The reason is the person's own words and is sealed apart.
    """

    scope: str
    fields: tuple[str, ...] = ()
    node: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the person agreed to, and how it was obtained. `reasons` is free text, sealed at rest."""

    purposes: tuple[str, ...]
    scopes: tuple[ScopeGrant, ...]
    recipients: tuple[Recipient, ...]
    expires: datetime
    notice_language: str
    how_obtained: str
    from_whom: str = "person"
    feedback: tuple[str, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    retention_days: int = 365
    not_before: datetime | None = None
    jurisdiction: str = ""
    with_interpreter: bool = False
    is_onward_allowed: bool = False
    reasons: str = field(default="", repr=False)

    def scopes_for(self, node: str) -> tuple[ScopeGrant, ...]:
        """Return the scopes that one recipient gets: what is withheld from it is taken out."""
        found = []
        for scope in self.scopes:
            kept_back = [
                item for item in self.withheld if item.scope == scope.code and item.node in ("", node)
            ]
            if any(not item.fields for item in kept_back):
                continue
            fields = [name for item in kept_back for name in item.fields]
            out = tuple(dict.fromkeys((*scope.withheld, *fields)))
            found.append(ScopeGrant(scope.code, scope.step, scope.at_offer, scope.only, out))
        return tuple(found)

    def names(self, node: str, organisation_type: str) -> bool:
        """Say whether an organisation is among the recipients."""
        return any(
            item.node == node or (item.organisation_type and item.organisation_type == organisation_type)
            for item in self.recipients
        )


@dataclass(frozen=True, slots=True)
class Consent:
    """One version of a person's consent."""

    id: str
    case_id: str
    state: State
    version: int
    replaces: str
    terms: Terms
    given_at: datetime
    recorded_by: str
    ended: tuple[EndedPart, ...] = ()

    def has_ended(self, *, node: str, purpose: str, scope: str = "") -> bool:
        """Say whether a scope (none: everything) was withdrawn for a purpose, towards an organisation."""
        return any(part.touches(scope=scope, purpose=purpose, node=node) for part in self.ended)

    def state_at(self, moment: datetime) -> State:
        """Return the state by the clock: nothing needs to run for a consent to expire."""
        if self.state in PERMITTING and moment >= self.terms.expires:
            return "expired"
        return self.state

    def covers(self, *, node: str, organisation_type: str, service: str, at: datetime) -> Answer:
        """Answer whether an organisation may be sent a referral for a service at a moment."""
        if self.state_at(at) not in PERMITTING:
            return Denied(f"consent-{self.state_at(at)}")
        if self.terms.not_before is not None and at < self.terms.not_before:
            return Denied("consent-not-yet-valid")
        if not self.terms.names(node, organisation_type):
            return Denied("recipient-not-named")
        return self._covers_service(node, SERVICES[service].purpose)

    def _covers_service(self, node: str, purpose: str) -> Answer:
        if purpose not in self.terms.purposes:
            return Denied("purpose-not-granted")
        if self.has_ended(node=node, purpose=purpose, scope="services"):
            return Denied("consent-withdrawn")
        if not any(scope.code == "services" for scope in self.terms.scopes_for(node)):
            return Denied("services-not-granted")
        return Allowed()


@dataclass(frozen=True, slots=True)
class IssuedGrant:
    """What is needed of a grant that this node issued to end it: not its terms, which take time to read."""

    id: str
    peer: bytes
    consent_id: str
    case_id: str
    hash: bytes
    ended: tuple[EndedPart, ...] = ()

    def has_ended(self, scope: str, purpose: str) -> bool:
        """Say whether a scope was withdrawn for a purpose."""
        return any(part.touches(scope=scope, purpose=purpose) for part in self.ended)


@dataclass(frozen=True, slots=True)
class KeptGrant:
    """A grant that this node issued or received, with the bytes that prove it."""

    id: str
    direction: Literal["out", "in"]
    peer: bytes
    consent_id: str
    case_id: str
    grant: WireGrant
    signed: Signed
    recorded_at: datetime
    ended: tuple[EndedPart, ...] = ()

    def has_ended(self, scope: str, purpose: str) -> bool:
        """Say whether a scope was withdrawn for a purpose."""
        return any(part.touches(scope=scope, purpose=purpose) for part in self.ended)

    def stands(self, scope: str, purpose: str, at: datetime) -> bool:
        """Say whether a scope may still be read and shared for a purpose: not withdrawn, not expired."""
        return at.timestamp() < self.grant.expires and not self.has_ended(scope, purpose)

    def standing(self, purpose: str) -> WireGrant | None:
        """Return what is left of the grant for a purpose, or None where nothing is."""
        left = tuple(scope for scope in self.grant.scopes if not self.has_ended(scope.code, purpose))
        feedback = tuple(scope for scope in self.grant.feedback if not self.has_ended(scope, purpose))
        return replace(self.grant, scopes=left, feedback=feedback) if left else None
