"""Use cases that move a consent through its life: ask, refuse, give, renew, narrow, invalidate."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from iars_node.accounts.access import require
from iars_node.audit.service import record
from iars_node.cases.service import case_head
from iars_node.consent import overtaken, store
from iars_node.consent.events import ConsentInvalidated, ConsentNarrowed
from iars_node.consent.guarding import check_obtained, completed
from iars_node.consent.model import WORDS, Consent, History
from iars_node.consent.narrowing import is_narrower, taken_out, widening_faults
from iars_node.consent.service import CONSENT_KEY_SCOPE, check_terms, note_given
from iars_node.consent.states import TRANSITIONS, advance
from iars_node.db import new_id
from iars_node.errors import ConflictError, InvalidError, NotFoundError
from iars_node.vault.content_keys import key_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.consent.model import State, Terms
    from iars_node.consent.states import By, Step
    from iars_node.work import Work

INVALIDATION_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "not-understood": "The person did not understand it",
        "not-free": "The person was not free to say no",
        "wrong-person": "It is not this person's",
        "not-entitled": "Who gave it was not entitled to",
        "entered-in-error": "Entered in error",
    }
)


def request_consent(work: Work, case_id: str, terms: Terms) -> Consent:
    """Record that the person has been asked and wants time to answer; it permits nothing."""
    return _first(work, case_id, terms, "request", "organisation")


def refuse_consent(work: Work, case_id: str, terms: Terms) -> Consent:
    """Record that the person was asked for this and said no."""
    return _first(work, case_id, terms, "refuse", "person")


def _first(work: Work, case_id: str, terms: Terms, step: Step, by: By) -> Consent:
    require(work.actor, TRANSITIONS[step].action)
    case_head(work, case_id)
    check_terms(work, terms)
    state = advance(None, step, by)
    asked = Consent(new_id(), case_id, state, 1, "", completed(work, case_id, terms), work.now, work.actor.id)
    _write(work, asked, step, by)
    record(work, f"consent.{state}", subject=asked.id, case_id=case_id, scopes=_codes(terms))
    return asked


def refuse_requested(work: Work, consent_id: str) -> Consent:
    """Record that the person said no to what they were asked."""
    require(work.actor, TRANSITIONS["refuse"].action)
    asked = _claimed(work, consent_id)
    state = advance(asked.state_at(work.now), "refuse", "person")
    store.set_state(work.connection, asked.id, state)
    _note(work, asked.id, "refuse", "person", state)
    record(work, "consent.refused", subject=asked.id, case_id=asked.case_id, scopes=_codes(asked.terms))
    return replace(asked, state=state)


def give_requested(work: Work, consent_id: str, terms: Terms) -> Consent:
    """Record that the person agreed to what they were asked, or to less, or to something else."""
    require(work.actor, TRANSITIONS["give"].action)
    asked = _claimed(work, consent_id)
    state = advance(asked.state_at(work.now), "give", "person")
    given = replace(
        asked, state=state, terms=_checked(work, asked.case_id, terms), given_at=work.now,
        recorded_by=work.actor.id,
    )  # fmt: skip
    store.write_answer(work.connection, work.vault, given)
    _note(work, given.id, "give", "person", state)
    note_given(work, given)
    return given


def renew_consent(work: Work, consent_id: str, terms: Terms) -> Consent:
    """Record that the person agreed again, whatever to: a new version takes the older one's place.

    Where it allows less, that is a narrowing too, and told as one.
    """
    return _replace(work, consent_id, terms, "renew")


def narrow_consent(work: Work, consent_id: str, terms: Terms) -> Consent:
    """Record that the person takes something out: a new version that only narrows, in force at once.

    No reason is asked, and nothing about how it was said: it is as easy as a withdrawal.
    """
    return _replace(work, consent_id, terms, "narrow")


def _replace(work: Work, consent_id: str, terms: Terms, step: Step) -> Consent:
    require(work.actor, TRANSITIONS[step].action)
    older = _claimed(work, consent_id)
    state = advance(older.state_at(work.now), step, "person")
    newer_terms = _narrowed(work, older, terms) if step == "narrow" else _checked(work, older.case_id, terms)
    if is_narrower(older.terms, newer_terms):
        overtaken.note(work, "consent", older.id, older.ended)
    store.end_version(work.connection, older.id, work.now)
    newer = Consent(
        new_id(), older.case_id, state, older.version + 1, older.id, newer_terms, work.now, work.actor.id,
        # What was withdrawn of the older version stays withdrawn, unless the person agrees to it again.
        ended=older.ended if step == "narrow" else (),
    )  # fmt: skip
    _write(work, newer, step, "person")
    _tell(work, older, newer, step)
    return newer


def _narrowed(work: Work, older: Consent, terms: Terms) -> Terms:
    check_terms(work, terms)
    faults = widening_faults(older.terms, terms)
    if faults:
        raise InvalidError("This would allow more than before; ask the person again and renew it.", faults)
    if not is_narrower(older.terms, terms):
        raise ConflictError("Nothing is taken out; the consent stands as it was.")
    # Who takes something out for the person need not have read, or typed again, what people said before.
    words: dict[str, Any] = {name: getattr(terms, name) or getattr(older.terms, name) for name in WORDS}
    return replace(terms, notice=older.terms.notice, is_child=older.terms.is_child, **words)


def _tell(work: Work, older: Consent, newer: Consent, step: Step) -> None:
    out = taken_out(older.terms, newer.terms)
    if step == "renew":
        detail: dict[str, str | int] = {"replaces": older.id, "version": newer.version}
        record(
            work, "consent.renewed", subject=newer.id, case_id=newer.case_id, scopes=_codes(newer.terms),
            purpose=",".join(newer.terms.purposes), detail=detail,
        )  # fmt: skip
    if step == "narrow" or not out.is_empty:
        record(
            work,
            "consent.narrowed",
            subject=newer.id,
            case_id=newer.case_id,
            scopes=out.scopes,
            purpose=",".join(out.purposes),
            detail={
                "replaces": older.id,
                "fields": len(out.fields),
                "recipients": len(out.recipients) + len(out.kinds),
            },
        )
        work.announce(ConsentNarrowed(newer.case_id, newer.id, older.id, out))


def to_take_back(work: Work, consent_id: str) -> Consent:
    """Return a consent by its codes alone, to whoever may take something out of it or end it.

    That may be a role that reads no consents: the person says it to whom they meet first.
    """
    require(work.actor, TRANSITIONS["narrow"].action)
    found = store.find(work.connection, work.vault, consent_id)
    if found is None:
        raise NotFoundError("There is no consent of this id.")
    unsaid: dict[str, Any] = dict.fromkeys(WORDS, "")
    return replace(found, terms=replace(found.terms, **unsaid))


def invalidate_consent(work: Work, consent_id: str, reason: str) -> Consent:
    """Record that a consent does not count, by this organisation's own finding; nothing leaves under it."""
    require(work.actor, TRANSITIONS["invalidate"].action)
    if reason not in INVALIDATION_REASONS:
        raise InvalidError("A reason is needed.", {"reason": f"accepted: {', '.join(INVALIDATION_REASONS)}"})
    found = _claimed(work, consent_id)
    state = advance(found.state_at(work.now), "invalidate", "organisation")
    overtaken.note(work, "consent", found.id, found.ended)
    store.set_state(work.connection, found.id, state, ended_at=work.now)
    _note(work, found.id, "invalidate", "organisation", state)
    record(work, "consent.invalidated", subject=found.id, case_id=found.case_id, detail={"reason": reason})
    work.announce(ConsentInvalidated(found.case_id, found.id))
    return replace(found, state=state, ended_at=work.now)


def _claimed(work: Work, consent_id: str) -> Consent:
    """Return a consent for a step: until the commit nobody else takes one."""
    found = store.find(work.connection, work.vault, consent_id, for_update=True)
    if found is None:
        raise NotFoundError("There is no consent of this id.")
    if store.has_successor(work.connection, found.id):
        raise ConflictError("A newer version has taken this consent's place; look at that one.")
    return found


def _checked(work: Work, case_id: str, terms: Terms) -> Terms:
    check_terms(work, terms)
    whole = completed(work, case_id, terms)
    check_obtained(work, case_id, whole)
    return whole


def _write(work: Work, new: Consent, step: Step, by: By) -> None:
    key_id = key_for(work.connection, work.vault, "case", new.case_id, CONSENT_KEY_SCOPE, "own")
    store.add(work.connection, work.vault, new, key_id)
    _note(work, new.id, step, by, new.state)


def _note(work: Work, consent_id: str, step: Step, by: By, state: State) -> None:
    store.add_history(work.connection, consent_id, History(work.now, step, by, state, work.actor.id))


def _codes(terms: Terms) -> list[str]:
    return [scope.code for scope in terms.scopes]
