"""A consent's life between two organisations: what a newer version allows counts at once, everywhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.federation.neighbours import PERSON, settle

from iars_node.audit.model import AuditFilter
from iars_node.audit.store import page
from iars_node.consent import changing
from iars_node.consent import service as consents
from iars_node.consent import store as consent_store
from iars_node.consent.events import ConsentInvalidated, ConsentNarrowed
from iars_node.consent.model import Consent, Recipient, Terms, Withheld
from iars_node.consent.texts import to_read_out
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, RefusedError
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.cases.model import Case
    from iars_node.clock import SetClock
    from iars_protocol.record import Record

    Pair = tuple[Neighbour, Neighbour]

AUDITOR = Actor("account", "d" * 32, frozenset({"auditor"}))
RECEPTION = Actor("account", "c" * 32, frozenset({"reception"}))
CHILD: Record = {**PERSON, "identity": {"given_name": "Ana", "birth_date": "2014-05"}}


def terms_for(side: Neighbour, to: Neighbour, **changes: Any) -> Terms:
    plain: dict[str, Any] = {
        "purposes": ("assistance", "return"),
        "scopes": tuple(
            consents.default_scope(code) for code in ("services", "demographics", "identity", "medical")
        ),
        "recipients": (Recipient(node=to.id.hex()),),
        "expires": side.node.clock.now() + timedelta(days=30),
        "notice_language": "sq",
        "how_obtained": "verbal",
        "feedback": ("services", "medical"),
    }
    return Terms(**{**plain, **changes})


def act(side: Neighbour, use_case: Any, *arguments: object, by: Actor = SYSTEM) -> Any:
    with side.node.works.write(by) as work:
        return use_case(work, *arguments)


def look(side: Neighbour, use_case: Any, *arguments: object) -> Any:
    with side.node.works.read(SYSTEM) as work:
        return use_case(work, *arguments)


def without(given: Consent, *scopes: str) -> Terms:
    kept = tuple(scope for scope in given.terms.scopes if scope.code not in scopes)
    return replace(given.terms, scopes=kept, feedback=("services",))


def seen_by(side: Neighbour, referral_id: str) -> dict[str, Any]:
    with side.node.works.write(SYSTEM) as work:
        return dict(referrals.received_content(work, referral_id))


def test_nobody_without_the_right_moves_a_consent(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    terms = terms_for(shelter, mission)
    for use_case, what in (
        (changing.request_consent, (case.id, terms)),
        (changing.refuse_consent, (case.id, terms)),
        (changing.refuse_requested, (given.id,)),
        (changing.give_requested, (given.id, terms)),
        (changing.renew_consent, (given.id, terms)),
        (changing.narrow_consent, (given.id, terms)),
        (changing.invalidate_consent, (given.id, "not-free")),
    ):
        with pytest.raises(ForbiddenError):
            act(shelter, use_case, *what, by=AUDITOR)
    with pytest.raises(NotFoundError):
        act(shelter, changing.refuse_requested, "0" * 32)
    for use_case in (changing.give_requested, changing.renew_consent, changing.narrow_consent):
        with pytest.raises(NotFoundError):
            act(shelter, use_case, "0" * 32, terms)


def test_what_was_asked_permits_nothing_until_the_person_agrees(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    asked = act(shelter, changing.request_consent, case.id, terms_for(shelter, mission))
    with pytest.raises(RefusedError) as refused:
        shelter.refer(case, asked, mission)
    assert refused.value.reason == "consent-requested"

    less = without(asked, "medical")
    given = act(shelter, changing.give_requested, asked.id, less)
    assert (given.id, given.state, given.version) == (asked.id, "given", 1)
    assert shelter.refer(case, given, mission).state == "requested"
    steps = [(entry.step, entry.by, entry.state_after) for entry in look(shelter, consents.history, given.id)]
    assert steps == [("request", "organisation", "requested"), ("give", "person", "given")]
    with pytest.raises(ConflictError):
        act(shelter, changing.refuse_requested, given.id)


def test_a_refusal_is_kept_and_permits_nothing(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    at_once = act(shelter, changing.refuse_consent, case.id, terms_for(shelter, mission))
    asked = act(shelter, changing.request_consent, case.id, terms_for(shelter, mission))
    later = act(shelter, changing.refuse_requested, asked.id)
    for refused in (at_once, later):
        assert look(shelter, consents.get, refused.id).state == "refused"
        with pytest.raises(RefusedError, match="does not cover"):
            shelter.refer(case, refused, mission)
        with pytest.raises(ConflictError):
            act(shelter, changing.renew_consent, refused.id, terms_for(shelter, mission))


def test_a_consent_that_does_not_count_permits_nothing_more(pair: Pair) -> None:
    shelter, mission = pair
    heard: list[object] = []
    shelter.node.works.events.follow(ConsentInvalidated, lambda _work, event: heard.append(event))
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    with pytest.raises(InvalidError):
        act(shelter, changing.invalidate_consent, given.id, "whim")
    act(shelter, changing.invalidate_consent, given.id, "not-understood")
    assert heard == [ConsentInvalidated(case.id, given.id)]
    with pytest.raises(RefusedError) as refused:
        shelter.refer(case, given, mission)
    assert refused.value.reason == "consent-invalidated"
    with pytest.raises(ConflictError):
        act(shelter, changing.invalidate_consent, given.id, "not-understood")


def test_a_renewal_takes_the_place_of_the_older_version(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    older = shelter.give_consent(case, mission)
    clock.moment += timedelta(days=40)
    newer = act(shelter, changing.renew_consent, older.id, terms_for(shelter, mission))
    assert (newer.state, newer.version, newer.replaces) == ("renewed", 2, older.id)
    kept = look(shelter, consents.get, older.id)
    assert (kept.state, kept.ended_at, kept.is_replaced) == ("given", clock.moment, True)
    assert [one.id for one in look(shelter, consents.of_case, case.id)] == [newer.id, older.id]
    assert look(shelter, consents.standing, older.id) == newer
    with pytest.raises(RefusedError) as refused:
        shelter.refer(case, older, mission)
    assert refused.value.reason == "consent-replaced"
    with pytest.raises(ConflictError):
        act(shelter, changing.renew_consent, older.id, terms_for(shelter, mission))
    assert shelter.refer(case, newer, mission).consent_id == newer.id


def test_a_version_that_was_locked_as_expired_can_be_renewed_once(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    older = shelter.give_consent(case, mission)
    clock.moment += timedelta(days=40)
    with shelter.node.works.write(SYSTEM) as work:
        consent_store.set_state(work.connection, older.id, "expired", ended_at=clock.moment)
    clock.moment += timedelta(days=1)
    newer = act(shelter, changing.renew_consent, older.id, terms_for(shelter, mission))
    kept = look(shelter, consents.get, older.id)
    assert (kept.state, kept.ended_at) == ("expired", clock.moment - timedelta(days=1))
    assert look(shelter, consents.standing, older.id).id == newer.id
    with pytest.raises(ConflictError):
        act(shelter, changing.renew_consent, older.id, terms_for(shelter, mission))


async def test_a_renewal_does_not_prolong_what_was_signed_before_it(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    older = shelter.give_consent(case, mission, expires=clock.moment + timedelta(days=2))
    sent = shelter.refer(case, older, mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    newer = act(shelter, changing.renew_consent, older.id, terms_for(shelter, mission))
    shelter.act(referrals.amend, sent.id)
    clock.moment += timedelta(days=3)
    with pytest.raises(RefusedError) as refused:
        shelter.act(referrals.amend, sent.id)
    assert refused.value.reason == "grant-expired"
    again = shelter.refer(case, newer, mission)
    await settle(shelter, mission)
    assert mission.referral(again.id).state == "requested"
    assert again.subject == sent.subject


@pytest.mark.parametrize("scopes", [("medical",), ("identity", "medical")])
async def test_a_narrowing_cuts_what_an_open_referral_still_discloses(
    pair: Pair, scopes: tuple[str, ...]
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    act(shelter, changing.narrow_consent, given.id, without(given, *scopes), by=RECEPTION)
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    assert shelter.referral(sent.id).is_disclosed
    assert not set(seen_by(mission, sent.id)) & set(scopes)
    assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []


async def test_a_narrowing_cuts_later_amendments_and_notes(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    kept_back = replace(given.terms, withheld=(Withheld("medical", ("conditions",)),))
    act(shelter, changing.narrow_consent, given.id, kept_back)
    shelter.act(referrals.amend, sent.id)
    with shelter.node.works.read(SYSTEM) as work:
        amended = referrals.timeline(work, sent.id)[-1]
    # Conditions were sent before: the part they belong to was taken back whole, and goes nowhere any more.
    assert "medical" not in {part.scope for part in amended.scopes}
    assert "identity" in {part.scope for part in amended.scopes}

    newest = look(shelter, consents.standing, given.id)
    act(shelter, changing.narrow_consent, newest.id, without(newest, "medical"))
    with pytest.raises(InvalidError, match="did not agree"):
        shelter.act(referrals.write_note, sent.id, [("medical", "Her asthma is worse.")])
    shelter.act(referrals.write_note, sent.id, [("identity", "She is called Anja.")])
    with shelter.node.works.read(SYSTEM) as work:
        assert referrals.may_send_attachments(work, sent.id, "identity")
        assert not referrals.may_send_attachments(work, sent.id, "medical")
    await settle(shelter, mission)
    assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []


async def test_a_recipient_or_purpose_that_was_taken_out_gets_nothing_more(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    both = (Recipient(node=mission.id.hex()), Recipient(organisation_type="LegalService"))
    given = shelter.give_consent(case, mission, recipients=both)
    sent = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    act(shelter, changing.narrow_consent, given.id, replace(given.terms, recipients=both[1:]))
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    # The acceptance crossed the cancellation: nothing was disclosed for it.
    assert shelter.referral(sent.id).state == mission.referral(sent.id).state == "cancelled"
    assert not shelter.referral(sent.id).is_disclosed
    for use_case, arguments in (
        (referrals.amend, ()),
        (referrals.write_note, ([("services", "She needs a bed.")],)),
    ):
        with pytest.raises(RefusedError):
            shelter.act(use_case, sent.id, *arguments)
    assert seen_by(mission, sent.id) == {}


def test_a_narrowing_is_announced_and_recorded_by_codes(pair: Pair) -> None:
    shelter, mission = pair
    heard: list[ConsentNarrowed] = []
    shelter.node.works.events.follow(ConsentNarrowed, lambda _work, event: heard.append(event))
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    less = replace(
        without(given, "medical"),
        purposes=("assistance",),
        withheld=(Withheld("identity", ("birth_date",)),),
        expires=given.terms.expires - timedelta(days=1),
    )
    newer = act(shelter, changing.narrow_consent, given.id, less)
    assert (newer.state, newer.version, newer.replaces) == ("given", 2, given.id)
    event = heard[0]
    assert (event.case_id, event.consent_id, event.replaced_id) == (case.id, newer.id, given.id)
    out = event.taken_out
    assert (out.scopes, out.purposes, out.feedback) == (("medical",), ("return",), ("medical",))
    assert (out.fields, out.recipients, out.kinds) == (("identity.birth_date",), (), ())
    with shelter.node.works.read(SYSTEM) as work:
        found = page(work.connection, AuditFilter(action="consent.narrowed"))
    assert [(one.event.subject, one.event.scopes) for one in found.events] == [(newer.id, ("medical",))]
    assert found.events[0].event.detail["replaces"] == given.id

    wider = act(shelter, changing.renew_consent, newer.id, terms_for(shelter, mission))
    assert len(heard) == 1
    act(shelter, changing.renew_consent, wider.id, without(wider, "identity"))
    assert heard[1].taken_out.scopes == ("identity",)


def test_a_narrowing_allows_nothing_more_in_any_respect(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission, withheld=(Withheld("medical", ("pregnancy",)),))
    later = tuple(
        replace(scope, step="offer") if scope.code == "medical" else scope for scope in given.terms.scopes
    )
    wider: dict[str, dict[str, Any]] = {
        "scopes": {"scopes": (*given.terms.scopes, consents.default_scope("contact"))},
        "scopes ": {"scopes": later},
        "scopes  ": {"withheld": ()},
        "recipients": {"recipients": (Recipient(organisation_type="NGO"),)},
        "purposes": {"purposes": ("assistance", "return", "research")},
        "feedback": {"feedback": ("services", "medical", "safety")},
        "expires": {"expires": given.terms.expires + timedelta(seconds=1)},
        "retention_days": {"retention_days": given.terms.retention_days + 1},
        "is_onward_allowed": {"is_onward_allowed": True},
    }
    for name, changes in wider.items():
        with pytest.raises(InvalidError) as refused:
            act(shelter, changing.narrow_consent, given.id, replace(given.terms, **changes))
        assert name.strip() in refused.value.faults
    with pytest.raises(ConflictError, match="Nothing is taken out"):
        act(shelter, changing.narrow_consent, given.id, given.terms)
    assert look(shelter, consents.get, given.id) == given


def test_how_it_was_obtained_has_to_be_on_record(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()

    def faults(**changes: Any) -> set[str]:
        with pytest.raises(InvalidError) as refused:
            act(shelter, consents.give_consent, case.id, terms_for(shelter, mission, **changes))
        return set(refused.value.faults)

    assert faults(how_obtained="written") == {"evidence"}
    assert faults(how_obtained="recorded") == {"evidence"}
    assert faults(how_obtained="thumbprint") == {"evidence", "witness"}
    assert faults(evidence=("0" * 32,)) == {"evidence"}
    assert faults(from_whom="caregiver") == {"guardian"}
    assert faults(from_whom="guardian", guardian="Vera") == {"best_interests"}
    assert faults(assent="given") == {"assent"}
    assert faults(withdrawal_ways=()) == {"withdrawal_ways"}
    terms = terms_for(
        shelter, mission, how_obtained="thumbprint", paper="In the safe.", witness="Drita", interpreter="Ilia"
    )
    given = look(shelter, consents.get, act(shelter, consents.give_consent, case.id, terms).id)
    assert (given.terms.with_interpreter, given.terms.with_witness) == (True, True)
    assert given.terms.notice == to_read_out("sq").notice
    assert (given.terms.jurisdiction, given.terms.witness, given.terms.paper) == (
        "AL",
        "Drita",
        "In the safe.",
    )


@pytest.mark.parametrize("suspect", [True, False])
def test_a_childs_consent_needs_its_assent_and_a_guardian_who_is_no_suspect(
    pair: Pair, *, suspect: bool
) -> None:
    shelter, mission = pair
    family: Record = {"family": {"guardian_is_suspect": suspect}}
    case: Case = shelter.open_case({**CHILD, **family})

    def reason(**changes: Any) -> str:
        with pytest.raises(RefusedError) as refused:
            act(shelter, consents.give_consent, case.id, terms_for(shelter, mission, **changes))
        return refused.value.reason

    assert reason() == "child-needs-guardian"
    by_guardian = {"from_whom": "guardian", "guardian": "Vera", "best_interests": "She needs a doctor."}
    if suspect:
        assert reason(**by_guardian) == "guardian-suspect"
        assert reason(from_whom="caregiver", guardian="Vera", assent="given") == "guardian-suspect"
        return
    with pytest.raises(InvalidError) as refused:
        act(shelter, consents.give_consent, case.id, terms_for(shelter, mission, **by_guardian))
    assert set(refused.value.faults) == {"assent"}
    unsaid = {"from_whom": "caregiver", "guardian": "Vera", "assent": "too-young"}
    with pytest.raises(InvalidError) as refused:
        act(shelter, consents.give_consent, case.id, terms_for(shelter, mission, **unsaid))
    assert set(refused.value.faults) == {"best_interests"}
    given = act(
        shelter, consents.give_consent, case.id, terms_for(shelter, mission, **by_guardian, assent="given")
    )
    assert (given.terms.is_child, given.terms.assent, given.terms.from_whom) == (True, "given", "guardian")
