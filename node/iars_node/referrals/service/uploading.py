"""When a referral's attachments travel: after the receipt for what named them, and while sharing lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.attachments import store as attachment_store
from iars_node.attachments.uploading import schedule_upload
from iars_node.consent import service as consents
from iars_node.consent.model import PERMITTING
from iars_node.exchange import messages
from iars_node.referrals import store
from iars_node.referrals.model import OUT
from iars_node.referrals.service import disclosing
from iars_protocol.messages.referral import Amend, Disclose
from iars_protocol.record import SERVICES
from iars_protocol.referral import COMPLETED, OPEN

if TYPE_CHECKING:
    from iars_node.exchange.model import Receipted
    from iars_node.work import Work

# Before acceptance the receiver has no case that could hold an attachment, and the disclosure names once
# more what an offer named.
NAMING = frozenset({Disclose.type, Amend.type})


def follow_disclosure(work: Work, receipted: Receipted) -> None:
    """Schedule the uploads that the other side now expects."""
    if receipted.receipt.outcome != "applied" or receipted.type not in NAMING:
        return
    current = store.find(work.connection, receipted.thread.hex())
    if current is None or current.direction != OUT:
        return
    if not attachment_store.has_any(work.connection, current.case_id):
        return
    parts = messages.open_parts(work.connection, work.vault, receipted.message)
    for part in disclosing.scope_parts_of(parts):
        for entry in part.attachments:
            schedule_upload(work, current.peer, current.id, entry.id)


def may_send_attachments(work: Work, referral_id: str, scope: str) -> bool:
    """Say whether a scope's attachments may leave: the referral goes on or is complete, consent stands."""
    current = store.find(work.connection, referral_id)
    if current is None or not current.consent_id or current.state not in (*OPEN, COMPLETED):
        return False
    if consents.get(work, current.consent_id).state_at(work.now) not in PERMITTING:
        return False
    kept = consents.kept_grant(work, current.grant_id)
    return kept.stands(scope, SERVICES[current.service].purpose, work.now)
