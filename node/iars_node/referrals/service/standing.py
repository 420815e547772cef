"""What of a referral's grant still stands: no more than was signed, no more than the person says today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.audit.service import record
from iars_node.consent import service as consents
from iars_node.consent.approvals import EXCEPTION_LAPSED
from iars_node.errors import RefusedError
from iars_node.peers.service import get as get_peer
from iars_node.referrals import store
from iars_node.referrals.model import CONSENT_LOST, IN
from iars_node.vault.identity import seconds
from iars_protocol.consent import Denied
from iars_protocol.content import covers_service

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.consent.events import ExceptionLapsed
    from iars_node.consent.model import KeptGrant
    from iars_node.referrals.model import Referral
    from iars_node.work import Work
    from iars_protocol.consent import Grant


@dataclass(frozen=True, slots=True)
class Standing:
    """A referral's grant as it was signed, and what of it may leave today."""

    kept: KeptGrant
    today: Grant


def standing_grant(work: Work, sent: Referral) -> Standing:
    """Return what may still leave under a referral, or say why nothing may.

    The person may have narrowed the consent since: the newest version counts for open referrals too.
    """
    if not sent.consent_id:
        raise RefusedError(
            "The person's consent was lost in a restore; nothing was sent. Record it again from paper and "
            "refer once more.",
            CONSENT_LOST,
        )
    newest = consents.standing(work, sent.consent_id)
    peer = get_peer(work, sent.peer)
    consents.check_covers(work, newest, peer, sent.service)
    kept = consents.kept_grant(work, sent.grant_id)
    answer = covers_service(kept.grant, sent.service, at=seconds(work.now))
    if isinstance(answer, Denied):
        # A renewal does not prolong what was signed before it: the other side would refuse what we send.
        raise RefusedError("What was signed for this referral has ended; refer once more.", answer.reason)
    left = consents.standing_grant(kept, sent.service)
    return Standing(kept, consents.narrowed_grant(left, newest, peer))


def is_locked(work: Work, current: Referral) -> bool:
    """Say whether what came with a received referral is locked: it is shown to nobody."""
    return current.direction == IN and consents.kept_grant(work, current.grant_id).ended_at is not None


def locked_in_care(work: Work, limit: int) -> list[tuple[Referral, datetime]]:
    """Return the open received referrals of which all is locked, and since when."""
    require(work.actor, "referral.read")
    return store.locked_in_care(work.connection, limit)


def follow_lapse(work: Work, lapsed: ExceptionLapsed) -> None:
    """Put before people each open referral that rests on an exception nobody approved."""
    for grant_id in lapsed.grants:
        for current in store.open_of_grant(work.connection, grant_id):
            store.change(work.connection, current.id, problem=EXCEPTION_LAPSED)
            record(
                work,
                "referral.escalated",
                case_id=current.case_id,
                referral_id=current.id,
                peer_id=current.peer.hex(),
                detail={"code": EXCEPTION_LAPSED},
            )
