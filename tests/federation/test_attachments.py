"""Attachments between nodes: from a case on one side to the same person's case on the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.neighbours import settle
from tests.federation.uploads import (
    SCAN,
    UploadWire,
    actions,
    attach,
    kinds_of_alarms,
    open_job,
    read,
    refer_with,
    stored,
    upload_all,
)

from iars_node.attachments.intake import Intake, Limits
from iars_node.attachments.uploading import Uploader
from iars_node.errors import ConflictError, LockedError
from iars_node.exchange import hop
from iars_node.exchange.uploads import LARGEST_PIECE, OCTETS, OFFSET, path_of
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.vault.identity import identity_of
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx2
    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock

    Pair = tuple[Neighbour, Neighbour]


@pytest.fixture
def wire() -> UploadWire:
    return UploadWire()


async def patch(wire: UploadWire, way: Pair, digest: bytes, offset: int, piece: bytes) -> httpx2.Response:
    """Send a piece as a peer's own software might, right or wrong."""
    sender, receiver = way
    path = path_of(digest)
    headers = hop.sign_request(
        identity_of(sender.node.vault).hop,
        method="PATCH",
        path=path,
        body=piece,
        recipient=receiver.id,
        now=sender.node.clock.now(),
        also={OFFSET: str(offset)},
    )
    return await wire.call("PATCH", _url(receiver, path), piece, headers | {"Content-Type": OCTETS})


def _url(receiver: Neighbour, path: str) -> str:
    return f"{identity_of(receiver.node.vault).history.endpoints[0]}{path}"


async def test_an_attachment_follows_the_disclosure_and_is_readable(pair: Pair, wire: UploadWire) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    sent = await refer_with(shelter, mission, case, scan)
    assert open_job(shelter, sent.id, scan) is not None
    with pytest.raises(ConflictError):
        stored(mission, scan)

    assert await upload_all(shelter) == 1
    assert read(mission, scan) == SCAN
    assert stored(mission, scan).source == sent.grant_id
    assert open_job(shelter, sent.id, scan) is None
    assert len(wire.pieces) > 1
    assert "attachment.sent" in actions(shelter)
    assert "attachment.received" in actions(mission)


async def test_nothing_is_uploaded_before_acceptance(pair: Pair, wire: UploadWire) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    shelter.refer(case, shelter.give_consent(case, mission), mission, attachments=(scan,))
    await settle(shelter, mission)
    assert await upload_all(shelter) == 0
    assert wire.pieces == []


async def test_what_an_offer_named_arrives_once_after_the_disclosure_named_it_again(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    note = attach(shelter, case, b"needs a ground floor", scope="services")
    await refer_with(shelter, mission, case, note)
    assert await upload_all(shelter) == 1
    assert read(mission, note) == b"needs a ground floor"


async def test_an_upload_goes_on_where_the_line_was_cut(
    pair: Pair, wire: UploadWire, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    await refer_with(shelter, mission, case, scan)
    wire.disturb_piece = lambda piece: piece if sum(wire.pieces) < 1_000_000 else None
    await upload_all(shelter)
    arrived = sum(wire.pieces)
    assert 1_000_000 <= arrived < len(SCAN)

    wire.disturb_piece = lambda piece: piece
    wire.pieces.clear()
    clock.moment += timedelta(minutes=2)
    assert await upload_all(shelter) == 1
    assert read(mission, scan) == SCAN
    assert sum(wire.pieces) == stored(mission, scan).size - arrived


async def test_an_answer_that_is_lost_costs_no_second_upload(
    pair: Pair, wire: UploadWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    await refer_with(shelter, mission, case, scan)
    honest = wire.request
    lost: list[tuple[int, bytes]] = []

    async def forgetful(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        answer = await honest(method, url, body, headers)
        if method == "PATCH" and not lost:
            lost.append(answer)
            return 504, b""
        return answer

    monkeypatch.setattr(wire, "request", forgetful)
    assert await upload_all(shelter) == 1
    assert read(mission, scan) == SCAN
    assert sum(wire.pieces) == stored(mission, scan).size


async def test_a_receiver_that_is_away_is_tried_again_for_days(
    pair: Pair, wire: UploadWire, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    await refer_with(shelter, mission, case, scan)
    away = wire.nodes.pop("mission")
    for _ in range(20):
        assert await upload_all(shelter) == 1
        clock.moment += timedelta(hours=2)
    wire.nodes["mission"] = away
    assert await upload_all(shelter) == 1
    assert read(mission, scan) == SCAN


async def test_a_receiver_that_stopped_before_its_verdict_gives_it_when_asked(
    pair: Pair, wire: UploadWire, monkeypatch: pytest.MonkeyPatch, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    await refer_with(shelter, mission, case, scan)

    async def stopped(*_arguments: object) -> None:
        raise LockedError("stopped here")

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "_verify", stopped)
        await upload_all(shelter)
    with pytest.raises(ConflictError):
        stored(mission, scan)
    wire.pieces.clear()
    clock.moment += timedelta(minutes=2)
    assert await upload_all(shelter) == 1
    assert read(mission, scan) == SCAN
    assert wire.pieces == []


async def test_a_piece_that_was_altered_on_its_way_is_not_kept(
    pair: Pair, wire: UploadWire, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    await refer_with(shelter, mission, case, scan)
    wire.disturb_piece = lambda piece: piece[:-1] + bytes([piece[-1] ^ 1])
    assert await upload_all(shelter) == 1
    with pytest.raises(ConflictError):
        stored(mission, scan)
    wire.disturb_piece = lambda piece: piece
    clock.moment += timedelta(minutes=2)
    await upload_all(shelter)
    assert read(mission, scan) == SCAN


async def test_other_bytes_than_announced_are_refused_and_leave_nothing(pair: Pair, wire: UploadWire) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    sent = await refer_with(shelter, mission, case, scan)
    own = stored(shelter, scan)
    shelter.node.folder.path(own.file).write_bytes(bytes(own.size))
    assert await upload_all(shelter) == 1
    assert [path for path in mission.node.folder.root.rglob("*") if path.is_file()] == []
    assert "attachment.refused" in actions(mission)
    assert "attachment.refused" in kinds_of_alarms(mission)
    # The sender's people are told: no further try can mend it.
    assert "job.parked" in kinds_of_alarms(shelter)
    assert open_job(shelter, sent.id, scan) is None
    assert (await wire.head(*_ask(shelter, mission, own.digest)))[0] == 410


def _ask(sender: Neighbour, receiver: Neighbour, digest: bytes) -> tuple[str, dict[str, str]]:
    path = path_of(digest)
    headers = hop.sign_request(
        identity_of(sender.node.vault).hop,
        method="HEAD",
        path=path,
        body=b"",
        recipient=receiver.id,
        now=sender.node.clock.now(),
    )
    return _url(receiver, path), headers


async def test_only_the_peer_that_announced_it_may_ask_or_upload(
    neighbours: Callable[..., list[Neighbour]], wire: UploadWire
) -> None:
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    await refer_with(shelter, mission, case, scan)
    digest = stored(shelter, scan).digest
    assert (await wire.head(*_ask(clinic, mission, digest)))[0] == 404
    assert (await patch(wire, (clinic, mission), digest, 0, b"first")).status_code == 404
    assert (await patch(wire, (shelter, mission), bytes(32), 0, b"first")).status_code == 404
    status, headers = await wire.head(*_ask(shelter, mission, digest))
    assert (status, headers["upload-offset"]) == (200, "0")


async def test_a_stranger_a_blocked_peer_and_an_unsigned_offset_are_turned_away(
    pair: Pair, wire: UploadWire
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    await refer_with(shelter, mission, case, scan)
    digest = stored(shelter, scan).digest
    url, headers = _ask(shelter, mission, digest)
    assert (await wire.call("HEAD", url, b"", {})).status_code == 401
    # The signature of a HEAD covers no offset and another method.
    moved = headers | {OFFSET: "0", "Content-Type": OCTETS}
    assert (await wire.call("PATCH", url, b"", moved)).status_code == 401
    with mission.node.works.write(SYSTEM) as work:
        peers.block_peer(work, shelter.id)
    assert (await wire.head(url, headers))[0] == 401


async def test_pieces_of_another_form_are_refused(pair: Pair, wire: UploadWire) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    await refer_with(shelter, mission, case, scan)
    own = stored(shelter, scan)
    assert (await patch(wire, pair, own.digest, 5, b"x")).status_code == 409
    assert (await patch(wire, pair, own.digest, 0, bytes(LARGEST_PIECE + 1))).status_code == 413
    url, _ = _ask(shelter, mission, own.digest)
    assert (await wire.call("PATCH", url, b"x", {"Content-Type": OCTETS})).status_code == 422
    assert (await wire.call("PATCH", url, b"x", {OFFSET: "0"})).status_code == 422
    assert (await wire.call("HEAD", url[:-2] + "zz", b"", {})).status_code == 404


async def test_a_peer_that_fills_its_share_is_stopped_and_an_administrator_told(
    pair: Pair, wire: UploadWire
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    small, large = attach(shelter, case, b"small"), attach(shelter, case, SCAN)
    await refer_with(shelter, mission, case, small, large)
    node = mission.node
    for limits in (Limits(2**40, 100_000, 2**40), Limits(2**40, 2**40, 100_000)):
        intake = Intake(node.works, node.reception, node.folder, limits)
        wire.nodes["mission"] = replace(node, intake=intake)
        await upload_all(shelter)
        with pytest.raises(ConflictError):
            stored(mission, large)
    assert read(mission, small) == b"small"
    assert "attachment.quota" in kinds_of_alarms(mission)


async def test_an_attachment_beyond_the_limit_is_not_taken(pair: Pair, wire: UploadWire) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    await refer_with(shelter, mission, case, scan)
    node = mission.node
    intake = Intake(node.works, node.reception, node.folder, Limits(1_000_000, 2**40, 2**40))
    wire.nodes["mission"] = replace(node, intake=intake)
    await upload_all(shelter)
    assert "job.parked" in kinds_of_alarms(shelter)


async def test_a_locked_node_takes_and_sends_nothing_and_loses_no_try(
    pair: Pair, wire: UploadWire, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    sent = await refer_with(shelter, mission, case, scan)
    mission.node.vault.lock()
    assert await upload_all(shelter) == 1
    job = open_job(shelter, sent.id, scan)
    assert job is not None
    assert job.last_error == "http-503"
    shelter.node.vault.lock()
    clock.moment += timedelta(hours=1)
    assert await upload_all(shelter) == 0
    assert wire.pieces == []


async def test_an_upload_that_another_process_took_over_is_left_to_it(
    pair: Pair, wire: UploadWire, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    scan = attach(shelter, case, SCAN)
    await refer_with(shelter, mission, case, scan)
    node = shelter.node
    other = Uploader(node.works, wire, node.folder, referrals.may_send_attachments)
    taken: list[bool] = []

    async def second(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if not taken:
            taken.append(True)
            clock.moment += timedelta(minutes=3)
            if node.database.is_sqlite:
                assert await other.send_next()
        return await UploadWire.request(wire, method, url, body, headers)

    wire.request = second  # type: ignore[method-assign]  # a wire on which time passes
    await upload_all(shelter)
    assert read(mission, scan) == SCAN
