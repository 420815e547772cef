"""Use cases about consent: record it, ask what it covers, turn it into a grant, receive a grant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.audit.service import record
from iars_node.cases.names import is_country, is_language
from iars_node.cases.service import case_head
from iars_node.consent import endings, exception_store, store
from iars_node.consent.approvals import note_received, refuse_lapsed
from iars_node.consent.guarding import check_obtained, completed
from iars_node.consent.model import FROM_WHOM, HOW_OBTAINED, Consent, History, KeptGrant, Terms, joined
from iars_node.consent.narrowing import within
from iars_node.consent.receipt import NUMBER_DIGITS
from iars_node.consent.states import advance
from iars_node.db import EPOCH, new_id
from iars_node.errors import InvalidError, NotFoundError, RefusedError
from iars_node.vault.content_keys import key_for
from iars_node.vault.identity import identity_of, seconds
from iars_protocol.consent import Allowed, Denied, Grant, ScopeGrant, sign, verify_issued
from iars_protocol.errors import DisclosureError, ProtocolError, SignatureError, WrongRecipientError
from iars_protocol.vocabulary import ORGANISATION_TYPES, PURPOSES, SCOPES, SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iars_node.peers.model import Peer
    from iars_node.work import Work
    from iars_protocol.consent import Answer, Signed

CONSENT_KEY_SCOPE = "services"

WITHDRAWN = "withdrawn"
"""The code of the answer to what comes under a grant that was withdrawn (SPEC § 11)."""


def default_scope(code: str) -> ScopeGrant:
    """Return a scope as it is shared when nothing else is said: in two steps where the vocabulary says so."""
    scope = SCOPES[code]
    return ScopeGrant(code, scope.step, scope.at_offer if scope.step == "acceptance" else ())


def give_consent(work: Work, case_id: str, terms: Terms) -> Consent:
    """Record that the person gave consent."""
    require(work.actor, "consent.record")
    case_head(work, case_id)
    check_terms(work, terms)
    whole = completed(work, case_id, terms)
    check_obtained(work, case_id, whole)
    state = advance(None, "give", "person")
    given = Consent(new_id(), case_id, state, 1, "", whole, work.now, work.actor.id)
    key_id = key_for(work.connection, work.vault, "case", case_id, CONSENT_KEY_SCOPE, "own")
    store.add(work.connection, work.vault, given, key_id)
    store.add_history(work.connection, given.id, History(work.now, "give", "person", state, work.actor.id))
    note_given(work, given)
    return given


def note_given(work: Work, given: Consent) -> None:
    """Put into the log that a consent was given."""
    record(
        work,
        "consent.given",
        subject=given.id,
        case_id=given.case_id,
        scopes=[scope.code for scope in given.terms.scopes],
        purpose=",".join(given.terms.purposes),
    )


def check_terms(work: Work, terms: Terms) -> None:
    """Refuse terms that can't be what a person agreed to; say for each which and why."""
    faults = {
        **_unknown("purposes", terms.purposes, PURPOSES),
        **_unknown("feedback", terms.feedback, SCOPES),
        **_unknown("scopes", [scope.code for scope in terms.scopes], SCOPES),
        **_unknown("withheld", dict.fromkeys(item.scope for item in terms.withheld), SCOPES),
        **_unknown("how_obtained", [terms.how_obtained], HOW_OBTAINED),
        **_unknown("from_whom", [terms.from_whom], FROM_WHOM),
    }
    if len(joined(terms.withheld)) != len(terms.withheld):
        faults["withheld"] = "accepted: for each scope and recipient one entry"
    if not terms.purposes:
        faults["purposes"] = "accepted: at least one purpose"
    if "services" not in {scope.code for scope in terms.scopes}:
        faults["scopes"] = (
            "accepted: at least the scope services, without which nobody can be asked for a service"
        )
    faults |= _recipient_faults(terms)
    if not is_language(terms.notice_language):
        faults["notice_language"] = (
            "accepted: the ISO 639 code of the language in which the notice was read, such as sq"
        )
    if terms.jurisdiction and not is_country(terms.jurisdiction):
        faults["jurisdiction"] = "accepted: a country's two letters, such as AL (ISO 3166-1)"
    if terms.expires <= max(work.now, terms.not_before or work.now):
        faults["expires"] = "accepted: a moment in the future"
    if faults:
        raise InvalidError("The consent is not complete; nothing was recorded.", faults)


def _unknown(name: str, codes: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    listed = list(codes)
    if set(listed) <= set(known) and len(set(listed)) == len(listed):
        return {}
    return {name: f"accepted: {', '.join(known)}, each once"}


def _recipient_faults(terms: Terms) -> dict[str, str]:
    if not terms.recipients:
        return {"recipients": "accepted: at least one organisation or type of organisation"}
    for recipient in terms.recipients:
        if bool(recipient.node) == bool(recipient.organisation_type):
            return {"recipients": "accepted: for each, an organisation or a type of organisation"}
        if recipient.organisation_type and recipient.organisation_type not in ORGANISATION_TYPES:
            return {"recipients": f"accepted: {', '.join(ORGANISATION_TYPES)}"}
    return {}


def get(work: Work, consent_id: str) -> Consent:
    """Return a consent, or raise NotFoundError."""
    require(work.actor, "consent.read")
    found = store.find(work.connection, work.vault, consent_id)
    if found is None:
        raise NotFoundError("There is no consent of this id.")
    return found


def find_by_number(work: Work, text: str) -> Consent:
    """Return the consent that a person means by the number on their paper, or by its id."""
    require(work.actor, "consent.read")
    digits = text.replace("-", "").strip().lower()
    if len(digits) < NUMBER_DIGITS or set(digits) - set("0123456789abcdef"):
        raise NotFoundError("There is no consent of this number.")
    found = store.beginning_with(work.connection, work.vault, digits)
    if len(found) != 1:
        raise NotFoundError("There is no consent of this number.")
    return found[0]


def history(work: Work, consent_id: str) -> list[History]:
    """Return what became of a consent, the first step first."""
    require(work.actor, "consent.read")
    return store.history(work.connection, consent_id)


def ground(work: Work, ground_id: str) -> Consent:
    """Return what a disclosure rests on: a consent, or an exception in the form of one."""
    require(work.actor, "consent.read")
    found = store.find(work.connection, work.vault, ground_id)
    if found is None:
        kept = exception_store.find(work.connection, work.vault, ground_id)
        found = None if kept is None else kept.as_ground(work.now, seconds(kept.review_at))
    if found is None:
        raise NotFoundError("There is no consent of this id.")
    return found


def exceptional(work: Work, case_id: str) -> list[Consent]:
    """Return a case's exceptions in the form in which a disclosure asks what may leave, the newest first."""
    require(work.actor, "consent.read")
    kept = exception_store.of_case(work.connection, work.vault, case_id)
    return [one.as_ground(work.now, seconds(one.review_at)) for one in kept]


def standing(work: Work, ground_id: str) -> Consent:
    """Return what holds today of what a referral was sent under: the newest version of that consent."""
    newest = store.newest_version(work.connection, work.vault, ground_id)
    return ground(work, ground_id) if newest is None else newest


def narrowed_grant(left: Grant, today: Consent, peer: Peer) -> Grant:
    """Return what of a grant may still leave: no more than it says, no more than the person says now."""
    return within(left, today.terms, peer.node_text)


def of_case(work: Work, case_id: str) -> list[Consent]:
    """Return a case's consents, the newest first."""
    require(work.actor, "consent.read")
    return store.of_case(work.connection, work.vault, case_id)


def received_for_case(work: Work, case_id: str) -> list[KeptGrant]:
    """Return the grants under which others have sent something of this person here."""
    require(work.actor, "consent.read")
    return [kept for kept in store.grants_of_case(work.connection, case_id) if kept.direction == "in"]


def covering(work: Work, case_id: str, peer: Peer, service: str) -> Consent | Denied:
    """Return the newest consent that covers a referral, or why the newest one does not."""
    answer: Answer = Denied("no-consent")
    for number, found in enumerate(store.of_case(work.connection, work.vault, case_id)):
        covers = _covers(work, found, peer, service)
        if isinstance(covers, Allowed):
            return found
        if number == 0:
            answer = covers
    return answer if isinstance(answer, Denied) else Denied("no-consent")


def check_covers(work: Work, given: Consent, peer: Peer, service: str) -> None:
    """Refuse a disclosure that a consent does not cover at this moment."""
    answer = _covers(work, given, peer, service)
    if isinstance(answer, Denied):
        raise RefusedError(
            "The person's consent does not cover this; nothing was sent. Record a consent that does.",
            answer.reason,
        )


def _covers(work: Work, given: Consent, peer: Peer, service: str) -> Answer:
    return given.covers(
        node=peer.node_text,
        organisation_type=peer.listing.organisation_type,
        service=service,
        at=work.now,
    )


def draft_grant(work: Work, given: Consent, peer: Peer) -> Grant:
    """Return what a consent grants a recipient, unsigned: enough to show what would leave."""
    known = store.issued_grant(work.connection, given.id, peer.node_id)
    if known is not None:
        return known.grant
    terms = given.terms
    node = peer.node_text
    purposes = tuple(code for code in terms.purposes if not given.has_ended(node=node, purpose=code))
    return Grant(
        id=new_id(),
        controller=identity_of(work.vault).node_text,
        recipient=peer.node_text,
        subject=store.subject_for(work.connection, given.case_id, peer.node_id) or new_id(),
        purposes=purposes,
        scopes=tuple(
            scope
            for scope in terms.scopes_for(node)
            if not all(given.has_ended(node=node, purpose=code, scope=scope.code) for code in purposes)
        ),
        created=seconds(work.now),
        not_before=seconds(terms.not_before or given.given_at),
        expires=seconds(terms.expires),
        retention_days=terms.retention_days,
        notice_language=terms.notice_language,
        feedback=terms.feedback,
        basis=given.basis,
    )


def consent_behind(work: Work, grant: Grant, peer: Peer) -> Consent | None:
    """Return the consent from which one's own grant was made, where a restored database lacks the grant.

    None where no consent, or more than one, says exactly what the grant says.
    """
    expires = EPOCH + timedelta(seconds=grant.expires)
    found = [
        given
        for given in store.expiring_between(
            work.connection, work.vault, expires, expires + timedelta(seconds=1)
        )
        if store.issued_grant(work.connection, given.id, peer.node_id) is None
        and _says_the_same(draft_grant(work, given, peer), grant)
    ]
    return found[0] if len(found) == 1 else None


def _says_the_same(one: Grant, other: Grant) -> bool:
    return replace(one, id=other.id, subject=other.subject, created=other.created) == other


def grant_for(work: Work, given: Consent, peer: Peer) -> KeptGrant:
    """Return the signed grant of a consent for a recipient; sign and keep it the first time."""
    known = store.issued_grant(work.connection, given.id, peer.node_id)
    if known is not None:
        return known
    grant = draft_grant(work, given, peer)
    signed = sign(grant, identity_of(work.vault).signing)
    # What was withdrawn for some purposes only stands in no grant's terms: it stays beside them.
    ended = tuple(part for part in given.ended if part.node in ("", peer.node_text))
    kept = KeptGrant(
        grant.id, "out", peer.node_id, given.id, given.case_id, grant, signed, work.now, ended=ended
    )
    store.add_grant(work.connection, kept, given.terms.expires)
    return kept


def receive_grant(work: Work, peer: Peer, signed: Signed, service_purpose: str) -> KeptGrant:
    """Keep a grant that came with an offer, after the receiver's checks in their order.

    Raises SignatureError where the issuer is another or did not sign, WrongRecipientError where the grant is
    not for this node, RefusedError where it is not for this purpose or this time.
    """
    grant = _verified_grant(work, peer, signed)
    if grant.recipient != identity_of(work.vault).node_text:
        raise WrongRecipientError("the grant names another recipient")
    answer = grant.permits(purpose=service_purpose, at=seconds(work.now))
    if isinstance(answer, Denied):
        raise RefusedError("The grant does not cover the referral.", answer.reason)
    known = store.find_grant(work.connection, grant.id)
    if known is not None:
        if known.signed.body != signed.body:
            raise DisclosureError("two grants have one id")
        refuse_lapsed(work, known)
        _refuse_withdrawn(known, service_purpose)
        return known
    ended = endings.withdrawn_before(work.connection, "grant", grant.id, peer.node_id)
    kept = KeptGrant(grant.id, "in", peer.node_id, "", "", grant, signed, work.now, ended=ended)
    refuse_lapsed(work, kept)
    _refuse_withdrawn(kept, service_purpose)
    store.add_grant(work.connection, kept, EPOCH + timedelta(seconds=grant.expires))
    note_received(work, kept)
    return kept


def _refuse_withdrawn(kept: KeptGrant, purpose: str) -> None:
    if kept.has_ended("", purpose):
        raise RefusedError("The person has withdrawn this consent.", WITHDRAWN)


def standing_grant(kept: KeptGrant, service: str) -> Grant:
    """Return what still stands of a grant for a service; refuse where nothing does."""
    left = kept.standing(SERVICES[service].purpose)
    if left is None:
        raise RefusedError("The person's consent has ended; nothing was sent.", "consent-withdrawn")
    return left


def standing_whole(kept: KeptGrant) -> Grant:
    """Return what still stands of a grant for any of its purposes; refuse where nothing does."""
    purposes = tuple(code for code in kept.grant.purposes if kept.standing(code) is not None)
    left = tuple(
        scope
        for scope in kept.grant.scopes
        if purposes and not any(kept.has_ended(scope.code, code) for code in purposes)
    )
    if not left:
        raise RefusedError("The person's consent has ended; nothing was sent.", "consent-withdrawn")
    return replace(kept.grant, purposes=purposes, scopes=left)


def grant_to_show(work: Work, given: Consent, peer: Peer, service: str) -> Grant:
    """Return what a referral for a service would go out under, unsigned where it was not needed yet."""
    known = store.issued_grant(work.connection, given.id, peer.node_id)
    return draft_grant(work, given, peer) if known is None else standing_grant(known, service)


def _verified_grant(work: Work, peer: Peer, signed: Signed) -> Grant:
    try:
        grant = verify_issued(signed, peer.history, at=seconds(work.now))
    except ProtocolError as error:
        raise SignatureError("the grant is not signed by its sender") from error
    if not isinstance(grant, Grant):
        raise SignatureError("the grant is not its sender's")
    return grant


def kept_grant(work: Work, grant_id: str) -> KeptGrant:
    """Return a grant that this node issued or received."""
    found = store.find_grant(work.connection, grant_id)
    if found is None:
        raise NotFoundError("There is no grant of this id.")
    return found
