"""A log that grows: what tests of the tree let happen, and look at."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from iars_node import audit
from iars_node.audit import log_store
from iars_node.work import SYSTEM, Works
from iars_protocol.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iars_node.work import Actor, Work

MINUTE = timedelta(minutes=1)
PROFILE = Listing("", 0, 0, {"en": "Shelter"}, "NGO", "AL", "Europe/Tirane", ("sq",), ("SHELTER",))


def happen(works: Works, times: int = 1) -> list[bytes]:
    """Let something happen so many times; return the leaves."""
    with works.write(SYSTEM) as work:
        return audit.record_many(work, [audit.Entry("case.read")] * times)


def leaves(works: Works) -> list[tuple[int, bytes]]:
    """Return the numbers and leaves of the newest log, in its order."""
    with works.read(SYSTEM) as work:
        newest = log_store.newest_log(work.connection)
        assert newest is not None
        return [entry for part in log_store.stored_leaves(work.connection, newest) for entry in part]


class FalteringWorks(Works):
    """Units of work on a database that is away at the first time of asking, or at every so many-th."""

    asked = 0
    away_at_every = 0

    @contextmanager
    def read(self, actor: Actor) -> Iterator[Work]:
        """Open a reading unit of work, but where the database is away."""
        self.asked += 1
        is_away = self.asked % self.away_at_every == 1 if self.away_at_every else self.asked == 1
        if is_away:
            raise OperationalError("SELECT 1", {}, Exception("away"))
        with super().read(actor) as work:
            yield work
