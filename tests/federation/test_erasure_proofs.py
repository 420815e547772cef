"""A statement of erasure is followed by the proof that it stands in its author's log."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.federation.endings import asked, pass_time, refer_and_accept, withdraw
from tests.federation.neighbours import settle
from tests.federation.witnessing import show, sign

from iars_node.exchange import messages
from iars_node.exchange.model import Draft
from iars_node.exchange.outbox import queue
from iars_node.peers.service import get as get_peer
from iars_node.withdrawals import service as withdrawals
from iars_node.witness.verifying import verify_file
from iars_node.work import SYSTEM
from iars_protocol.bundle import read_bundle
from iars_protocol.content import Content
from iars_protocol.messages.proof import ErasureProof

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent
    from iars_node.withdrawals.service import Proved

    Pair = tuple[Neighbour, Neighbour]

HOLD = timedelta(hours=49)
HOUR = timedelta(hours=1)


async def be_told(shelter: Neighbour, mission: Neighbour, clock: SetClock) -> Consent:
    """Withdraw, and let the recipient destroy and report."""
    _sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    pass_time(clock, HOLD, shelter, mission)
    await settle(shelter, mission)
    assert len(asked(shelter, given)[0].reports) == 1
    return given


def proofs(side: Neighbour, given: Consent) -> list[Proved]:
    return [proved for one in asked(side, given) for proved in one.proofs.values()]


async def say(side: Neighbour, to: Neighbour, body: ErasureProof) -> str | None:
    with side.node.works.write(SYSTEM) as work:
        keys = ((messages.own_key(work),),)
        expires = work.now + timedelta(days=1)
        draft = Draft(get_peer(work, to.id), secrets.token_bytes(16), Content(body), keys, expires)
        said = queue(work, draft)
    await settle(side, to)
    with side.node.works.read(SYSTEM) as work:
        receipt = messages.stored_receipt(work.connection, said.id)
    return None if receipt is None else receipt.receipt.code


async def test_a_report_is_proved_under_a_head_that_a_witness_cosigned(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    given = await be_told(shelter, mission, clock)
    pass_time(clock, HOUR, shelter, mission)
    await settle(shelter, mission)
    # No head covers it yet.
    assert proofs(shelter, given) == []
    sign(mission)
    assert show(mission, now=True) == 1
    await settle(shelter, mission)
    pass_time(clock, HOUR, shelter, mission)
    await settle(shelter, mission)
    (proved,) = proofs(shelter, given)
    assert mission.id.hex() in proved.origin
    assert proved.position < proved.size
    assert proved.witnesses == (shelter.id,)

    # Whoever has the file needs nothing else.
    (one,) = asked(shelter, given)
    with shelter.node.works.read(SYSTEM) as work:
        bundle = read_bundle(withdrawals.proof_lines(work, one.reports[0], proved))
    verified = verify_file(bundle)
    assert verified.is_sound
    assert (verified.node, verified.events) == (mission.id.hex(), 1)


async def test_without_a_witness_the_proof_comes_days_later_under_the_logs_name_alone(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    given = await be_told(shelter, mission, clock)
    sign(mission)
    # The other's answer is what makes a witness of it: cut off, it cosigns nothing.
    for _ in range(2):
        pass_time(clock, HOUR, mission)
    assert proofs(shelter, given) == []
    pass_time(clock, timedelta(days=3), mission)
    await settle(shelter, mission)
    (proved,) = proofs(shelter, given)
    assert proved.witnesses == ()


async def test_what_proves_nothing_is_refused_and_not_kept(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    given = await be_told(shelter, mission, clock)
    report = asked(shelter, given)[0].reports[0]
    nothing = ErasureProof(report.message, 0, b"note")
    assert await say(mission, shelter, nothing) == "malformed"
    assert await say(mission, shelter, replace(nothing, report=bytes(32))) == "not-yours"
    assert proofs(shelter, given) == []
    # Of a log that is not its own nobody proves anything either.
    sign(shelter)
    show(shelter, now=True)
    await settle(shelter, mission)
    sign(mission)
    show(mission, now=True)
    await settle(shelter, mission)
    pass_time(clock, HOUR, mission)
    await settle(shelter, mission)
    (proved,) = proofs(shelter, given)
    moved = ErasureProof(report.message, proved.position + 1, proved.note, proved.proof)
    assert await say(mission, shelter, moved) == "proof"
    assert proofs(shelter, given) == [proved]
