"""The person no longer wants to be passed on: permissions end alone, while the holder keeps its grant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.consent import onward_store
from iars_node.consent import store as consent_store
from iars_node.errors import ConflictError, NotFoundError
from iars_node.peers import store as peer_store
from iars_node.withdrawals import store
from iars_node.withdrawals.model import WAITING
from iars_node.withdrawals.service import asking
from iars_protocol.messages.consent import Withdraw

if TYPE_CHECKING:
    from iars_node.consent.events import ConsentNarrowed
    from iars_node.consent.onward_model import KeptPermission
    from iars_node.exchange.model import Receipted
    from iars_node.withdrawals.model import By, Notice
    from iars_node.work import Work

TAKEN_IN = "taken-in"
"""The outcome of a withdrawal that asks for no report: the holder's receipt says that it was applied."""


def withdraw_onward(work: Work, onward_id: str, *, by: By = "person") -> Notice:
    """End a permission to pass a person on; what stands under it ends down the chain."""
    require(work.actor, "consent.withdraw")
    found = onward_store.find_permission(work.connection, onward_id, way="out")
    if found is None:
        raise NotFoundError("There is no permission of this id.")
    if found.ended_at is not None:
        raise ConflictError("This permission was withdrawn already.")
    return _end(work, found, by)


def _end(work: Work, found: KeptPermission, by: By) -> Notice:
    onward_store.end_permissions(work.connection, [found.id], work.now)
    peer_store.lock(work.connection, found.peer)
    notice = asking.notice_of_onward(work, found, by)
    told = asking.who_can_be_told(work, {found.peer})
    sent = asking.queue_notices(work, [notice], told)
    notice = replace(notice, message=sent.get(notice.id, b""))
    store.add_notices(work.connection, [notice])
    audit.record(
        work,
        "erasure.asked",
        subject=notice.id,
        case_id=found.case_id,
        peer_id=found.peer.hex(),
        detail={"by": by, "onward": found.id},
    )
    return notice


def follow_narrowing(work: Work, narrowed: ConsentNarrowed) -> None:
    """End the permissions that were given under a consent whose newer version allows no passing on."""
    newer = consent_store.find(work.connection, work.vault, narrowed.consent_id)
    if newer is None or newer.terms.is_onward_allowed:
        return
    for each in onward_store.of_case(work.connection, narrowed.case_id):
        if each.way == "out" and each.ended_at is None and each.consent_id == narrowed.replaced_id:
            _end(work, each, "person")


def follow_receipt(work: Work, receipted: Receipted) -> None:
    """Note that a holder has taken in the end of a permission: nothing more is awaited from it."""
    if receipted.type != Withdraw.type or receipted.receipt.outcome != "applied":
        return
    notice = store.notice_of_message(work.connection, receipted.message)
    if notice is not None and not notice.grants and notice.outcome == WAITING:
        store.change_notice(work.connection, notice.id, outcome=TAKEN_IN, answered_at=work.now)
