"""Attachments: how fast a large file is sealed, sent to another node and verified there."""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from iars_node.attachments import service as attachments
from iars_node.errors import NotFoundError
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iars_node.attachments.model import Attachment
    from tests.bench.nodes import Pair, Site
    from tests.bench.results import Results

FILE_BYTES = 64_000_000
PIECE_BYTES = 1_000_000
MEGABYTE = 1e6
ROUNDS = 3
POLL_SECONDS = 0.005
LONGEST_SECONDS = 120.0
MILLI = 1e3


def measure_attachments(results: Results, suite: str, pair: Pair) -> None:
    """Measure a file's way from one node's folder into the other's."""
    size = FILE_BYTES / MEGABYTE
    results.say(f"{suite}: {ROUNDS} files of {size:g} MB.")
    sealed: list[float] = []
    sent: list[float] = []
    cpu: dict[str, list[float]] = defaultdict(list)
    with pair.receiver.serve() as receiver, pair.sender.serve() as sender:
        served = {"sender": sender, "receiver": receiver}
        for child in served.values():
            child.ask("unlock")
        for offering in pair.open_cases(ROUNDS):
            began = time.perf_counter()
            added = _add(pair.sender, offering.case_id)
            sealed.append(size / (time.perf_counter() - began))
            before = {side: child.usage().cpu for side, child in served.items()}
            with pair.sender.node.works.write(SYSTEM) as work:
                offered = replace(offering, attachments=(added.id,))
                made = referrals.send_referral(work, offered, pair.receiver.id)
            sent.append(size / _follow(pair.receiver, made.id))
            for side, child in served.items():
                cpu[side].append((child.usage().cpu - before[side]) / size * MILLI)
    results.add(suite, "sealed into the folder", sealed, "MB/s")
    results.add(suite, "sent, verified and stored", sent, "MB/s")
    for side, values in cpu.items():
        results.add(suite, f"CPU a MB, {side}", values, "ms")


def _add(site: Site, case_id: str) -> Attachment:
    stored = site.node.folder.write(_content(), most=FILE_BYTES)
    with site.node.works.write(SYSTEM) as work:
        return attachments.add_attachment(
            work, case_id, "medical", stored, name="x-rays.bin", media_type="application/octet-stream"
        )


def _content() -> Iterator[bytes]:
    for _ in range(FILE_BYTES // PIECE_BYTES):
        yield secrets.token_bytes(PIECE_BYTES)


def _follow(site: Site, referral_id: str) -> float:
    """Accept a referral at its receiver; return the seconds from the first byte to the verified file."""
    _until(lambda: _has_arrived(site, referral_id))
    with site.node.works.write(SYSTEM) as work:
        case_id = referrals.accept(work, referral_id).case_id
    _until(lambda: bool(_announced(site, case_id)))
    expected = _announced(site, case_id)[0]
    _until(lambda: site.node.folder.received(expected.file) > 0)
    began = time.perf_counter()
    _until(lambda: _announced(site, case_id)[0].state == "stored")
    return time.perf_counter() - began


def _has_arrived(site: Site, referral_id: str) -> bool:
    with site.node.works.read(SYSTEM) as work:
        try:
            referrals.get(work, referral_id)
        except NotFoundError:
            return False
    return True


def _announced(site: Site, case_id: str) -> list[Attachment]:
    with site.node.works.read(SYSTEM) as work:
        return attachments.list_attachments(work, case_id)


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LONGEST_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"an attachment did not arrive within {LONGEST_SECONDS:g} s")
        time.sleep(POLL_SECONDS)
