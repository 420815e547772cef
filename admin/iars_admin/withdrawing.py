"""Withdrawals and statements as commands show them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.db import EPOCH
from iars_node.peers import service as peers
from iars_node.vault.identity import identity_of
from iars_protocol.vocabulary import VOCABULARIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.withdrawals.model import Report
    from iars_node.withdrawals.service import Asked, Held, Proved
    from iars_node.work import Work
    from iars_protocol.messages.consent import ScopeOutcome

ASKED_COLUMNS = {
    "id": "Withdrawal",
    "organisation": "Told",
    "asked_at": "On",
    "deadline_at": "Answer due",
    "outcome": "Their answer",
    "answered_at": "Answered",
}
OUTCOME_COLUMNS = {
    "scope": "Part",
    "outcome": "They state",
    "access_ended": "Access ended",
    "keys_destroyed": "Live keys destroyed",
    "backups_expire": "Last key backup expires",
    "ground": "Kept because",
    "until": "Kept until",
    "code": "Failed with",
}
ENDING_COLUMNS = {
    "id": "Ending",
    "organisation": "Of",
    "cause": "Cause",
    "locked_at": "Locked",
    "destroy_after": "Destroyed after",
    "state": "State",
    "scopes": "Still held",
    "kept": "Kept on a ground",
}


def names_of(work: Work) -> dict[bytes, str]:
    """Return the organisations' names by node."""
    return {peer.node_id: peer.name() for peer in peers.every(work)} | {
        identity_of(work.vault).node_id: "this organisation"
    }


def asked_entry(one: Asked, names: Mapping[bytes, str]) -> dict[str, object]:
    """Return a withdrawal towards one recipient as it is shown."""
    notice = one.notice
    return {
        "id": notice.id,
        "consent_id": notice.consent_id,
        "case_id": notice.case_id,
        "organisation": names.get(notice.peer, notice.peer.hex()[:8]),
        "node": notice.peer.hex(),
        "by": notice.by,
        "scopes": list(notice.scopes),
        "purposes": list(notice.purposes),
        "asked_at": notice.asked_at,
        "deadline_at": notice.deadline_at,
        "outcome": notice.outcome,
        "answered_at": notice.answered_at,
        "overdue_at": notice.overdue_at,
        "signed": notice.signed,
        "reports": [report_entry(report, names, one.proofs.get(report.message)) for report in one.reports],
    }


def report_entry(
    report: Report, names: Mapping[bytes, str], proved: Proved | None = None
) -> dict[str, object]:
    """Return a recipient's statement as it is shown."""
    return {
        "message": report.message,
        "organisation": names.get(report.peer, report.peer.hex()[:8]),
        "node": report.peer.hex(),
        "cause": report.cause,
        "grant_id": report.grant_id,
        "referral_id": report.referral_id,
        "outcome": report.outcome,
        "outcomes": [outcome_entry(each) for each in report.outcomes],
        "leaf": report.leaf,
        "received_at": report.received_at,
        "proof": None if proved is None else proof_entry(proved, names),
    }


def proof_entry(proved: Proved, names: Mapping[bytes, str]) -> dict[str, object]:
    """Return the place of a statement in its author's log as it is shown."""
    return {
        "origin": proved.origin,
        "checkpoint": proved.size,
        "position": proved.position,
        "proof": list(proved.proof),
        "note": proved.note.decode(),
        "cosigned_by": [names.get(node, node.hex()[:8]) for node in proved.witnesses],
    }


def outcome_entry(each: ScopeOutcome) -> dict[str, object]:
    """Return what became of one scope as it is shown."""
    plain: dict[str, object] = each.to_plain()
    times: dict[str, object] = {
        name: EPOCH + timedelta(seconds=getattr(each, name))
        for name in ("access_ended", "keys_destroyed", "backups_expire", "until")
        if name in plain
    }
    if each.ground:
        plain["ground"] = VOCABULARIES["retention_ground"][each.ground]
    return {**plain, **times}


def ending_entry(held: Held, names: Mapping[bytes, str]) -> dict[str, object]:
    """Return what has ended here as it is shown."""
    each = held.ending
    return {
        "id": each.id,
        "organisation": names.get(each.peer, each.peer.hex()[:8]),
        "node": each.peer.hex(),
        "grant_id": each.grant_id,
        "case_id": held.case_id,
        "cause": each.cause,
        "by": each.by,
        "withdrawal_id": each.withdrawal_id,
        "locked_at": each.locked_at,
        "destroy_after": each.destroy_after,
        "state": each.state,
        "scopes": list(held.scopes),
        "kept": [f"{kept.scope}: {kept.ground}" for kept in held.kept],
        "reported_at": each.reported_at,
    }
