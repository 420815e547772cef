"""The words for codes: states, steps, refusals; and every label of the vocabularies, for the catalogue."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from iars_node.accounts.access import ROLES
from iars_node.cases.model import CLOSURE_REASONS, JOINING_REASONS, LEAVING_REASONS, RELATIONS, STAGES
from iars_node.consent.changing import INVALIDATION_REASONS
from iars_node.consent.exception import KINDS, STATES
from iars_node.consent.model import ASSENT, FROM_WHOM, HOW_OBTAINED, WITHDRAWAL_WAYS
from iars_node.referrals import handover_rules, sentences
from iars_node.rights.model import TO_TELL_REASONS
from iars_node.web.languages import N_
from iars_protocol.vocabulary import REASONS, SCOPES, SERVICES, VOCABULARIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CASE_STATES: Mapping[str, str] = MappingProxyType({"open": N_("Open"), "closed": N_("Closed")})

REFERRAL_STATES: Mapping[str, str] = MappingProxyType(
    {
        "draft": N_("Draft"),
        "requested": N_("Waiting for an answer"),
        "accepted": N_("Accepted"),
        "in-progress": N_("Under way"),
        "on-hold": N_("On hold"),
        "completed": N_("Completed"),
        "failed": N_("Could not be given"),
        "rejected": N_("Rejected"),
        "cancelled": N_("Cancelled"),
        "expired": N_("Not answered in time"),
        "entered-in-error": N_("Entered in error"),
    }
)

CONSENT_STATES: Mapping[str, str] = MappingProxyType(
    {
        "requested": N_("Asked for"),
        "refused": N_("Refused"),
        "given": N_("Given"),
        "renewed": N_("Renewed"),
        "expired": N_("Expired"),
        "invalidated": N_("No longer valid"),
        "withdrawn": N_("Withdrawn by the person"),
        "revoked": N_("Revoked"),
        "replaced": N_("Replaced by a newer one"),
    }
)

CONSENT_STEPS: Mapping[str, str] = MappingProxyType(
    {
        "request": N_("Asked"),
        "refuse": N_("Said no"),
        "give": N_("Agreed"),
        "renew": N_("Agreed again"),
        "narrow": N_("Took something out"),
        "expire": N_("Its time ended"),
        "invalidate": N_("Found not to count"),
        "withdraw": N_("Withdrew it"),
        "revoke": N_("Revoked by others"),
        "take-back": N_("Withdrew a part of it"),
        "revoke-part": N_("A part was revoked by others"),
        "overtaken": N_("Closed after a restore: a later word of the person is lost"),
        "run-again": N_("Stands again: only the clock was wrong"),
    }
)

APPROVALS: Mapping[str, str] = MappingProxyType(
    {
        "approved": N_("Approved by a second person"),
        "pending": N_("Not approved yet"),
        "lapsed": N_("Not approved: what came under it is locked"),
    }
)

STEPS: Mapping[str, str] = MappingProxyType(
    {
        "referral.offer/1": N_("Referral sent"),
        "referral.accept/1": N_("Accepted"),
        "handover.accept/1": N_("Handover accepted"),
        "referral.reject/1": N_("Rejected"),
        "referral.disclose/1": N_("The rest was disclosed"),
        "referral.appointment/1": N_("Appointment"),
        "referral.progress/1": N_("Service begun"),
        "referral.hold/1": N_("Put on hold"),
        "referral.complete/1": N_("Completed"),
        "referral.fail/1": N_("Could not be given"),
        "referral.cancel/1": N_("Cancelled"),
        "referral.entered-in-error/1": N_("Entered in error"),
        "referral.amend/1": N_("Changes sent"),
        "referral.note/1": N_("Message"),
        "referral.expire": N_("The time to answer ended"),
        "consent.withdraw": N_("The person withdrew"),
        "consent.revoke": N_("The consent was revoked"),
        "consent.untell": N_("The person no longer wants this told back"),
    }
)

# What is told of a case beside its record: what was done, never what it held.
HAPPENINGS: Mapping[str, str] = MappingProxyType(
    {
        "case.opened": N_("Opened the case"),
        "case.changed": N_("Wrote in the record"),
        "case.noted": N_("Added a note"),
        "case.assigned": N_("Assigned the case"),
        "case.closed": N_("Closed the case"),
        "case.reopened": N_("Reopened the case"),
        "case.scope-read": N_("Opened a closed part"),
        "case.opened-unassigned": N_("Looked into the case with a reason"),
        "case.content-received": N_("Content arrived"),
        "case.locked": N_("Parts were closed"),
        "case.unlocked": N_("Parts were opened again"),
        "case.erased": N_("Parts were erased"),
        "case.retained": N_("Parts are kept on a legal ground"),
        "case.task-added": N_("Added a follow-up"),
        "case.task-done": N_("Did a follow-up"),
        "household.linked": N_("Linked somebody of the household"),
        "household.unlinked": N_("Took somebody out of the household"),
        "attachment.added": N_("Added a file"),
        "attachment.read": N_("Opened a file"),
        "attachment.received": N_("A file arrived"),
        "attachment.sent": N_("A file was sent"),
        "attachment.removed": N_("Removed a file"),
        "consent.requested": N_("Asked for consent"),
        "consent.given": N_("Recorded a consent"),
        "consent.renewed": N_("Renewed a consent"),
        "consent.refused": N_("Recorded a refusal"),
        "consent.narrowed": N_("Took something out of a consent"),
        "consent.withdrawn": N_("Recorded a withdrawal"),
        "consent.revoked": N_("A consent was revoked"),
        "consent.expired": N_("A consent expired"),
        "consent.invalidated": N_("Found a consent not to count"),
        "consent.exception-recorded": N_("Disclosed without consent"),
        "consent.exception-approved": N_("Approved a disclosure without consent"),
        "consent.exception-refused": N_("Did not approve a disclosure without consent"),
        "consent.onward-permitted": N_("Allowed passing on"),
        "consent.onward-received": N_("Were allowed to pass the person on"),
        "consent.onward-noticed": N_("The person was passed on"),
        "consent.handed-over": N_("The handover is complete"),
        "consent.handover-kept": N_("Kept a part after the handover"),
        "referral.offered": N_("Sent a referral"),
        "referral.disclosed": N_("The rest was disclosed"),
        "referral.amended": N_("Sent changes"),
        "referral.accepted": N_("Accepted a referral"),
        "referral.rejected": N_("Rejected a referral"),
        "referral.started": N_("The service began"),
        "referral.held": N_("A referral was put on hold"),
        "referral.completed": N_("A referral is complete"),
        "referral.failed": N_("A service could not be given"),
        "referral.cancelled": N_("A referral was cancelled"),
        "referral.expired": N_("A referral was not answered in time"),
        "referral.entered-in-error": N_("A referral was a mistake"),
        "erasure.asked": N_("Asked to erase"),
        "erasure.answered": N_("Stated what became of it"),
        "erasure.proved": N_("Proved its statement"),
        "hold.set": N_("Set a legal hold"),
        "hold.lifted": N_("Lifted a legal hold"),
        "person.access-reported": N_("Made a report for the person"),
        "person.corrected": N_("Corrected the record everywhere"),
    }
)

TRUST: Mapping[str, str] = MappingProxyType(
    {
        "pinned": N_("Verified"),
        "unverified": N_("Not verified yet"),
        "blocked": N_("Blocked"),
        "forked": N_("Contradicts itself"),
    }
)

OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "applied": N_("Arrived"),
        "refused": N_("Refused by their node"),
        "waiting": N_("Waiting at their node"),
    }
)

STATED: Mapping[str, str] = MappingProxyType(
    {
        "waiting": N_("No answer yet"),
        "erased": N_("They state that it is erased"),
        "retained": N_("They state that they keep a part"),
        "failed": N_("They state that erasing failed"),
        "nothing-held": N_("They state that they held nothing"),
        "taken-in": N_("Their node has taken it in"),
    }
)

# Where one part of a record stands at one recipient.
SHARES: Mapping[str, str] = MappingProxyType(
    {
        "not-yet": N_("They don't have it"),
        "held": N_("They hold it"),
        "expired": N_("Expired, closed there"),
        "asked": N_("Withdrawn, no answer yet"),
        "overdue": N_("Withdrawn, answer overdue"),
        "erased": N_("They state that it is erased"),
        "retained": N_("They state that they keep it"),
        "failed": N_("They state that erasing failed"),
        "nothing-held": N_("They state that they held nothing"),
        "held-otherwise": N_("They hold it under another consent"),
    }
)

DISCLOSURE_STEPS: Mapping[str, str] = MappingProxyType(
    {"offer": N_("With the referral"), "acceptance": N_("When they accept")}
)

KEPT_BACK: Mapping[str, str] = MappingProxyType(
    {"withheld": N_("The person withholds it"), "not-agreed": N_("Not agreed to")}
)


LIKENESS: Mapping[str, str] = MappingProxyType(
    {
        "name": N_("names that sound alike"),
        "birth-date": N_("the same date of birth"),
        "document": N_("the same document number"),
        "phone": N_("the same phone number"),
    }
)


def vocabulary_messages() -> Iterator[tuple[str, str]]:
    """Yield each label of the vocabularies and where it comes from."""
    for scope in SCOPES.values():
        yield scope.label, "scopes.toml"
        yield from ((field.label, "scopes.toml") for field in scope.fields.values())
    yield from ((service.label, "services.toml") for service in SERVICES.values())
    for codes in REASONS.values():
        yield from ((label, "reasons.toml") for label in codes.values())
    for name, codes in VOCABULARIES.items():
        if name != "service":
            yield from ((label, "vocabularies.toml") for label in codes.values())
    yield from ((role.label, "roles.toml") for role in ROLES.values())
    for labels in (STAGES, CLOSURE_REASONS, RELATIONS, JOINING_REASONS, LEAVING_REASONS):
        yield from ((label, "cases/model.py") for label in labels.values())
    for labels in (HOW_OBTAINED, FROM_WHOM, ASSENT, WITHDRAWAL_WAYS):
        yield from ((label, "consent/model.py") for label in labels.values())
    yield from ((label, "consent/changing.py") for label in INVALIDATION_REASONS.values())
    yield from ((sentence, "referrals/handover_rules.py") for sentence in handover_rules.sentences())
    yield from ((sentence, "referrals/sentences.py") for sentence in sentences.every_sentence())
    yield from ((label, "rights/model.py") for label in TO_TELL_REASONS.values())
    for labels in (KINDS, STATES):
        yield from ((label, "consent/exception.py") for label in labels.values())
