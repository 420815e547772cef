"""An exception that nobody approved: what came under it is destroyed after the hold, and that is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.consent import store as consent_store
from iars_node.consent.ended import WHOLE
from iars_node.db import new_id
from iars_node.jobs.service import schedule
from iars_node.referrals.service.withholding import withhold_all
from iars_node.withdrawals import store
from iars_node.withdrawals.model import (
    DEADLINE,
    DESTROY_JOB,
    HELD,
    LAPSE,
    WAITING,
    Ending,
    Notice,
    Rules,
)

if TYPE_CHECKING:
    from iars_node.consent.events import ExceptionLapsed
    from iars_node.consent.model import KeptGrant
    from iars_node.work import Work


class Lapses:
    """What the lapse of an exception does at its recipient and at its controller, by this node's rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def follow(self, work: Work, lapsed: ExceptionLapsed) -> None:
        """Let nothing leave that waits; note what ends here, or from whom this node awaits an answer."""
        withhold_all(work, list(lapsed.grants))
        if lapsed.peer:
            for grant_id in lapsed.grants:
                self._end(work, lapsed.peer, grant_id)
            return
        for grant_id, message in zip(lapsed.grants, lapsed.told, strict=True):
            kept = consent_store.find_grant(work.connection, grant_id)
            if kept is not None and store.find_notice(work.connection, grant_id) is None:
                _await_answer(work, kept, message)

    def _end(self, work: Work, peer: bytes, grant_id: str) -> None:
        if store.ending_for(work.connection, grant_id, LAPSE, "") is not None:
            return
        is_known = consent_store.find_grant(work.connection, grant_id) is not None
        due = work.now + self._rules.hold if is_known else work.now
        new = Ending(
            id=new_id(),
            grant_id=grant_id,
            peer=peer,
            cause=LAPSE,
            withdrawal_id="",
            by="other",
            parts=(WHOLE,),
            locked_at=work.now,
            destroy_after=due,
            state=HELD,
            reported_at=None,
        )
        store.add_ending(work.connection, new)
        schedule(work, DESTROY_JOB, due, new.id)


def _await_answer(work: Work, kept: KeptGrant, message: bytes) -> None:
    # There is no withdrawal: the person had agreed to nothing. The grant's own id stands for what was asked.
    notice = Notice(
        id=kept.id,
        consent_id=kept.consent_id,
        case_id=kept.case_id,
        peer=kept.peer,
        grants=(kept.id,),
        scopes=(),
        purposes=(),
        by="other",
        signed="",
        asked_at=work.now,
        deadline_at=work.now + DEADLINE,
        message=message,
        answered_at=None,
        overdue_at=None,
        outcome=WAITING,
    )
    store.add_notices(work.connection, [notice])
    audit.record(
        work,
        "erasure.asked",
        subject=notice.id,
        case_id=notice.case_id,
        peer_id=notice.peer.hex(),
        detail={"by": notice.by, "cause": LAPSE},
    )
