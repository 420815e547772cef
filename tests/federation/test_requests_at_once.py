"""Requests that come while others are taken in: applied in groups, each answered with what is its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.federation.neighbours import Wire, settle

from iars_node.errors import UnauthenticatedError
from iars_node.exchange import reception
from iars_node.exchange.sending import Sender, Sending
from iars_node.exchange.transport import UnreachableError
from iars_node.referrals import service as referrals
from iars_node.vault.identity import identity_of
from iars_protocol.batch import read_answers
from iars_protocol.envelope import open_envelope, read_outer
from iars_protocol.receipt import read_signed_receipt, verify_receipt

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest
    from tests.federation.neighbours import Neighbour

    Pair = tuple[Neighbour, Neighbour]

COUNT = 12
TWO_REQUESTS = 4_000


class Recorder(Wire):
    """Keeps what would have been sent, and sends nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[dict[str, str], bytes]] = []

    async def request(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Keep a request."""
        del method, url
        self.kept.append(({name.lower(): value for name, value in headers.items()}, body))
        raise UnreachableError("connection")


async def recorded(
    shelter: Neighbour, mission: Neighbour
) -> tuple[list[str], list[tuple[dict[str, str], bytes]]]:
    """Return the ids of several offers, and a request for each as the shelter would send it."""
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = [shelter.refer(case, given, mission).id for _ in range(COUNT)]
    line = Recorder()
    sender = Sender(shelter.node.works, line, Sending(batch=1, in_flight=COUNT))
    await sender.send_once(mission.id)
    sender.close()
    assert len(line.kept) == COUNT
    return sent, line.kept


def message_answered(shelter: Neighbour, mission: Neighbour, answer: bytes) -> bytes:
    """Return the message that an answer's receipt says is applied, the receipt verified."""
    own = identity_of(shelter.node.vault)
    (only,) = read_answers(answer, 1)
    outer = read_outer(only.receipt)
    signed = read_signed_receipt(open_envelope(outer, own.node_id, own.encryption[outer.sealing_key]))
    message = signed.receipt.message
    issuer = identity_of(mission.node.vault).history
    assert verify_receipt(signed, issuer, message=message, at=signed.receipt.at).outcome == "applied"
    return message


async def test_requests_that_wait_are_applied_together_and_each_gets_its_own_answer(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, mission = pair
    monkeypatch.setattr(reception, "LARGEST_GROUP", TWO_REQUESTS)
    sent, requests = await recorded(shelter, mission)
    headers, body = requests[0]
    altered = body[:-1] + bytes([body[-1] ^ 1])
    hostile = [({}, body), (headers, altered), (headers, b"\xff")]
    answers = await asyncio.gather(
        *(mission.node.reception.receive(*request) for request in [*requests[:4], *hostile, *requests[4:]]),
        return_exceptions=True,
    )
    refused, sound = answers[4:7], answers[:4] + answers[7:]
    assert [type(each) for each in refused[:2]] == [UnauthenticatedError] * 2
    assert getattr(refused[2], "code", "") == "invalid"
    answered = [message_answered(shelter, mission, each) for each in sound if isinstance(each, bytes)]
    assert len(set(answered)) == len(requests)
    # What was sent again is answered as before, and the two sides hold the same history.
    again = await asyncio.gather(*(mission.node.reception.receive(*request) for request in requests))
    assert [message_answered(shelter, mission, each) for each in again] == answered
    await settle(shelter, mission)
    for each in sent:
        assert referrals.differences(shelter.history(each), mission.history(each)) == []
