"""The person no longer wants to be passed on: permissions end alone, while the holder keeps its grant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.consent import onward_store
from iars_node.consent.versions import versions_of
from iars_node.errors import ConflictError, NotFoundError
from iars_node.withdrawals import store
from iars_node.withdrawals.model import WAITING
from iars_node.withdrawals.service import asking
from iars_protocol.messages.consent import Withdraw

if TYPE_CHECKING:
    from iars_node.consent.events import ConsentNarrowed
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
    return asking.end_permission(work, found, by)


def follow_narrowing(work: Work, narrowed: ConsentNarrowed) -> None:
    """End the permissions that reach further than the newer version of a consent does."""
    asking.end_permissions_beyond(work, versions_of(work.connection, narrowed.consent_id), "person")


def follow_receipt(work: Work, receipted: Receipted) -> None:
    """Note that a holder has taken in the end of a permission: nothing more is awaited from it."""
    if receipted.type != Withdraw.type or receipted.receipt.outcome != "applied":
        return
    notice = store.notice_of_message(work.connection, receipted.message)
    if notice is not None and not notice.grants and notice.outcome == WAITING:
        store.change_notice(work.connection, notice.id, outcome=TAKEN_IN, answered_at=work.now)
