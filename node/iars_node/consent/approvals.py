"""The recipient's side of exceptions: show on what a disclosure rests, hear its outcome, lock what lapsed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.audit.service import record
from iars_node.cases.service import lock_content
from iars_node.consent import exception_store, store
from iars_node.consent.events import ExceptionLapsed
from iars_node.db import EPOCH
from iars_node.errors import RefusedError
from iars_node.exchange.messages import own_key
from iars_node.exchange.model import Handler
from iars_protocol.approvals import LAPSED, approval_of, settle
from iars_protocol.errors import MalformedError, SignatureError, TransitionError
from iars_protocol.messages.exception import DecideException

if TYPE_CHECKING:
    from iars_node.consent.model import KeptGrant
    from iars_node.exchange.model import Incoming
    from iars_node.work import Work
    from iars_protocol.approvals import Approval
    from iars_protocol.consent import Basis

CONSENT = "consent"
EXCEPTION_LAPSED = "exception-lapsed"


@dataclass(frozen=True, slots=True)
class ShownBasis:
    """On what a disclosure rests, as both sides show it: the grant's own words, and where approval stands."""

    basis: Basis
    approval: Approval
    approver: str


def basis_shown(work: Work, kept: KeptGrant) -> ShownBasis | None:
    """Return the exception that a grant rests on, or None where it is the person's consent."""
    basis = kept.grant.basis
    if basis.kind == CONSENT:
        return None
    if kept.direction == "in":
        known = exception_store.outcome_of(work.connection, kept.peer, kept.id)
        told = exception_store.approver_of(work.connection, kept.peer, kept.id)
        return ShownBasis(basis, approval_of(basis, known), basis.approver or told)
    own = exception_store.find(work.connection, work.vault, kept.consent_id)
    if own is None:
        return ShownBasis(basis, basis.approval, basis.approver)
    state = own.state_at(work.now)
    return ShownBasis(basis, "lapsed" if state == "refused" else state, own.decided_by)


def refuse_lapsed(work: Work, kept: KeptGrant) -> None:
    """Refuse to go on under an exception of which its controller said that it lapsed."""
    if kept.grant.basis.approval != "pending":
        return
    if exception_store.outcome_of(work.connection, kept.peer, kept.id) == LAPSED:
        raise RefusedError("The exception was not approved; what came under it is locked.", EXCEPTION_LAPSED)


def note_received(work: Work, kept: KeptGrant) -> None:
    """Put into the log that something is shared here on another ground than consent."""
    basis = kept.grant.basis
    if basis.kind != CONSENT:
        record(
            work,
            "consent.exception-received",
            subject=kept.id,
            peer_id=kept.peer.hex(),
            scopes=kept.grant.codes(),
            purpose=",".join(kept.grant.purposes),
            detail={"kind": basis.kind, "approval": basis.approval},
        )


def outcome_handler() -> Handler:
    """Return what the outcome of an exception does here."""
    return Handler(apply=_hear, part_keys=_keys)


def _keys(work: Work, incoming: Incoming) -> tuple[tuple[bytes, ...], ...]:
    return ((own_key(work),),) * len(incoming.message.parts)


def _hear(work: Work, incoming: Incoming) -> None:
    body, peer = incoming.content.body, incoming.peer.node_id
    if not isinstance(body, DecideException):
        raise MalformedError("an outcome has another form")
    known = exception_store.outcome_of(work.connection, peer, body.grant)
    kept = store.find_grant(work.connection, body.grant)
    if kept is None:
        # It may have overtaken the offer; remembered, it counts when the grant comes.
        if known is not None and known != body.outcome:
            raise TransitionError("another outcome was told before")
    else:
        if kept.direction != "in" or kept.peer != peer:
            raise SignatureError("the grant is another controller's")
        settle(kept.grant.basis, known, body.outcome)
    if known is not None:
        return
    exception_store.add_outcome(
        work.connection,
        peer=peer,
        grant_id=body.grant,
        outcome=body.outcome,
        approver=body.approver,
        told_at=EPOCH + timedelta(seconds=body.at),
        recorded_at=work.now,
    )
    record(
        work,
        f"consent.exception-{body.outcome}",
        subject=body.grant,
        case_id="" if kept is None else kept.case_id,
        peer_id=incoming.peer.node_text,
    )
    if body.outcome == LAPSED:
        if kept is not None:
            _lock(work, kept)
        work.announce(ExceptionLapsed("", (body.grant,), peer=peer))


def _lock(work: Work, kept: KeptGrant) -> None:
    """Lock what came under a grant at once; what was recorded here stays."""
    store.end_grant(work.connection, kept.id, work.now)
    if kept.case_id:
        lock_content(work, kept.case_id, kept.id)
