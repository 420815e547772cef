"""How a consent was obtained: what must be on record before it counts, and who may not give it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iars_node.attachments import store as attachment_store
from iars_node.cases.service import snapshot
from iars_node.consent.model import ASSENT, WITHDRAWAL_WAYS
from iars_node.consent.texts import to_read_out
from iars_node.errors import InvalidError, RefusedError
from iars_node.vault.identity import identity_of

if TYPE_CHECKING:
    from iars_node.consent.model import Terms
    from iars_node.work import Work
    from iars_protocol.record import Record

CHILD_BANDS = ("0-8", "9-17")
SHOWN_BY = ("written", "thumbprint", "recorded")
"""Ways of agreeing that leave something to be kept: a paper, or a recording."""


def completed(work: Work, case_id: str, terms: Terms) -> Terms:
    """Return terms with what the node itself knows: the text read out, the jurisdiction, the marks of names.

    The marks stay when the names beside them are erased.
    """
    record = snapshot(work, case_id)
    return replace(
        terms,
        notice=terms.notice or to_read_out(terms.notice_language).notice,
        jurisdiction=terms.jurisdiction or identity_of(work.vault).listing.country,
        with_interpreter=terms.with_interpreter or bool(terms.interpreter.strip()),
        with_witness=terms.with_witness or bool(terms.witness.strip()),
        is_child=terms.is_child or is_child(record),
    )


def is_child(record: Record) -> bool:
    """Say whether a record shows somebody under 18."""
    return record.get("demographics", {}).get("age_band") in CHILD_BANDS


def check_obtained(work: Work, case_id: str, terms: Terms) -> None:
    """Refuse a consent that was not obtained as it has to be; say for each answer what is missing."""
    _refuse_guardian(snapshot(work, case_id), terms)
    faults = {**_evidence_faults(work, case_id, terms), **_child_faults(terms)}
    if terms.how_obtained == "thumbprint" and not terms.with_witness:
        faults["witness"] = "accepted: the name of the witness to the thumbprint"
    if terms.from_whom != "person" and not terms.guardian.strip():
        faults["guardian"] = "accepted: the name of who consented for the person"
    if terms.from_whom == "guardian" and not terms.best_interests.strip():
        faults["best_interests"] = "accepted: why it is in the person's best interests"
    if not terms.withdrawal_ways or set(terms.withdrawal_ways) - WITHDRAWAL_WAYS.keys():
        faults["withdrawal_ways"] = f"accepted: at least one of {', '.join(WITHDRAWAL_WAYS)}"
    if faults:
        raise InvalidError("The consent is not complete; nothing was recorded.", faults)


def _refuse_guardian(record: Record, terms: Terms) -> None:
    if terms.from_whom == "person":
        if terms.is_child:
            raise RefusedError(
                "A child's consent needs that of a guardian too; nothing was recorded.",
                "child-needs-guardian",
            )
        return
    if record.get("family", {}).get("guardian_is_suspect") is True:
        raise RefusedError(
            "The guardian is marked as a suspect and can't consent; nothing was recorded.",
            "guardian-suspect",
        )


def _child_faults(terms: Terms) -> dict[str, str]:
    if not terms.is_child:
        return {"assent": "accepted: nothing, the person is no child"} if terms.assent else {}
    if terms.assent not in ASSENT:
        return {"assent": f"accepted: {', '.join(ASSENT)}; a child that does not agree has refused"}
    if terms.assent == "too-young" and not terms.best_interests.strip():
        return {"best_interests": "accepted: why it is in the child's best interests"}
    return {}


def _evidence_faults(work: Work, case_id: str, terms: Terms) -> dict[str, str]:
    for attachment_id in terms.evidence:
        found = attachment_store.find_attachment(work.connection, work.vault, attachment_id, at=work.now)
        if found is None or found.case_id != case_id:
            return {"evidence": "accepted: attachments of this case"}
    if terms.how_obtained in SHOWN_BY and not terms.evidence and not terms.paper.strip():
        return {"evidence": "accepted: the scan or recording as an attachment, or a word on where it is kept"}
    return {}
