"""Withdrawing: how long it takes until every recipient's withdrawal and cancellation is queued, durably."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.cases.service import open_case
from iars_node.clock import SetClock
from iars_node.consent import service as consents
from iars_node.consent.model import Recipient, Terms
from iars_node.db import EPOCH
from iars_node.peers import service as peers
from iars_node.referrals.model import Offering
from iars_node.referrals.service import send_referral
from iars_node.vault.identity import create_identity
from iars_node.withdrawals.service import withdraw
from iars_node.work import SYSTEM
from iars_protocol.keys import fingerprint
from tests.bench import people
from tests.bench.results import Aim
from tests.specimens import DAY, START, listing, node, signed_listing

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.consent.model import Consent
    from iars_node.work import Works
    from tests.bench.results import Results

RECIPIENTS = 1_000
AT_ONCE = 100
AIM = Aim(1)


def measure_withdrawal(results: Results, suite: str, name: str, works: Works, rounds: int) -> None:
    """Withdraw consents under each of which one person was referred to so many organisations."""
    moment = EPOCH + timedelta(seconds=START + DAY)
    works.clock = SetClock(moment)
    results.say(f"{suite}: {name}, {RECIPIENTS:,} recipients in {rounds} rounds")
    create_identity(
        works.vault, listing(names={"en": "Shelter"}, node=""), endpoints=["https://shelter"], now=moment
    )
    told = _know(works, RECIPIENTS)
    taken = []
    for number in range(rounds):
        given = _refer(works, told, number, moment)
        began = time.perf_counter()
        with works.write(SYSTEM) as work:
            notices = withdraw(work, [given.id])
        taken.append(time.perf_counter() - began)
        if len(notices) != RECIPIENTS or not all(notice.message for notice in notices):
            raise RuntimeError("not every recipient was told")
    results.add(suite, f"{name}: withdrawn, cancelled and queued to {RECIPIENTS:,}", taken, "s", AIM)


def _know(works: Works, recipients: int) -> list[bytes]:
    """Add organisations and verify them; return their nodes."""
    found = []
    for number in range(recipients):
        other = node(f"recipient {number}".replace(" ", "-"))
        with works.write(SYSTEM) as work:
            peers.add_peer(work, signed_listing(other).to_bytes())
            peers.verify_peer(work, other.id, fingerprint(other.id))
        found.append(other.id)
    return found


def _refer(works: Works, told: list[bytes], number: int, moment: datetime) -> Consent:
    """Refer one person to everybody under one consent."""
    with works.write(SYSTEM) as work:
        case = open_case(work, country="AL", record=people.record_of(number))
        terms = Terms(
            purposes=("assistance",),
            scopes=tuple(consents.default_scope(code) for code in ("services", "demographics", "identity")),
            recipients=(Recipient(organisation_type="NGO"),),
            expires=moment + timedelta(days=30),
            notice_language="ro",
            how_obtained="verbal",
        )
        given = consents.give_consent(work, case.id, terms)
    for start in range(0, len(told), AT_ONCE):
        with works.write(SYSTEM) as work:
            for peer in told[start : start + AT_ONCE]:
                send_referral(work, Offering(case.id, given.id, "MED-SCREEN", "urgent"), peer)
    return given
