"""Referrals: preview, send, list, read with timeline and proofs."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from fastapi import Query, Response

from iars_node.api.bodies.referrals import (
    DeclaredText,
    HandoverRules,
    NewReferral,
    PreviewAnswer,
    PreviewLine,
    PreviewQuestion,
    ProofAnswer,
    ReferralBasis,
    ReferralContent,
    ReferralHead,
    ReferralPage,
    SharedAttachment,
    SharedScope,
    Timeline,
    TimelineEntry,
)
from iars_node.api.callers import CallerParam
from iars_node.api.operations import Topic
from iars_node.api.routes.parameters import CaseId, ReferralId, Scopes
from iars_node.audit import record
from iars_node.cases.service import case_head
from iars_node.consent import service as consents
from iars_node.consent.approvals import CONSENT, basis_shown
from iars_node.errors import NotFoundError
from iars_node.exchange.model import Proof
from iars_node.peers.service import get as get_peer
from iars_node.referrals import service, store
from iars_node.referrals.handover_rules import THEY_TAKE, YOU_LEAVE
from iars_node.referrals.model import HANDOVER, Line, Offering, Referral
from iars_node.referrals.service.reading import Entry
from iars_node.work import Work
from iars_protocol.parts import ScopePart
from iars_protocol.referral import STATES

referrals = Topic("Referrals")


@referrals.ask("/referrals/preview", "referral.send", errors=(429,))
def preview_referral(body: PreviewQuestion, caller: CallerParam) -> PreviewAnswer:
    """Show what a referral would disclose, and what not; nothing is written."""
    with caller.work() as work:
        shown = caller.scopes(",".join(body.scopes))
        peer = get_peer(work, bytes.fromhex(body.offering.peer))
        found = service.preview(work, _offering(body.offering), peer)
        record(
            work,
            "referral.previewed",
            case_id=body.offering.case_id,
            peer_id=body.offering.peer,
            scopes=shown,
        )
        return PreviewAnswer(
            at_offer=_lines(found.at_offer, shown),
            on_acceptance=_lines(found.on_acceptance, shown),
            never=_lines(found.never, shown),
            origin=found.origin.hex(),
            handover=HandoverRules(they=list(THEY_TAKE), you=list(YOU_LEAVE))
            if found.kind == HANDOVER
            else None,
        )


@referrals.change("POST", "/referrals", "referral.send", errors=(404, 410), status=201)
def send_referral(body: NewReferral, caller: CallerParam, response: Response) -> ReferralHead:
    """Refer a person: the offer is cut to the consent, signed and queued."""
    with caller.work() as work:
        peer = bytes.fromhex(body.peer)
        referral_id = caller.once(work, body, lambda: service.send_referral(work, _offering(body), peer).id)
        response.headers["Location"] = f"/api/v1/referrals/{referral_id}"
        return head_of(work, referral_id)


@referrals.read("/referrals", "referral.read")
def list_referrals(
    caller: CallerParam,
    direction: Literal["in", "out"] | None = None,
    state: Annotated[list[Literal[STATES]] | None, Query()] = None,  # type: ignore[valid-type]  # the protocol's list
    cursor: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> ReferralPage:
    """List referrals by their newest change, the newest first."""
    with caller.work() as work:
        page = service.list_referrals(
            work, direction=direction or "", states=state or (), cursor=cursor, limit=limit
        )
        return ReferralPage(referrals=[_head(one, work) for one in page.referrals], cursor=page.cursor)


@referrals.read("/cases/{case_id}/referrals", "referral.read")
def list_referrals_of_case(case_id: CaseId, caller: CallerParam) -> ReferralPage:
    """List a case's referrals, the newest first."""
    with caller.work() as work:
        case_head(work, case_id)
        return ReferralPage(referrals=[_head(one, work) for one in service.of_case(work, case_id)], cursor="")


@referrals.read("/referrals/{referral_id}", "referral.read", errors=(429,))
def read_referral(referral_id: ReferralId, caller: CallerParam, scopes: Scopes = "") -> ReferralContent:
    """Read a referral: its head, and what the other side has shown of the scopes that are named."""
    with caller.work() as work:
        wanted = caller.scopes(scopes)
        found = service.get(work, referral_id)
        _note_reading(work, found, frozenset())
        received = service.received_content(work, referral_id) if wanted else {}
        return ReferralContent(referral=_head(found, work), received=_shared(received.values(), wanted))


@referrals.read("/referrals/{referral_id}/timeline", "referral.read", errors=(429,))
def read_timeline(
    referral_id: ReferralId, caller: CallerParam, scopes: Scopes = "", *, remarks: bool = False
) -> Timeline:
    """Read a referral's history with its proofs; what was said, only where it is asked for."""
    with caller.work() as work:
        wanted = caller.scopes(scopes)
        found = service.get(work, referral_id)
        entries = service.timeline(work, referral_id)
        _note_reading(work, found, wanted)
        return Timeline(
            referral=_head(found, work),
            entries=[_entry(entry, wanted, with_remark=remarks) for entry in entries],
            faults=list(service.history(work, referral_id).faults),
        )


def _note_reading(work: Work, found: Referral, scopes: frozenset[str]) -> None:
    record(
        work,
        "referral.read",
        case_id=found.case_id,
        referral_id=found.id,
        peer_id=found.peer.hex(),
        scopes=scopes,
    )


def head_of(work: Work, referral_id: str) -> ReferralHead:
    """Return the head of a referral that a request just made or moved."""
    found = store.find(work.connection, referral_id)
    if found is None:
        raise NotFoundError("There is no referral of this id.")
    return _head(found, work)


def texts_of(declared: Iterable[DeclaredText]) -> tuple[tuple[str, str], ...]:
    """Return sentences with the scopes that they touch."""
    return tuple((entry.scope, entry.text) for entry in declared)


def _offering(body: NewReferral) -> Offering:
    return Offering(
        case_id=body.case_id,
        consent_id=body.consent_id,
        service=body.service,
        priority=body.priority,
        kind=HANDOVER if body.kind == HANDOVER else "service",
        together=tuple(body.together),
        texts=texts_of(body.texts),
        attachments=tuple(body.attachments),
        onward=body.onward,
        names_recipient=body.names_recipient,
    )


def _lines(lines: Iterable[Line], shown: frozenset[str]) -> list[PreviewLine]:
    return [
        PreviewLine(
            scope=line.scope,
            name=line.name,
            value=_json(line.value) if line.scope in shown else None,
            reason=line.reason,
        )
        for line in lines
    ]


def _json(value: object) -> Any:  # noqa: ANN401 - a record's values are JSON
    return value


_FOUND = frozenset({"is_overdue", "basis"})


def _basis(work: Work, found: Referral) -> ReferralBasis:
    shown = basis_shown(work, consents.kept_grant(work, found.grant_id))
    if shown is None:
        return ReferralBasis(kind=CONSENT, approval="", author="", approver="")
    return ReferralBasis(
        kind=shown.basis.kind,
        approval=shown.approval,
        author=shown.basis.author,
        approver=shown.approver,
    )


def _head(found: Referral, work: Work) -> ReferralHead:
    values = {name: getattr(found, name) for name in ReferralHead.model_fields if name not in _FOUND}
    changed = {
        "basis": _basis(work, found),
        "peer": found.peer.hex(),
        "together": list(found.together),
        "is_overdue": found.is_overdue(work.now),
    }
    return ReferralHead(**{**values, **changed})


def _shared(parts: Iterable[ScopePart], wanted: frozenset[str]) -> dict[str, SharedScope]:
    return {
        part.scope: SharedScope(
            fields=_json(part.fields),
            texts=list(part.texts),
            attachments=[
                SharedAttachment(id=one.id, name=one.name, media_type=one.media_type, size=one.size)
                for one in part.attachments
            ],
        )
        for part in parts
        if part.scope in wanted
    }


def _entry(entry: Entry, wanted: frozenset[str], *, with_remark: bool) -> TimelineEntry:
    step = entry.step
    return TimelineEntry(
        at=step.at,
        type=step.type,
        side=step.side,
        actor=step.actor,
        state_after=step.state_after,
        reason=step.reason,
        is_refused=step.is_refused,
        is_erased=entry.is_erased,
        remark=entry.remark if with_remark else None,
        scopes=_shared(entry.scopes, wanted),
        proof=None if entry.proof is None else _proof(entry.proof),
    )


def _proof(proof: Proof) -> ProofAnswer:
    receipt = proof.receipt
    return ProofAnswer(
        message=proof.message.hex(),
        author=proof.author.hex(),
        previous=proof.previous.hex(),
        seen=proof.seen.hex(),
        number=proof.number,
        created_at=proof.created_at,
        recorded_at=proof.recorded_at,
        header=b64encode(proof.header_bytes).decode(),
        signature=b64encode(proof.signature).decode(),
        outcome=None if proof.outcome is None else proof.outcome.outcome,
        receipt=None if receipt is None else b64encode(receipt.to_bytes()).decode(),
    )
