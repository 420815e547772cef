"""Referrals as the command line shows them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from iars_admin.naming import find_case
from iars_admin.showing import counted
from iars_node.cases.service import case_head
from iars_node.consent import service as consents
from iars_node.consent.approvals import basis_shown
from iars_node.errors import InvalidError, NotFoundError, RefusedError
from iars_node.peers import service as peers
from iars_node.referrals.model import Offering
from iars_node.referrals.sentences import sentence
from iars_node.referrals.service.verifying import History
from iars_protocol.consent import Denied
from iars_protocol.record import SERVICES
from iars_protocol.referral import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iars_node.peers.model import Peer
    from iars_node.referrals.model import Referral
    from iars_node.referrals.service.reading import Entry
    from iars_node.work import Work
    from iars_protocol.parts import ScopePart

LABELS = {
    "reference": "Reference",
    "direction_text": "Direction",
    "peer_name": "Other side",
    "service": "Service",
    "priority": "Priority",
    "kind": "Kind",
    "state": "State",
    "problem_text": "Look at",
    "reason": "Reason",
    "respond_by": "Answer due",
    "overdue": "Overdue",
    "basis": "Rests on",
    "approval": "Approval",
    "case_reference": "Case",
    "updated_at": "Changed",
    "id": "Id",
}
COLUMNS = {
    "reference": "Reference",
    "direction": "",
    "peer_name": "Other side",
    "service": "Service",
    "priority": "Priority",
    "state": "State",
    "case_reference": "Case",
    "updated_at": "Changed",
}
STEP_COLUMNS = {
    "at": "When",
    "type": "Step",
    "side": "By",
    "state_after": "State after",
    "reason": "Reason",
    "remark": "Remark",
    "scope_codes": "Scopes",
    "receipt": "Receipt",
}


def described(work: Work, referral: Referral) -> dict[str, Any]:
    """Return a referral as it is shown."""
    return {
        "id": referral.id,
        "reference": referral.reference,
        "direction": referral.direction,
        "direction_text": "sent" if referral.direction == "out" else "received",
        "peer": referral.peer.hex(),
        "peer_name": peers.get(work, referral.peer).name(),
        "case_id": referral.case_id,
        "case_reference": _case_reference(work, referral.case_id),
        "consent_id": referral.consent_id,
        "grant_id": referral.grant_id,
        "kind": referral.kind,
        "service": referral.service,
        "priority": referral.priority,
        "state": referral.state,
        "reason": referral.reason,
        "problem": referral.problem,
        "problem_text": sentence(referral.problem) if referral.problem else "",
        "disclosed": referral.is_disclosed,
        "respond_by": referral.respond_by,
        "overdue": referral.is_overdue(work.now),
        "created_at": referral.created_at,
        "updated_at": referral.updated_at,
        "answered_at": referral.answered_at,
        "closed_at": referral.closed_at,
        **_basis_of(work, referral),
    }


def _basis_of(work: Work, referral: Referral) -> dict[str, str]:
    """Return on what the disclosure rests: the person's consent, or an exception with its people."""
    shown = basis_shown(work, consents.kept_grant(work, referral.grant_id))
    if shown is None:
        return {"basis": "consent", "approval": "", "author": "", "approver": ""}
    return {
        "basis": shown.basis.kind,
        "approval": shown.approval,
        "author": shown.basis.author,
        "approver": shown.approver,
    }


def _case_reference(work: Work, case_id: str) -> str:
    try:
        return case_head(work, case_id).reference if case_id else ""
    except NotFoundError:
        return ""


def content_of(parts: Iterable[ScopePart]) -> dict[str, dict[str, Any]]:
    """Return what parts disclose: scope, then fields, sentences and names of attachments."""
    found: dict[str, dict[str, Any]] = {}
    for part in parts:
        content = dict(part.fields)
        if part.texts:
            content["texts"] = list(part.texts)
        if part.attachments:
            content["attachments"] = [entry.name for entry in part.attachments]
        found[part.scope] = content
    return found


def step_of(entry: Entry) -> dict[str, Any]:
    """Return one step of a thread as it is shown."""
    step, proof = entry.step, entry.proof
    outcome = None if proof is None else proof.outcome
    return {
        "at": step.at,
        "type": step.type,
        "side": step.side,
        "actor": step.actor,
        "message": step.message,
        "state_after": step.state_after,
        "reason": step.reason,
        "refused": step.is_refused,
        "remark": entry.remark,
        "scopes": content_of(entry.scopes),
        "scope_codes": [part.scope for part in entry.scopes],
        "erased": entry.is_erased,
        "receipt": "" if outcome is None else outcome.outcome,
        "receipt_code": "" if outcome is None else outcome.code,
    }


@dataclass(frozen=True, slots=True)
class Wanted:
    """A referral as it was asked for on the command line."""

    case: str
    to: str
    service: str
    priority: str
    consent: str
    handover: bool
    texts: tuple[tuple[str, str], ...]
    attachments: tuple[str, ...]
    onward: str = ""
    names_recipient: bool = True


def offering_of(work: Work, wanted: Wanted) -> tuple[Offering, Peer]:
    """Return an offering and its recipient; without a consent named, the newest one that covers it."""
    if wanted.service not in SERVICES:
        raise InvalidError("The service is not known.", {"service": f"accepted: {', '.join(SERVICES)}"})
    peer = peers.resolve(work, wanted.to)
    case_id = find_case(work, wanted.case).id
    offering = Offering(
        case_id=case_id,
        consent_id=wanted.consent or _covering(work, case_id, peer, wanted.service),
        service=wanted.service,
        priority=wanted.priority,
        kind="handover" if wanted.handover else "service",
        texts=wanted.texts,
        attachments=wanted.attachments,
        onward=wanted.onward,
        names_recipient=wanted.names_recipient,
    )
    return offering, peer


def _covering(work: Work, case_id: str, peer: Peer, service: str) -> str:
    answer = consents.covering(work, case_id, peer, service)
    if isinstance(answer, Denied):
        raise RefusedError(
            "No consent of the person covers this referral; nothing was sent. Record one: iars consent give",
            answer.reason,
        )
    return answer.id


def known_states(states: list[str] | None) -> list[str] | None:
    """Return states of referrals as they were typed, or refuse one that does not exist."""
    if unknown := set(states or ()) - set(STATES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}; accepted: {', '.join(STATES)}")
    return states


def verified(history: History, found: Sequence[str]) -> str:
    """Say what was verified, and every fault that was found."""
    messages = sum(len(chain) for chain in history.chains.values())
    verdict = f"{len(found)} faults: {'; '.join(found)}" if found else "everything agrees."
    received = counted(len(history.receipts), "receipt")
    return f"{history.state}: {counted(messages, 'message')}, {received}, {verdict}"


def history_entry(history: History) -> dict[str, Any]:
    """Return a verified history as programs get it, and as the other side can compare it."""
    return {
        "referral": history.referral_id,
        "state": history.state,
        "chains": {author: list(chain) for author, chain in history.chains.items()},
        "receipts": history.receipts,
        "faults": list(history.faults),
    }


def read_history(text: str) -> History:
    """Read the other side's history, as its `verify --json` gave it."""
    try:
        content = json.loads(text)
        chains = {author: tuple(chain) for author, chain in content["chains"].items()}
        return History(
            content["referral"], content["state"], chains, dict(content["receipts"]), tuple(content["faults"])
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidError(
            "The other side's history can't be read.", {"against": "accepted: the output of verify --json"}
        ) from error
