"""What can go wrong on the way, one thing at a time: each of them once lost, stuck or doubled something."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, func, select
from tests.conftest import PASSPHRASE
from tests.federation.neighbours import Wire, settle

from iars_node.audit import store as audit_store
from iars_node.audit.alarms import open_alarms
from iars_node.errors import InvalidError, RefusedError
from iars_node.exchange import messages, outbox
from iars_node.exchange.announcing import announce_listing
from iars_node.exchange.model import LEASE, Handler
from iars_node.exchange.reception import Reception
from iars_node.exchange.tables import message as message_table
from iars_node.exchange.tables import message_part
from iars_node.exchange.tables import outbox as outbox_table
from iars_node.exchange.transport import Transport
from iars_node.exchange.waiting import retry_now
from iars_node.node import build_node, message_handlers
from iars_node.referrals import service as referrals
from iars_node.referrals.tables import referral_step
from iars_node.vault.content_keys import find_keys
from iars_node.vault.identity import forget, identity_of, rotate_encryption_key
from iars_node.work import SYSTEM
from iars_protocol.messages.referral import Note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.exchange.model import Incoming
    from iars_node.work import Work

    Pair = tuple[Neighbour, Neighbour]

pytestmark = pytest.mark.parametrize("node_database_url", ["sqlite"], indirect=True)


class Line(Wire):
    """Also hands out listings, and may let the receiver's clock differ from the sender's."""

    def __init__(self, clock: SetClock) -> None:
        super().__init__()
        self.clock = clock
        self.ahead = timedelta(0)

    async def request(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Hand a request over at the receiver's time."""
        if method == "GET":
            node = next(node for name, node in self.nodes.items() if f"//{name}/" in url)
            return 200, identity_of(node.vault).signed_listing.to_bytes()
        self.clock.moment += self.ahead
        try:
            return await super().request(method, url, body, headers)
        finally:
            self.clock.moment -= self.ahead


@pytest.fixture
def wire(clock: SetClock) -> Line:
    """What carries requests between the neighbours of these tests."""
    return Line(clock)


def told(side: Neighbour) -> set[str]:
    """Return what the audit log tells, and which alarms are open."""
    with side.node.works.read(SYSTEM) as work:
        actions = {event.event.action for event in audit_store.every(work.connection)}
        return actions | {f"alarm {alarm.kind}" for alarm in open_alarms(work.connection)}


def waiting(side: Neighbour) -> dict[str, int]:
    """Return how many lines wait in each state."""
    with side.node.database.read() as connection:
        rows = connection.execute(
            select(outbox_table.c.state, func.count()).group_by(outbox_table.c.state)
        ).all()
    return {row.state: row[1] for row in rows}


async def refer(shelter: Neighbour, mission: Neighbour) -> str:
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)
    return sent.id


def write_note(side: Neighbour, referral_id: str, text: str = "a sentence") -> bytes:
    """Write a note; return its message's id."""
    side.act(referrals.write_note, referral_id, [("services", text)])
    with side.node.works.read(SYSTEM) as work:
        return messages.heads(work.connection, bytes.fromhex(referral_id))[side.id]


async def check_same(shelter: Neighbour, mission: Neighbour, *referral_ids: str) -> None:
    for each in referral_ids:
        assert referrals.differences(shelter.history(each), mission.history(each)) == []
    assert waiting(shelter) == waiting(mission) == {}


# -- answers and keys


LONG_ANSWER = bytes(range(256)) * 2000


class InPieces(BaseHTTPRequestHandler):
    """Answers slowly, a piece at a time."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(LONG_ANSWER)))
        self.end_headers()
        for start in range(0, len(LONG_ANSWER), 50_000):
            self.wfile.write(LONG_ANSWER[start : start + 50_000])
            self.wfile.flush()
            time.sleep(0.01)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.usefixtures("node_database_url")
async def test_an_answer_that_comes_in_pieces_is_read_to_its_end() -> None:
    with HTTPServer(("127.0.0.1", 0), InPieces) as server:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        transport = Transport()
        url = f"http://127.0.0.1:{server.server_port}"
        assert await transport.request("POST", url, b"", {}) == (200, LONG_ANSWER)
        await transport.close()
        await asyncio.to_thread(answering.join)


async def test_a_receipt_for_a_key_that_another_process_made_is_opened(pair: Pair) -> None:
    shelter, mission = pair
    referral_id = await refer(shelter, mission)
    other = build_node(shelter.node.settings, clock=shelter.node.clock, transport=shelter.node.transport)
    other.vault.unlock(PASSPHRASE)
    with other.works.write(SYSTEM) as work:
        rotate_encryption_key(other.vault, work.now, force=True)
        announce_listing(work)
    await other.sender.send_once(mission.id)
    other.close()
    write_note(shelter, referral_id)
    await settle(shelter, mission)
    await check_same(shelter, mission, referral_id)


async def test_a_peer_that_no_longer_holds_its_key_is_asked_for_its_listing(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    referral_id = await refer(shelter, mission)
    vault = mission.node.vault
    rotate_encryption_key(vault, clock.moment, force=True)
    vault.destroy_private_key(vault.private_keys("encryption")[0].key_id)
    forget(vault)
    write_note(shelter, referral_id)
    await settle(shelter, mission)
    assert "peer.listing-received" in told(shelter)
    clock.moment += timedelta(minutes=1)
    await settle(shelter, mission)
    await check_same(shelter, mission, referral_id)


async def test_nothing_is_signed_for_a_peer_whose_keys_are_past_their_time(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    clock.moment += timedelta(days=100)
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    with pytest.raises(RefusedError) as refusal:
        shelter.refer(case, given, mission)
    assert refusal.value.reason == "peer-expired"
    assert waiting(shelter) == {}


# -- clocks, locks, and who is heard of again


@pytest.mark.parametrize("minutes", [10, -10])
async def test_clocks_that_differ_lose_nothing_and_raise_an_alarm(
    pair: Pair, wire: Line, clock: SetClock, minutes: int
) -> None:
    shelter, mission = pair
    referral_id = await refer(shelter, mission)
    wire.ahead = timedelta(minutes=minutes)
    write_note(shelter, referral_id)
    await settle(shelter, mission)
    assert waiting(shelter) == {"pending": 1}
    assert "alarm clock.skewed" in told(shelter)
    assert "alarm exchange.unauthenticated" in told(mission)
    wire.ahead = timedelta(0)
    clock.moment += timedelta(minutes=1)
    await settle(shelter, mission)
    await check_same(shelter, mission, referral_id)


async def test_a_locked_peer_is_tried_again_within_a_minute(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    referral_id = await refer(shelter, mission)
    mission.node.vault.lock()
    write_note(shelter, referral_id)
    for _ in range(12):
        await shelter.send(mission)
        clock.moment += timedelta(minutes=1)
    mission.node.vault.unlock(PASSPHRASE)
    await shelter.send(mission)
    await check_same(shelter, mission, referral_id)


async def test_a_peer_that_writes_is_written_to_at_once(pair: Pair, wire: Line, clock: SetClock) -> None:
    shelter, mission = pair
    referral_id = await refer(shelter, mission)
    write_note(shelter, referral_id)
    wire.disturb = lambda _direction, _body: None
    for _ in range(9):
        clock.moment += timedelta(hours=1)
        await shelter.send(mission)
    wire.disturb = lambda _direction, body: body
    with shelter.node.works.read(SYSTEM) as work:
        assert outbox.due_peers(work.connection, work.now, "anybody") == []
    mission.act(referrals.accept, referral_id)
    await mission.send(shelter)
    with shelter.node.works.read(SYSTEM) as work:
        assert outbox.due_peers(work.connection, work.now, "anybody") == [mission.id]


# -- routes and lines


async def test_who_lost_a_route_stops_sending(pair: Pair, wire: Line, clock: SetClock) -> None:
    shelter, mission = pair
    referral_id = await refer(shelter, mission)
    write_note(shelter, referral_id)

    def taken_over(direction: str, body: bytes) -> bytes:
        if direction == "request":
            clock.moment += LEASE * 2
            with shelter.node.works.write(SYSTEM) as work:
                assert outbox.take_route(work, mission.id, "another worker", LEASE) is not None
        return body

    before = wire.requests
    wire.disturb = taken_over
    await shelter.send(mission)
    assert wire.requests == before + 1
    assert waiting(shelter) == {"pending": 1}
    wire.disturb = lambda _direction, body: body
    clock.moment += LEASE * 2
    await settle(shelter, mission)
    assert "exchange.duplicate" in told(mission)
    await check_same(shelter, mission, referral_id)


async def test_a_line_whose_content_was_erased_is_parked_and_told_and_the_others_go(pair: Pair) -> None:
    shelter, mission = pair
    first, second = await refer(shelter, mission), await refer(shelter, mission)
    write_note(shelter, first)
    write_note(shelter, second)
    with shelter.node.works.write(SYSTEM) as work:
        keys = find_keys(work.connection, "referral", first)
        work.vault.erase_content_keys([key.key_id for key in keys], at=work.now)
    await settle(shelter, mission)
    assert waiting(shelter) == {"parked": 1}
    assert {"exchange.parked", "alarm exchange.parked"} <= told(shelter)
    assert len(mission.history(second).chains[shelter.id.hex()]) == 2


async def test_what_no_envelope_could_hold_is_refused_before_it_is_signed(pair: Pair) -> None:
    shelter, mission = pair
    referral_id = await refer(shelter, mission)
    texts = [("services", "x" * 19_000)] * 45
    with pytest.raises(InvalidError):
        shelter.act(referrals.write_note, referral_id, texts)
    assert waiting(shelter) == {}


async def test_many_long_messages_go_in_several_requests(pair: Pair, wire: Line) -> None:
    shelter, mission = pair
    referral_id = await refer(shelter, mission)
    for number in range(16):
        texts = [("services", f"{number:02}{place:02}" + "x" * 18_000) for place in range(4)]
        shelter.act(referrals.write_note, referral_id, texts)
    sizes: list[int] = []

    def measured(direction: str, body: bytes) -> bytes:
        if direction == "request":
            sizes.append(len(body))
        return body

    wire.disturb = measured
    await shelter.send(mission)
    assert len(sizes) > 1
    assert max(sizes) <= shelter.node.settings.batch_bytes + 1000
    await check_same(shelter, mission, referral_id)


async def test_a_thread_that_a_peer_has_lost_in_part_is_sent_again_from_its_beginning(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    referral_id = await refer(shelter, mission)
    lost = write_note(shelter, referral_id, "lost")
    await settle(shelter, mission)
    with mission.node.works.write(SYSTEM) as work:
        offer = mission.history(referral_id).chains[shelter.id.hex()][0]
        work.connection.execute(delete(message_part).where(message_part.c.message == lost))
        work.connection.execute(delete(message_table).where(message_table.c.id == lost))
        work.connection.execute(delete(referral_step).where(referral_step.c.message == lost.hex()))
        messages.set_head(work, bytes.fromhex(referral_id), shelter.id, bytes.fromhex(offer))
    for text in ("second", "third"):
        write_note(shelter, referral_id, text)
    await settle(shelter, mission)
    clock.moment += timedelta(minutes=1)
    await settle(shelter, mission)
    assert {"exchange.gap"} <= told(shelter)
    await check_same(shelter, mission, referral_id)


# -- what a message meets at the other side


async def test_a_disclosure_that_crosses_the_completion_counts(pair: Pair) -> None:
    shelter, mission = pair
    referral_id = await refer(shelter, mission)
    mission.act(referrals.accept, referral_id)
    await mission.send(shelter)
    mission.act(referrals.begin, referral_id)
    mission.act(referrals.complete, referral_id)
    await shelter.send(mission)
    await settle(shelter, mission)
    seen = mission.referral(referral_id)
    assert (seen.state, seen.is_disclosed, shelter.referral(referral_id).problem) == ("completed", True, "")
    await check_same(shelter, mission, referral_id)


def _break(_work: Work, _incoming: Incoming) -> None:
    raise RuntimeError("a fault in the program")


async def test_a_message_that_breaks_the_program_stops_no_other(
    pair: Pair, wire: Line, clock: SetClock
) -> None:
    shelter, mission = pair
    first, second = await refer(shelter, mission), await refer(shelter, mission)
    node = mission.node
    handlers = message_handlers()
    broken = {**handlers, Note.type: Handler(apply=_break, part_keys=handlers[Note.type].part_keys)}
    faulty = replace(node, reception=Reception(node.works, broken, largest_envelope=2**20))
    wire.nodes["mission"] = faulty
    write_note(shelter, first)
    shelter.act(referrals.cancel, second, "person-declined")
    for _ in range(6):
        await shelter.send(mission)
        clock.moment += timedelta(minutes=1)
    assert mission.referral(second).state == "cancelled"
    assert waiting(shelter) == {"parked": 1}
    assert "alarm exchange.parked" in told(shelter)
    assert "alarm exchange.refused" in told(mission)
    wire.nodes["mission"] = node
    with shelter.node.works.write(SYSTEM) as work:
        retry_now(work, mission.id)
    await settle(shelter, mission)
    await check_same(shelter, mission, first, second)


async def test_an_offer_that_arrives_too_late_is_refused_and_its_sender_told(
    pair: Pair, wire: Line, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    wire.disturb = lambda _direction, _body: None
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission, priority="emergency")
    await settle(shelter, mission)
    clock.moment += timedelta(hours=25)
    shelter.run_jobs()
    assert shelter.referral(sent.id).state == "expired"
    wire.disturb = lambda _direction, body: body
    await settle(shelter, mission)
    assert (shelter.referral(sent.id).state, shelter.referral(sent.id).problem) == ("draft", "expired")
    assert {"exchange.receipt-refused", "alarm exchange.refused"} <= told(shelter)
    assert waiting(shelter) == {}
