"""The origin hears what recipients state: kept as that organisation's statement, and shown as no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.audit.alarms import raise_alarm
from iars_node.consent import store as consent_store
from iars_node.errors import RefusedError
from iars_node.exchange.messages import own_key
from iars_node.exchange.model import Handler
from iars_node.withdrawals import store
from iars_node.withdrawals.model import LAPSE, WORST_FIRST, Report
from iars_node.withdrawals.service import telling
from iars_protocol.errors import MalformedError
from iars_protocol.messages.consent import ErasureReport

if TYPE_CHECKING:
    from iars_node.exchange.model import Incoming
    from iars_node.work import Work


def report_handler() -> Handler:
    """Return what a recipient's statement does here."""
    # The whole message is kept under the node's own key: it names nobody, and it is evidence for long.
    return Handler(
        apply=_apply, part_keys=lambda work, incoming: ((own_key(work),),) * len(incoming.message.parts)
    )


def _apply(work: Work, incoming: Incoming) -> None:
    body = incoming.content.body
    if not isinstance(body, ErasureReport):
        raise MalformedError("a report has another form")
    kept = consent_store.find_grant(work.connection, body.grant)
    if kept is not None and (kept.direction != "out" or kept.peer != incoming.peer.node_id):
        raise RefusedError("This grant was given to another organisation.", "not-yours")
    # The end of an exception has no withdrawal: its grant stands for what was asked.
    asked = body.grant if body.cause == LAPSE else body.withdrawal
    notice = store.find_notice(work.connection, asked) if asked else None
    if notice is not None and notice.peer != incoming.peer.node_id:
        raise RefusedError("This withdrawal went to another organisation.", "not-yours")
    heard = Report(
        message=incoming.message.id,
        peer=incoming.peer.node_id,
        grant_id=body.grant,
        cause=body.cause,  # type: ignore[arg-type]
        withdrawal_id=asked,
        referral_id=body.referral,
        case_id="" if kept is None else kept.case_id,
        outcomes=body.scopes(),
        leaf=body.leaf,
        received_at=work.now,
    )
    store.add_report(work.connection, heard)
    audit.record(
        work,
        "erasure.answered",
        subject=body.withdrawal or body.grant,
        case_id=heard.case_id,
        referral_id=body.referral,
        peer_id=incoming.peer.node_text,
        scopes=[each.scope for each in heard.outcomes],
        detail={"outcome": heard.outcome, "cause": body.cause},
    )
    if notice is not None:
        _answer(work, notice.id, notice.grants)
    if kept is not None and kept.grant.onward:
        telling.tell(work, kept)
    if heard.outcome == "failed":
        raise_alarm(work, "erasure.failed", incoming.message.id.hex(), {"peer": incoming.peer.node_text})


def _answer(work: Work, withdrawal_id: str, grants: tuple[str, ...]) -> None:
    """Note an answer when the recipient has spoken about each grant; the newest word on each counts."""
    newest = {each.grant_id: each for each in store.reports_on(work.connection, withdrawal_id)}
    if not newest.keys() >= set(grants):
        return
    said = {each.outcome for each in newest.values()}
    outcome = next(word for word in WORST_FIRST if word in said)
    answered = None if outcome == "failed" else work.now
    store.change_notice(work.connection, withdrawal_id, outcome=outcome, answered_at=answered)
