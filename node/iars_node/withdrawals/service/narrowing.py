"""What a newer version took out, what never counted, what ends earlier: the recipients are told."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.consent import store as consent_store
from iars_node.consent.ended import parts_of
from iars_node.consent.narrowing import taken_out, within
from iars_node.consent.versions import versions_of
from iars_node.errors import NotFoundError
from iars_node.peers import store as peer_store
from iars_node.referrals import store as referral_store
from iars_node.referrals.model import UNTOLD_STEP
from iars_node.referrals.service import sent
from iars_node.referrals.service.ending import note_ended
from iars_node.referrals.service.sent import TELLING_NARROWED
from iars_node.referrals.service.withholding import withhold_all
from iars_node.vault.identity import seconds
from iars_node.withdrawals.model import Part
from iars_node.withdrawals.service.asking import WHOLE, end_grants, end_telling_back, grants_under
from iars_protocol.content import ATTACHMENTS, TEXTS
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from iars_node.consent.events import ConsentExpired, ConsentInvalidated, ConsentNarrowed
    from iars_node.consent.model import KeptGrant, Terms
    from iars_node.consent.narrowing import TakenOut
    from iars_node.peers.model import Peer
    from iars_node.withdrawals.model import By
    from iars_node.work import Work
    from iars_protocol.consent import ScopeGrant


def follow_narrowing(work: Work, narrowed: ConsentNarrowed) -> None:
    """Withdraw from each recipient what its grant allows and the person's newest version does not.

    Each as a part of its own: recipients, purposes, scopes. The newer version stands.
    """
    newer = consent_store.find(work.connection, work.vault, narrowed.consent_id)
    if newer is None:
        return
    chain = versions_of(work.connection, newer.id)
    issued = _issued(work, chain[1:])
    known = peer_store.find_many(work.connection, {kept.peer for kept in issued})
    # All of them now, in one order: the parts that follow lock them in another.
    peer_store.lock_many(work.connection, known)
    ending: dict[Part, set[str]] = defaultdict(set)
    for kept in issued:
        plan = _plan(work, kept, newer.terms, narrowed.taken_out, known.get(kept.peer))
        for part in plan.parts:
            ending[part].add(kept.id)
        if plan.for_details:
            sent.note_narrowed(work, kept.id)
    for part, grant_ids in ending.items():
        _end(work, chain, grant_ids, part, "person")
    for kept in issued:
        _end_telling_back(work, kept, newer.terms)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a narrowing would do at one recipient, under one grant.

    Without scopes and purposes, everything is taken back. `for_details` are the scopes that go whole although
    only a detail of them was taken out, because that detail was sent; `told_back` are those of which what the
    recipient told is closed here, and `is_to_be_called` says that its node can't be told so.
    """

    peer: bytes
    is_whole: bool
    scopes: tuple[str, ...]
    purposes: tuple[str, ...]
    for_details: tuple[str, ...]
    told_back: tuple[str, ...]
    is_to_be_called: bool


def foresee_narrowing(work: Work, consent_id: str, terms: Terms) -> list[Foreseen]:
    """Return what a narrowing to some terms would take back, and from whom; nothing is written."""
    require(work.actor, "consent.withdraw")
    chain = versions_of(work.connection, consent_id)
    older = consent_store.find(work.connection, work.vault, chain[0])
    if older is None:
        raise NotFoundError("There is no consent of this id.")
    out = taken_out(older.terms, terms)
    issued = _issued(work, chain)
    known = peer_store.find_many(work.connection, {kept.peer for kept in issued})
    found = [_foreseen(_plan(work, kept, terms, out, known.get(kept.peer)), kept, terms) for kept in issued]
    return [each for each in found if each.is_whole or each.scopes or each.purposes or each.told_back]


def _foreseen(plan: _Plan, kept: KeptGrant, terms: Terms) -> Foreseen:
    is_whole = WHOLE in plan.parts
    scopes = tuple(code for part in plan.parts for code in part.scopes)
    told_back = _not_told_back(kept, terms)
    untold = {code for code in told_back if code not in scopes and not _has_ended(kept, code)}
    return Foreseen(
        peer=kept.peer,
        is_whole=is_whole,
        scopes=scopes,
        purposes=tuple(code for part in plan.parts for code in part.purposes),
        for_details=plan.for_details,
        told_back=told_back,
        is_to_be_called=bool(untold) and not is_whole,
    )


def _end_telling_back(work: Work, kept: KeptGrant, terms: Terms) -> None:
    """End what a recipient may tell back in scopes that are taken out of it, and put that before people.

    A withdrawal knows no direction. Where the recipient also received the scope, it is not told: it would
    give back what the person still lets it have.
    """
    gone = _not_told_back(kept, terms)
    end_telling_back(work, [kept.id], Part(scopes=gone))
    referrals = referral_store.under_grants(work.connection, [kept.id]) if gone else []
    note_ended(work, referrals, parts_of(gone), UNTOLD_STEP, work.actor.id)
    told = consent_store.find_grant(work.connection, kept.id)
    if told is not None and not all(_has_ended(told, code) for code in gone):
        sent.note_narrowed(work, kept.id, TELLING_NARROWED)


def _not_told_back(kept: KeptGrant, terms: Terms) -> tuple[str, ...]:
    return tuple(
        code
        for code in kept.grant.feedback
        if code not in terms.feedback
        and any(kept.is_told_back(code, purpose) for purpose in kept.grant.purposes)
    )


def _issued(work: Work, chain: Sequence[str]) -> list[KeptGrant]:
    return [
        kept
        for consent_id in chain
        for kept in consent_store.grants_of_consent(work.connection, consent_id)
        if kept.direction == "out"
    ]


def _end(work: Work, chain: Sequence[str], grant_ids: Collection[str], part: Part, by: By) -> None:
    # Read anew: what an earlier part has ended must not run again.
    end_grants(work, [kept for kept in grants_under(work, chain) if kept.id in grant_ids], part, by)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What of a grant is withdrawn, each part by itself, and which scopes of it for the sake of a detail."""

    parts: tuple[Part, ...]
    for_details: tuple[str, ...] = ()


def _plan(work: Work, kept: KeptGrant, terms: Terms, out: TakenOut, peer: Peer | None) -> _Plan:
    node, kind = kept.peer.hex(), "" if peer is None else peer.listing.organisation_type
    if kept.ended_at is not None:
        return _Plan(())
    gone = [code for code in kept.grant.purposes if code not in terms.purposes]
    if len(gone) == len(kept.grant.purposes):
        return _Plan((WHOLE,))
    # Also whoever was among them only as one organisation of a kind.
    if (out.recipients or out.kinds) and not terms.names(node, kind):
        return _Plan((WHOLE,))
    purposes = tuple(code for code in gone if not kept.has_ended("", code))
    scopes, for_details = _scopes_gone(work, kept, terms, node)
    parts = (Part(purposes=purposes), Part(scopes=scopes))
    return _Plan(tuple(part for part in parts if not part.is_whole), for_details)


def _scopes_gone(
    work: Work, kept: KeptGrant, terms: Terms, node: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the scopes that are withdrawn, and those among them of which only a detail was taken out."""
    left = {scope.code: scope for scope in within(kept.grant, terms, node).scopes}
    running = [scope for scope in kept.grant.scopes if not _has_ended(kept, scope.code)]
    gone = {scope.code for scope in running if scope.code not in left}
    fields = {scope.code: _fields_gone(scope, left[scope.code]) for scope in running if scope.code in left}
    touched = _touched(work, kept.id, {code: names for code, names in fields.items() if names})
    # What the recipient could only tell, and never received, it can be told not to tell.
    received = kept.grant.codes()
    telling = {code for code in _not_told_back(kept, terms) if code not in received}
    scopes = tuple(code for code in SCOPES if code in gone | touched | telling)
    return scopes, tuple(code for code in SCOPES if code in touched)


def _has_ended(kept: KeptGrant, scope: str) -> bool:
    return all(kept.has_ended(scope, purpose) for purpose in kept.grant.purposes)


def _fields_gone(before: ScopeGrant, after: ScopeGrant) -> set[str]:
    names = (*SCOPES[before.code].fields, TEXTS, ATTACHMENTS)
    return {
        name for name in names if before.allows(name, "acceptance") and not after.allows(name, "acceptance")
    }


def _touched(work: Work, grant_id: str, fields: Mapping[str, set[str]]) -> set[str]:
    """Return the scopes of which a field was sent that the person has taken out.

    A withdrawal knows scopes, not fields: the whole scope is asked back, and what the person still agrees to
    of it can be sent with a new referral. What never left needs nobody to be told.
    """
    if not fields:
        return set()
    names = sent.sent_names(work, grant_id)
    if names is None:
        return set(fields)
    return {scope for scope, gone in fields.items() if names.get(scope, set()) & gone}


def follow_invalidation(work: Work, invalidated: ConsentInvalidated) -> None:
    """Revoke what was granted under a consent that does not count; at home it stays invalidated."""
    chain = versions_of(work.connection, invalidated.consent_id)
    end_grants(work, grants_under(work, chain), WHOLE, "other")


def follow_expiry(work: Work, expired: ConsentExpired) -> None:
    """Withdraw what was signed to last longer than the person agreed to since.

    What ends with its own grant needs nobody to be told: every recipient's clock says so.
    """
    chain = versions_of(work.connection, expired.consent_id)
    # What waits for a peer that is away does not leave after the end either.
    withhold_all(work, [kept.id for kept in _issued(work, chain)])
    longer = {kept.id for kept in _issued(work, chain) if kept.grant.expires > seconds(work.now)}
    _end(work, chain, longer, WHOLE, "person")
