"""The stream that tells an open list of changes: one word, to few enough, on every replica."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.pages import Reader, World

from iars_node.drafts.progress import Step
from iars_node.referrals import service as referrals
from iars_node.web.live import BEGIN, COME_BACK, MOST_EACH, STILL_HERE, Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iars_node.clock import SetClock


def watch(world: World, most: int = 5) -> Watch:
    return Watch(world.shelter.node.works, most=most, poll_seconds=0.01)


def always() -> bool:
    return True


async def first_of(events: AsyncIterator[bytes], wanted: bytes) -> bytes:
    async with asyncio.timeout(20):
        async for event in events:
            if wanted in event:
                return event
    return b""


async def test_a_change_by_another_replica_is_one_word(either_world: World) -> None:
    world = either_world
    events = watch(world).stream("besa", "", always, polls=10_000)
    assert await anext(events) == BEGIN
    assert await anext(events) == STILL_HERE
    case, _given, sent = await asyncio.to_thread(world.referral)
    event = await first_of(events, b"changed")
    mark = event.partition(b"\n")[0]
    assert event == mark + b"\nevent: changed\ndata: changed\n\n"
    for secret in (case.id, case.reference, sent.id, sent.reference, "MED-SCREEN", "Mission"):
        assert secret.encode() not in event
    again = watch(world).stream("besa", mark.removeprefix(b"id: ").decode(), always, polls=3)
    assert b"changed" not in b"".join([event async for event in again]), "this was seen already"
    await asyncio.to_thread(world.shelter.act, referrals.cancel, sent.id, "other", "x")
    later = watch(world).stream("besa", mark.removeprefix(b"id: ").decode(), always, polls=3)
    assert b"changed" in b"".join([event async for event in later]), "what happened while the line was cut"


async def test_reading_changes_nothing(either_world: World) -> None:
    world = either_world
    world.referral()
    reader = Reader(world.shelter).enter()
    events = watch(world).stream("besa", "", always, polls=40)
    assert await anext(events) == BEGIN
    await asyncio.to_thread(reader.get, "/referrals")
    assert b"changed" not in b"".join([event async for event in events])


async def test_only_so_many_are_served_and_a_place_is_given_back(world: World) -> None:
    shared = watch(world, most=1)
    first = shared.stream("besa", "", always, polls=10_000)
    assert await anext(first) == BEGIN
    assert [event async for event in shared.stream("besa", "", always)] == [COME_BACK]
    await first.aclose()  # type: ignore[attr-defined]  # an asynchronous generator, which can be closed
    assert await anext(shared.stream("besa", "", always)) == BEGIN


async def test_one_reader_does_not_take_every_place(world: World) -> None:
    shared = watch(world, most=100)
    open_now = [shared.stream("besa", "", always, polls=10_000) for _ in range(MOST_EACH)]
    for stream in open_now:
        assert await anext(stream) == BEGIN
    assert [event async for event in shared.stream("besa", "", always)] == [COME_BACK]
    assert await anext(shared.stream("mira", "", always)) == BEGIN
    for stream in open_now:
        await stream.aclose()  # type: ignore[attr-defined]  # an asynchronous generator, which can be closed
    assert await anext(shared.stream("besa", "", always)) == BEGIN


async def test_whose_session_is_over_hears_no_more(world: World) -> None:
    events = watch(world).stream("besa", "", lambda: False, polls=10_000)
    assert [event async for event in events] == [BEGIN]


def test_the_stream_is_for_those_who_read_referrals_and_keeps_no_session_alive(
    world: World, clock: SetClock
) -> None:
    assert Reader(world.shelter).get("/changes").status_code == 303
    assert Reader(world.shelter).enter("arta").get("/changes").status_code == 403
    besa = Reader(world.shelter).enter()
    answer = besa.get("/changes")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    for page in ("/referrals", "/"):
        assert 'data-live="/changes" hidden' in besa.get(page).text
    idle = timedelta(minutes=world.shelter.node.settings.session_idle_minutes)
    clock.moment += idle - timedelta(minutes=1)
    assert besa.get("/changes").status_code == 200
    clock.moment += timedelta(minutes=2)
    assert besa.get("/changes").status_code == 303


async def test_a_stream_about_imports_tells_of_their_progress_and_of_nothing_else(world: World) -> None:
    board, works = world.shelter.node.board, world.shelter.node.works
    events = Watch(works, most=5, poll_seconds=0.01, state=board.mark).stream(
        "besa", "", always, polls=10_000
    )
    assert await anext(events) == BEGIN
    assert await anext(events) == STILL_HERE
    board.note("0" * 32, Step("write", 500, 1200))
    event = await first_of(events, b"changed")
    assert event.endswith(b"event: changed\ndata: changed\n\n")
