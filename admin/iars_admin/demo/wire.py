"""Between nodes of one process: what a year's exchange needs where a year passes in a minute."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from iars_node.errors import NodeError
from iars_node.exchange import waiting
from iars_node.exchange.announcing import ROTATE_JOB
from iars_node.exchange.transport import Transport, UnreachableError
from iars_node.jobs.model import Worker
from iars_node.jobs.service import run_due, schedule
from iars_node.referrals.model import EXPIRE_JOB
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iars_admin.demo.organisation import Organisation
    from iars_node.clock import SetClock

# What belongs to a year: answers that come too late, and keys that are changed. The clock jumps from day to
# day, so that nothing that looks at the clock is run.
_JOBS = (EXPIRE_JOB, ROTATE_JOB)
_ROUNDS = 8


class Wire(Transport):
    """Hands requests to the nodes that their addresses name: sealed, signed and received as over HTTP."""

    def __init__(self, organisations: Mapping[int, Organisation]) -> None:
        super().__init__()
        self._organisations = organisations
        self.is_down = False

    async def request(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Return what the other node's reception answers."""
        del method
        named = self._organisations.get(urlsplit(url).port or 0)
        if named is None or self.is_down:
            raise UnreachableError("connection")
        try:
            answer = await named.node.reception.receive(
                {name.lower(): value for name, value in headers.items()}, body
            )
        except NodeError as error:
            return error.status, b""
        return 200, answer


class Neighbours:
    """The four nodes as they live in this process, by one clock, before they are served."""

    def __init__(self, organisations: Mapping[str, Organisation], clock: SetClock) -> None:
        self.organisations = organisations
        self.clock = clock
        self.wire = Wire({each.port: each for each in organisations.values()})
        self._runner = asyncio.Runner()

    @classmethod
    @contextmanager
    def met(cls, organisations: Mapping[str, Organisation], clock: SetClock) -> Iterator[Self]:
        """Open the nodes by a clock, and close them."""
        one = cls(organisations, clock)
        try:
            for each in organisations.values():
                each.open(clock, one.wire)
            yield one
        finally:
            one._runner.close()
            for each in organisations.values():
                each.close()

    def settle(self) -> None:
        """Let everybody send until nothing waits."""
        for _ in range(_ROUNDS):
            due = [(one, peer) for one in self.organisations.values() for peer in _waits_for(one)]
            if not due:
                return
            self._runner.run(_send(due))

    def run_jobs(self) -> None:
        """Run at every node what a year needs."""
        for one in self.organisations.values():
            with one.node.works.write(SYSTEM) as work:
                for kind in _JOBS:
                    schedule(work, kind, work.now)
            jobs = {kind: one.node.jobs[kind] for kind in _JOBS}
            run_due(one.node.works, Worker("demo", jobs), limit=len(_JOBS))


def _waits_for(one: Organisation) -> list[bytes]:
    with one.node.works.read(SYSTEM) as work:
        return [line.peer for line in waiting.waiting(work) if line.pending]


async def _send(due: Sequence[tuple[Organisation, bytes]]) -> None:
    for one, peer in due:
        await one.node.sender.send_once(peer)
