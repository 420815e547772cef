"""Reading referrals: lists, what the other side has shown, the thread with its proofs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.accounts.opened import note_opened
from iars_node.audit.service import record
from iars_node.cases.service.assignment import opening_under, readable_here
from iars_node.db import EPOCH
from iars_node.errors import InvalidError, NotFoundError
from iars_node.exchange import messages
from iars_node.exchange.model import IN, Proof
from iars_node.referrals import store
from iars_node.referrals.model import Referral, Step, is_to_be_erased
from iars_node.referrals.service import disclosing, receiving, steps
from iars_node.referrals.service.standing import is_locked
from iars_protocol.envelope import read_header
from iars_protocol.messages.registry import read_body
from iars_protocol.parts import ScopePart
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iars_node.work import Work
    from iars_protocol.parts import Part

PAGE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Some referrals and the cursor of the next page, empty on the last."""

    referrals: tuple[Referral, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of a thread with its proof and what was said in it; None stands for erased content."""

    step: Step
    proof: Proof | None
    remark: str = field(repr=False)
    scopes: tuple[ScopePart, ...] = field(repr=False)
    is_erased: bool


def list_referrals(
    work: Work, *, direction: str = "", states: Sequence[str] = (), cursor: str = "", limit: int = PAGE
) -> Page:
    """Return referrals by their newest change, the newest first."""
    require(work.actor, "referral.read")
    after = _read_cursor(cursor) if cursor else None
    found = store.page(
        work.connection, direction=direction or None, states=states, limit=limit + 1, after=after
    )
    shown = tuple(found[:limit])
    record(work, "referral.listed", detail={"count": len(shown)})
    return Page(shown, _write_cursor(shown[-1]) if len(found) > limit else "")


def _write_cursor(last: Referral) -> str:
    return f"{int((last.updated_at - EPOCH).total_seconds() * 1_000_000)}.{last.id}"


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    moment, _, last = cursor.partition(".")
    try:
        return EPOCH + timedelta(microseconds=int(moment)), last
    except (ValueError, OverflowError) as error:
        raise InvalidError("This page of the list can't be found; begin again from the first.") from error


def get(work: Work, referral_id: str) -> Referral:
    """Return a referral, or raise NotFoundError."""
    require(work.actor, "referral.read")
    return steps.get(work, referral_id)


def find(work: Work, text: str) -> Referral:
    """Return the referral that a person means: its id, or its short reference."""
    require(work.actor, "referral.read")
    found = store.find(work.connection, text) or next(
        iter(store.find_by_reference(work.connection, text.strip().upper())), None
    )
    if found is None:
        raise NotFoundError("No referral has this reference.")
    return found


def of_case(work: Work, case_id: str) -> list[Referral]:
    """Return a case's referrals, the newest first."""
    require(work.actor, "referral.read")
    return store.of_case(work.connection, case_id)


def received_content(work: Work, referral_id: str) -> dict[str, ScopePart]:
    """Return what the other side has shown so far, by scope, in the scopes that the actor may read."""
    current = get(work, referral_id)
    if is_to_be_erased(current) or is_locked(work, current):
        return {}
    note_opened(work, current.case_id or current.id)
    readable = readable_here(work, current.case_id)
    found: dict[str, ScopePart] = {}
    for part in receiving.received_parts(work, current):
        if part.scope in readable:
            found[part.scope] = _joined(found.get(part.scope), part)
    record(
        work,
        "referral.opened",
        case_id=current.case_id,
        referral_id=current.id,
        scopes=sorted(found),
        detail=opening_under(work, current.case_id),
    )
    return {scope: found[scope] for scope in SCOPES if scope in found}


def _joined(earlier: ScopePart | None, later: ScopePart) -> ScopePart:
    if earlier is None:
        return later
    return ScopePart(
        later.scope,
        earlier.fields | later.fields,
        earlier.texts + later.texts,
        earlier.attachments + later.attachments,
    )


def timeline(work: Work, referral_id: str) -> list[Entry]:
    """Return a thread's steps in their order, each with its proof and what was said."""
    current = get(work, referral_id)
    note_opened(work, current.case_id or current.id)
    readable = readable_here(work, current.case_id)
    proofs = {proof.message.hex(): proof for proof in messages.proofs(work, current.thread)}
    entries = []
    is_closed = is_to_be_erased(current) or is_locked(work, current)
    for step in store.steps(work.connection, current.id):
        proof = proofs.get(step.message)
        is_hidden = proof is None or (proof.direction == IN and is_closed)
        parts = (
            []
            if proof is None or is_hidden
            else messages.open_parts(work.connection, work.vault, proof.message)
        )
        said = disclosing.scope_parts_of(parts)
        standing = said
        if proof is not None and proof.direction == IN:
            standing = receiving.standing_parts(work, current, said)
        shown = tuple(part for part in standing if part.scope in readable)
        remark = "" if proof is None else _remark(proof, parts)
        is_cut = len(standing) < len(said) or (proof is not None and _is_cut(proof, parts))
        # What stands aside of the thread had no content.
        is_erased = is_cut or (is_hidden and bool(step.message))
        entries.append(Entry(step, proof, remark, shown, is_erased))
    return entries


def _is_cut(proof: Proof, parts: Sequence[Part | None]) -> bool:
    """Say whether less of a message is here than was signed."""
    left = sum(part is not None for part in parts)
    return left < len(read_header(proof.header_bytes).parts)


def _remark(proof: Proof, parts: Sequence[Part | None]) -> str:
    if not parts or parts[0] is None:
        return ""
    body = read_body(proof.type, parts[0].plain["body"])
    return str(getattr(body, "remark", ""))
