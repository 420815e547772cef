"""One person's journey through four organisations, step by step, each in the name of an account."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_admin.demo import agreements, care
from iars_admin.demo.cast import CENTRE, LOCAL_NGO, MISSION, SHELTER
from iars_admin.demo.traveller import CALLED
from iars_node.cases import service as cases
from iars_node.consent import service as consents
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from iars_admin.demo.organisation import Organisation
    from iars_admin.demo.scene import Scene, Thread
    from iars_node.consent.model import Terms
    from iars_node.referrals.model import Referral
    from iars_node.work import Work
    from iars_protocol.record import Record


def play_journey(scene: Scene, case_id: str) -> None:
    """Play the whole journey of the person whose case the shelter holds."""
    screening = offer_screening(scene, case_id)
    answer_screening(scene, screening, case_id)
    handover = hand_over(scene, case_id)
    receive_in_moscow(scene, handover, case_id)
    follow_up = refer_onward(scene, handover)
    answer_follow_up(scene, follow_up)


def offer_screening(scene: Scene, case_id: str) -> Thread:
    """Ask for consent and offer the screening to the mission."""
    shelter, mission = scene.organisations[SHELTER.key], scene.organisations[MISSION.key]
    scene.teller.chapter("1. Medical screening in Tirana")
    consent_id = _ask(
        scene, shelter, case_id, agreements.for_screening(mission, _now(shelter)), "the mission"
    )
    offering = Offering(case_id, consent_id, "MED-SCREEN", "urgent")
    return _refer(scene, shelter, mission, offering, "Medical screening is asked for, within 72 hours.")


def answer_screening(scene: Scene, thread: Thread, case_id: str) -> None:
    """Accept, see her, and report back."""
    mission, shelter = thread.receiver, thread.sender
    _accept(
        scene, thread, f"{mission.part.worker_name}, accepts; the rest is disclosed by the shelter's node."
    )
    now = _now(mission)
    _step(
        scene, thread, "accepted", "The mission gives an appointment for the morning, and she comes.",
        lambda work: referrals.appoint(work, thread.id, "scheduled", now + timedelta(hours=18)),
        lambda work: referrals.appoint(work, thread.id, "attended", now + timedelta(hours=18)),
    )  # fmt: skip
    _step(
        scene, thread, "completed", "The screening is complete; she allowed the mission to tell the result.",
        lambda work: referrals.begin(work, thread.id),
        lambda work: referrals.complete(work, thread.id, texts=care.SCREENING_SAID),
    )  # fmt: skip
    scene.tell_learned(shelter, thread)
    _write(shelter, case_id, care.after_screening(now.date()), "screened")
    scene.teller.say("The shelter writes the result into its own file and moves the case on: screened.")


def hand_over(scene: Scene, case_id: str) -> Thread:
    """Ask again, for the return, and hand the case over to Moscow."""
    shelter, centre = scene.organisations[SHELTER.key], scene.organisations[CENTRE.key]
    scene.teller.chapter("2. Handover for the return")
    consent_id = _ask(scene, shelter, case_id, agreements.for_return(centre, _now(shelter)), "the centre")
    offering = Offering(case_id, consent_id, "ARR-RECEPTION", "normal", "handover")
    thread = _refer(scene, shelter, centre, offering, "Reception on arrival is asked for.")
    _accept(scene, thread, f"{centre.part.worker_name}, takes the case over; the centre is now responsible.")
    _write(shelter, case_id, {}, "departed")
    return thread


def receive_in_moscow(scene: Scene, thread: Thread, case_id: str) -> None:
    """Receive her, care for her, report back; the shelter closes its case."""
    centre, shelter = thread.receiver, thread.sender
    scene.teller.chapter("3. Reception and care in Moscow")
    now = _now(centre)
    _step(
        scene, thread, "in-progress", "She is met on arrival; a room is ready.",
        lambda work: referrals.begin(work, thread.id, "Met on arrival; a room is ready."),
    )  # fmt: skip
    _write(centre, _case_at(centre, thread), care.in_moscow(now.date()), "resettled")
    scene.teller.say(
        "The centre records its own findings: medical care, psychological support, her new number."
    )
    scene.teller.detail(
        "What it collected itself is its own; what came from the shelter stays marked as received."
    )
    _step(
        scene, thread, "completed", "Reception and care are complete; the centre reports it back.",
        lambda work: referrals.complete(work, thread.id, texts=care.RECEPTION_SAID),
    )  # fmt: skip
    scene.tell_learned(shelter, thread)
    with shelter.work() as work:
        cases.close_case(work, case_id, "handed-over")
    scene.teller.say("The shelter closes its case: handed over.")


def refer_onward(scene: Scene, handover: Thread) -> Thread:
    """Record the centre's own, narrower consent and refer her for follow-up near home."""
    centre, local = handover.receiver, scene.organisations[LOCAL_NGO.key]
    scene.teller.chapter("4. Follow-up near home, under a narrower consent")
    case_id = _case_at(centre, handover)
    consent_id = _ask(scene, centre, case_id, agreements.for_follow_up(local, _now(centre)), "the NGO")
    offering = Offering(case_id, consent_id, "FUP-PSY", "normal")
    thread = _refer(scene, centre, local, offering, "Psychological follow-up is asked for.")
    _accept(scene, thread, f"{local.part.worker_name}, accepts.")
    _write(centre, case_id, {}, "follow-up")
    return thread


def answer_follow_up(scene: Scene, thread: Thread) -> None:
    """Hold the talks and report back."""
    local, centre = thread.receiver, thread.sender
    now = _now(local)
    _step(
        scene, thread, "completed", "The talks are held; the NGO reports the follow-up back as complete.",
        lambda work: referrals.appoint(work, thread.id, "attended", now),
        lambda work: referrals.begin(work, thread.id),
        lambda work: referrals.complete(work, thread.id, texts=care.FOLLOW_UP_SAID),
    )  # fmt: skip
    scene.tell_learned(centre, thread)


def _now(organisation: Organisation) -> datetime:
    return organisation.node.clock.now()


def _ask(scene: Scene, holder: Organisation, case_id: str, terms: Terms, whom: str) -> str:
    with holder.work() as work:
        given = consents.give_consent(work, case_id, terms)
    how = "in writing" if terms.how_obtained == "written" else "in her own language, verbally"
    scene.teller.say(
        f"{CALLED} is asked by {holder.part.said} and agrees {how}: {len(terms.scopes)} of 11 scopes "
        f"to {whom}, until {terms.expires:%d %B %Y}."
    )
    return given.id


def _refer(
    scene: Scene, sender: Organisation, receiver: Organisation, offering: Offering, sentence: str
) -> Thread:
    with sender.work() as work:
        shown = referrals.preview(work, offering, peers.get(work, receiver.node_id))
        record = cases.snapshot(work, offering.case_id)
        sent = referrals.send_referral(work, offering, receiver.node_id)
    scene.teller.say(f"{sentence} {sender.part.said.capitalize()} offers it as {sent.reference}.")
    scene.tell_preview(shown, record)
    thread = scene.follow(sent, sender, receiver, shown, record)
    scene.wait(receiver, thread, "requested")
    scene.tell_letters(thread)
    scene.tell_learned(receiver, thread)
    return thread


def _accept(scene: Scene, thread: Thread, sentence: str) -> None:
    with thread.receiver.work() as work:
        referrals.accept(work, thread.id, training=True)
    scene.teller.say(sentence)
    scene.wait(thread.sender, thread, "accepted", is_disclosed=True)
    scene.wait(thread.receiver, thread, "accepted", is_disclosed=True)
    scene.tell_letters(thread)
    scene.tell_learned(thread.receiver, thread)
    scene.check_learned(thread)


def _step(
    scene: Scene, thread: Thread, state: str, sentence: str, *use_cases: Callable[[Work], Referral]
) -> None:
    for use_case in use_cases:
        with thread.receiver.work() as work:
            use_case(work)
    scene.teller.say(sentence)
    scene.wait(thread.sender, thread, state)
    scene.tell_letters(thread)


def _write(holder: Organisation, case_id: str, record: Record, stage: str) -> None:
    with holder.work() as work:
        cases.write_record(work, case_id, record, country=holder.part.country)
        cases.set_stage(work, case_id, stage)


def _case_at(organisation: Organisation, thread: Thread) -> str:
    with organisation.look() as work:
        return referrals.get(work, thread.id).case_id
