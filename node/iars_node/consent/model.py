"""A person's consent as this organisation recorded it, and the grants that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from iars_node.consent.ended import BACK
from iars_protocol.consent import Allowed, Answer, Basis, Denied, ScopeGrant, Signed
from iars_protocol.consent import Grant as WireGrant
from iars_protocol.vocabulary import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterable
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
ASSENT = {"given": "The child agrees", "too-young": "Too young to be asked"}
WITHDRAWAL_WAYS = {
    "in-person": "Tell any of us",
    "phone": "By phone",
    "message": "By message",
    "through-other": "Through somebody you trust",
}
# What people said or are called: sealed under the case's key, apart from the codes.
WORDS = ("reasons", "interpreter", "witness", "guardian", "best_interests", "paper")


WITH_CONSENT = Basis()


@dataclass(frozen=True, slots=True)
class Notice:
    """Which text was read out: its name, version and language, and the SHA-256 of its very words."""

    id: str
    version: int
    language: str
    hash: str


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


def joined(withheld: Iterable[Withheld]) -> tuple[Withheld, ...]:
    """Return what is withheld with one entry for each scope and recipient; a whole scope outweighs fields."""
    found: dict[tuple[str, str], Withheld] = {}
    for item in withheld:
        known = found.get((item.scope, item.node))
        if known is None or (known.fields and not item.fields):
            found[item.scope, item.node] = item
        elif known.fields:
            fields = tuple(dict.fromkeys((*known.fields, *item.fields)))
            found[item.scope, item.node] = Withheld(item.scope, fields, item.node)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Terms:
    """What the person agreed to, and how it was obtained.

    `notice` is the text that was read out, `evidence` the attachments that show the word given (a scan, a
    recording), `assent` what a child said who is too young to decide alone. The last lines are free text,
    sealed at rest: the person's reasons, names of interpreter, witness and guardian, why it is in a child's
    best interests, where the paper lies.
    """

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
    notice: Notice | None = None
    evidence: tuple[str, ...] = ()
    with_witness: bool = False
    is_child: bool = False
    assent: str = ""
    withdrawal_ways: tuple[str, ...] = ("in-person",)
    reasons: str = field(default="", repr=False)
    interpreter: str = field(default="", repr=False)
    witness: str = field(default="", repr=False)
    guardian: str = field(default="", repr=False)
    best_interests: str = field(default="", repr=False)
    paper: str = field(default="", repr=False)

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
    """One version of a person's consent. Of one that ended, the state stays as history.

    An exception takes this form too where it is asked what may leave: then `basis` says on what it rests,
    and `hindrance` why it permits nothing (yet, or any more).
    """

    id: str
    case_id: str
    state: State
    version: int
    replaces: str
    terms: Terms
    given_at: datetime
    recorded_by: str
    ended_at: datetime | None = None
    basis: Basis = WITH_CONSENT
    hindrance: str = ""
    ended: tuple[EndedPart, ...] = ()

    @property
    def is_replaced(self) -> bool:
        """Whether a newer version has taken its place."""
        return self.ended_at is not None and self.state in PERMITTING

    def has_ended(self, *, node: str, purpose: str, scope: str = "") -> bool:
        """Say whether a scope (none: everything) was withdrawn for a purpose, towards an organisation."""
        return any(part.touches(scope=scope, purpose=purpose, node=node) for part in self.ended)

    def state_at(self, moment: datetime) -> State:
        """Return the state by the clock: nothing needs to run for a consent to expire."""
        if self.state in PERMITTING and moment >= self.terms.expires:
            return "expired"
        return self.state

    def stands(self, at: datetime) -> Answer:
        """Answer whether anything may leave under it at a moment."""
        if self.hindrance:
            return Denied(self.hindrance)
        if self.is_replaced:
            return Denied("consent-replaced")
        if self.state_at(at) not in PERMITTING:
            return Denied(f"consent-{self.state_at(at)}")
        if self.terms.not_before is not None and at < self.terms.not_before:
            return Denied("consent-not-yet-valid")
        return Allowed()

    def covers(self, *, node: str, organisation_type: str, service: str, at: datetime) -> Answer:
        """Answer whether an organisation may be sent a referral for a service at a moment."""
        standing = self.stands(at)
        if isinstance(standing, Denied):
            return standing
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
    ended_at: datetime | None = None
    ended: tuple[EndedPart, ...] = ()

    def has_ended(self, scope: str, purpose: str) -> bool:
        """Say whether a scope was withdrawn for a purpose."""
        return any(part.touches(scope=scope, purpose=purpose) for part in self.ended)

    def is_told_back(self, scope: str, purpose: str) -> bool:
        """Say whether what the recipient tells back in a scope may be kept: nobody took it out."""
        return not any(part.touches(scope=scope, purpose=purpose, way=BACK) for part in self.ended)

    def stands(self, scope: str, purpose: str, at: datetime) -> bool:
        """Say whether a scope may still be read and shared for a purpose: not withdrawn, not expired."""
        return at.timestamp() < self.grant.expires and not self.has_ended(scope, purpose)

    def standing(self, purpose: str) -> WireGrant | None:
        """Return what is left of the grant for a purpose, or None where nothing is."""
        left = tuple(scope for scope in self.grant.scopes if not self.has_ended(scope.code, purpose))
        feedback = tuple(
            scope
            for scope in self.grant.feedback
            if not self.has_ended(scope, purpose) and self.is_told_back(scope, purpose)
        )
        return replace(self.grant, scopes=left, feedback=feedback) if left else None


@dataclass(frozen=True, slots=True)
class History:
    """One entry of a consent's history: what happened, by whose word, entered by whom."""

    at: datetime
    step: str
    by: str
    state_after: str
    actor: str
