"""Referring a person on: whose permission it stands under, what may leave, and what the origin is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.consent import onward_use
from iars_node.consent import service as consents
from iars_node.errors import NotFoundError, RefusedError
from iars_node.referrals import store
from iars_node.referrals.service import disclosing

if TYPE_CHECKING:
    from iars_node.consent.model import Consent, KeptGrant
    from iars_node.consent.onward_use import Usable
    from iars_node.peers.model import Peer
    from iars_node.referrals.model import Offering, Referral
    from iars_node.referrals.service.disclosing import Material
    from iars_node.work import Work
    from iars_protocol.consent import Grant, Signed

HANDED_OVER = "handed-over"


@dataclass(frozen=True, slots=True)
class Ground:
    """On what a referral goes out: the person's word to this node, and another's permission or none."""

    given: Consent
    use: Usable | None

    @property
    def permission(self) -> Signed | None:
        """The permission that travels with the offer."""
        return None if self.use is None else self.use.kept.signed

    @property
    def origin(self) -> bytes:
        """Who the recipient learns to be the origin, or nobody."""
        return b"" if self.use is None else self.use.kept.peer

    def grant_to_show(self, work: Work, peer: Peer, service: str) -> Grant:
        """Return what would go out under it, unsigned where it was not needed yet."""
        if self.use is None:
            return consents.grant_to_show(work, self.given, peer, service)
        return onward_use.grant_to_show(work, self.given, peer, service, self.use)

    def grant_for(self, work: Work, peer: Peer, service: str) -> KeptGrant:
        """Return the signed grant that it goes out under."""
        if self.use is None:
            return consents.grant_for(work, self.given, peer)
        return onward_use.grant_under(work, self.given, peer, service, self.use)

    def material(self, work: Work, case_id: str) -> Material:
        """Gather what may be disclosed: under a permission also what came from its origin."""
        sources = set() if self.use is None else {self.use.kept.grant_id}
        return disclosing.material(work, case_id, sources)

    def tell_origin(self, work: Work, kept: KeptGrant, *, names: bool) -> None:
        """Tell the origin before the offer goes out."""
        if self.use is not None:
            onward_use.tell_origin(work, kept, self.use, names=names)


def ground_of(work: Work, offering: Offering, given: Consent) -> Ground:
    """Return on what a referral goes out, or say why it can't."""
    refuse_handed_over(work, offering.case_id)
    use = onward_use.usable(work, offering.onward, offering.case_id) if offering.onward else None
    return Ground(given, use)


def refuse_handed_over(work: Work, case_id: str) -> None:
    """Refuse to refer a person whose case another organisation has taken over (SPEC § 7.10)."""
    if store.is_handed_over(work.connection, case_id):
        raise RefusedError(
            "This case was handed over; nothing was sent. The organisation that took it over refers now.",
            HANDED_OVER,
        )


def sources_of(work: Work, sent: Referral) -> set[str]:
    """Return what a sent referral may disclose beside own collection: what its permission's origin shared."""
    onward = consents.kept_grant(work, sent.grant_id).grant.onward
    if not onward:
        return set()
    try:
        return {onward_use.usable(work, onward, sent.case_id).kept.grant_id}
    except (NotFoundError, RefusedError):
        return set()
