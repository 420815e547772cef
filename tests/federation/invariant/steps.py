"""What people do in a history, and what happens to machines: one function a step, told in a few words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.federation.invariant.history import (
    OPEN,
    PURPOSES,
    SHAREABLE,
    has_referrals,
    own_cases,
    referrals_of,
    running_consents,
    terms,
)
from tests.federation.invariant.nodes import NAMES
from tests.federation.neighbours import PERSON
from tests.federation.uploads import attach

from iars_node.cases import service as cases
from iars_node.consent import changing, exceptions
from iars_node.consent import service as consents
from iars_node.consent.exception import NewException
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.model import Part
from iars_node.work import SYSTEM, Actor
from iars_protocol.consent import ScopeGrant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.federation.invariant.history import History

    from iars_node.cases.model import Case

WORKER = Actor("account", "a" * 32, frozenset({"case-worker"}))
SUPERVISOR = Actor("account", "b" * 32, frozenset({"supervisor"}))


# -- people at the origin


def refer(history: History) -> str:
    dice = history.dice
    sender = history.somebody()
    receiver, third = history.somebody(sender), history.somebody(sender)
    case = _some_case(history, sender)
    paper = (attach(history.side(sender), case, b"a scan", scope="medical"),) if dice.chance(30) else ()
    with history.side(sender).node.works.write(SYSTEM) as work:
        given = consents.give_consent(work, case.id, terms(history, work, receiver, third))
        service = dice.one([code for code, purpose in PURPOSES.items() if purpose in given.terms.purposes])
        shared = [scope.code for scope in given.terms.scopes]
        offering = Offering(
            case.id, given.id, service, dice.one(("urgent", "normal")),
            kind=dice.one((*("service",) * 6, "handover")),
            attachments=paper if "medical" in shared else (),
        )  # fmt: skip
        sent = referrals.send_referral(work, offering, history.side(receiver).id)
    what = f"{offering.service}, {', '.join(shared)}, {offering.kind}"
    return f"{sender} refers {sent.id[:6]} to {receiver}: {what}"


def _some_case(history: History, name: str) -> Case:
    with history.side(name).node.works.write(SYSTEM) as work:
        known = own_cases(work)
        if known and history.dice.chance(50):
            return cases.case_head(work, history.dice.one(known))
        return cases.open_case(work, country="AL", record=PERSON)


def refer_again(history: History) -> str:
    sender = history.somebody()
    with history.side(sender).node.works.write(SYSTEM) as work:
        given = consents.get(work, history.one(running_consents(work)))
        named = [each.node for each in given.terms.recipients if each.node]
        receiver = history.dice.one(named)
        service = history.dice.one(list(PURPOSES))
        sent = referrals.send_referral(
            work, Offering(given.case_id, given.id, service, "urgent"), bytes.fromhex(receiver)
        )
    name = history.nodes.name_of(bytes.fromhex(receiver))
    return f"{sender} refers {sent.id[:6]} to {name} under {given.id[:6]} again: {service}"


def tell_more(history: History) -> str:
    sender = history.somebody()
    with history.side(sender).node.works.write(SYSTEM) as work:
        row = history.one(referrals_of(work, "out", *OPEN))
        what = history.dice.one(("amend", "note", "note", "cancel"))
        if what == "amend":
            cases.write_scope(
                work,
                row.case_id,
                "medical",
                {"conditions": [f"asthma {history.dice.below(1000)}"]},
                country="AL",
            )
            referrals.amend(work, row.id)
        elif what == "note":
            referrals.write_note(work, row.id, [(history.dice.one(("services", *SHAREABLE)), "more of it")])
        else:
            referrals.cancel(work, row.id, "referred-elsewhere")
    return f"{sender}: {what} on {row.id[:6]}"


def withdraw(history: History) -> str:
    sender = history.somebody()
    dice = history.dice
    with history.side(sender).node.works.write(SYSTEM) as work:
        given = consents.get(work, history.one(running_consents(work)))
        part = dice.one(
            (
                Part(),
                Part(),
                Part(scopes=history.some(SHAREABLE)),
                Part(purposes=(dice.one(given.terms.purposes),)),
                Part(recipients=(dice.one([each.node for each in given.terms.recipients if each.node]),)),
            )
        )
        withdrawals.withdraw(work, [given.id], part, by=dice.one(("person", "person", "other")))
    named = [
        *part.scopes,
        *part.purposes,
        *(history.nodes.name_of(bytes.fromhex(node)) for node in part.recipients),
    ]
    return f"{sender}: {given.id[:6]} is withdrawn: {', '.join(named) or 'whole'}"


def change_consent(history: History) -> str:
    sender = history.somebody()
    with history.side(sender).node.works.write(SYSTEM) as work:
        given = consents.get(work, history.one(running_consents(work)))
        what = history.dice.one(("renew", "narrow", "invalidate"))
        if what == "renew":
            longer = work.now + timedelta(days=history.dice.one((2, 20)))
            changing.renew_consent(work, given.id, replace(given.terms, expires=longer))
        elif what == "narrow":
            left = tuple(
                scope for scope in given.terms.scopes if scope.code == "services" or history.dice.chance(50)
            )
            told = tuple(code for code in given.terms.feedback if history.dice.chance(50))
            onward = given.terms.is_onward_allowed and history.dice.chance(70)
            # The first named has received something in most cases; who is left out may be reached by others.
            named = given.terms.recipients[: history.dice.one((1, len(given.terms.recipients)))]
            narrower = replace(
                given.terms, scopes=left, is_onward_allowed=onward, recipients=named, feedback=told
            )
            changing.narrow_consent(work, given.id, narrower)
        else:
            changing.invalidate_consent(work, given.id, "not-free")
    return f"{sender}: {what} {given.id[:6]}"


def disclose_without_consent(history: History) -> str:
    sender = history.somebody()
    receiver = history.somebody(sender)
    with history.side(sender).node.works.write(WORKER) as work:
        case = cases.open_case(work, country="AL", record=PERSON)
        kept = exceptions.record_exception(
            work,
            case.id,
            NewException(
                "vital-interest",
                history.side(receiver).id.hex(),
                ("assistance",),
                (
                    consents.default_scope("services"),
                    ScopeGrant("medical", history.dice.one(("offer", "acceptance")), (), ("conditions",)),
                ),
                work.now + timedelta(days=history.dice.one((2, 7))),
                work.now + timedelta(days=1),
                "She is unconscious.",
                is_emergency=True,
            ),
        )
        sent = referrals.send_referral(
            work, Offering(case.id, kept.id, "MED-SCREEN", "emergency"), history.side(receiver).id
        )
    return f"{sender} sends {sent.id[:6]} to {receiver} in an emergency, without consent"


def decide(history: History) -> str:
    sender = history.somebody()
    with history.side(sender).node.works.write(SUPERVISOR) as work:
        found = history.one(exceptions.awaiting_approval(work, 9))
        what = history.dice.one(("approve", "refuse"))
        decided = exceptions.approve_exception if what == "approve" else exceptions.refuse_exception
        decided(work, found.id)
    return f"{sender}: {what} exception {found.id[:6]}"


# -- people at the recipient


def answer(history: History) -> str:
    receiver = history.one([name for name in NAMES if has_referrals(history, name, "requested")])
    with history.side(receiver).node.works.write(SYSTEM) as work:
        row = history.one(referrals_of(work, "in", "requested"))
        if history.dice.chance(20):
            referrals.reject(work, row.id, "no-capacity")
            return f"{receiver} rejects {row.id[:6]}"
        referrals.accept(work, row.id)
    return f"{receiver} accepts {row.id[:6]}"


def care(history: History) -> str:
    receiver = history.somebody()
    with history.side(receiver).node.works.write(SYSTEM) as work:
        row = history.one(referrals_of(work, "in", "accepted", "in-progress"))
        what = history.dice.one(("begin", "complete", "note", "own words", "own note", "cancel"))
        if what == "begin":
            referrals.begin(work, row.id, texts=[("services", "she has arrived")])
        elif what == "complete":
            referrals.complete(work, row.id)
        elif what == "note":
            referrals.write_note(work, row.id, [("medical", "screened today")])
        elif what == "own words":
            cases.write_scope(work, row.case_id, "medical", {"conditions": ["seen here"]}, country="RU")
        elif what == "own note":
            cases.add_note(work, row.case_id, "medical", "seen here")
        else:
            referrals.cancel(work, row.id, "no-longer-needed")
    return f"{receiver}: {what} on {row.id[:6]}"


def retain(history: History) -> str:
    receiver = history.somebody()
    with history.side(receiver).node.works.write(SYSTEM) as work:
        held = history.one([one for one in withdrawals.list_endings(work) if one.scopes and one.case_id])
        scope = history.dice.one(held.scopes)
        days = history.dice.one((1, 1, 60))
        withdrawals.retain(work, held.ending.id, [scope], "legal-claim", work.now + timedelta(days=days))
    return f"{receiver} keeps {scope} of {held.ending.grant_id[:6]} on a ground for {days} days"


def merge(history: History) -> str:
    name = history.somebody()
    with history.side(name).node.works.write(SYSTEM) as work:
        rows = [row for row in referrals_of(work, "in", *OPEN, "completed") if row.case_id]
        heads = [cases.case_head(work, row.case_id) for row in rows] + [
            cases.case_head(work, case) for case in own_cases(work)
        ]
        people = list(dict.fromkeys(head.person_id for head in heads))
        one, other = history.dice.shuffled(people)[:2] if len(people) > 1 else history.one([])
        cases.merge_persons(work, one, other)
    return f"{name} finds that two are one person"


# -- machines and time


def cut_off(history: History) -> str:
    name = history.somebody()
    history.nodes.away.add(name)
    return f"{name} is cut off"


def come_back(history: History) -> str:
    name = history.one(sorted(history.nodes.away))
    history.nodes.away.discard(name)
    return f"{name} is back"


def restart(history: History) -> str:
    name = history.somebody()
    history.nodes.restart(name)
    return f"{name} restarts"


def back_up(history: History) -> str:
    name = history.somebody()
    history.nodes.back_up(name)
    return f"{name} is backed up"


def restore(history: History) -> str:
    name = history.one(sorted(history.nodes.images))
    history.nodes.restore(name)
    return f"{name} is restored"


def let_time_pass(history: History) -> str:
    hours = history.dice.one((0.8, 0.8, 2, 5, 26, 80))
    history.nodes.clock.moment += timedelta(hours=hours)
    return f"{hours} hours pass"


def look_at_clock(history: History) -> str:
    name = history.somebody()
    history.nodes.clocks[name].wrong = timedelta(0)
    history.nodes.confirm_clock(name)
    return f"{name}'s administrator puts the clock right"


def set_clock_wrong(history: History) -> str:
    name = history.somebody()
    hours = history.dice.one((-30, -2, 3, 50, 800))
    history.nodes.clocks[name].wrong = timedelta(hours=hours)
    return f"{name}'s clock is {hours} hours wrong"


def work_off(history: History) -> str:
    name = history.somebody()
    history.nodes.work_off(name)
    return f"{name} does what is due"


STEPS: Mapping[Callable[[History], str], int] = {
    refer: 20,
    refer_again: 6,
    answer: 30,
    tell_more: 8,
    care: 8,
    withdraw: 14,
    change_consent: 6,
    disclose_without_consent: 3,
    decide: 3,
    retain: 5,
    merge: 2,
    cut_off: 4,
    come_back: 3,
    restart: 1,
    back_up: 4,
    restore: 3,
    let_time_pass: 10,
    look_at_clock: 3,
    set_clock_wrong: 2,
    work_off: 10,
}
"""Each kind of step, and how often it is drawn."""
