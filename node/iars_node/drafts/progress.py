"""How far a long job on a draft is, told while its own transaction still hides everything that it does."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from iars_node.drafts.tables import draft_progress as table

if TYPE_CHECKING:
    from iars_node.db import Database


@dataclass(frozen=True, slots=True)
class Step:
    """What a job is doing, and how many rows of how many are done; while it reads, the whole is not known."""

    phase: str
    done: int
    total: int = 0


class Board:
    """Where jobs note how far they are.

    On SQLite one process serves, and its long job is the only writer: what it notes stays in memory. On
    PostgreSQL another process may show the page, so each step is a short transaction of its own.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._here: dict[str, Step] = {}

    def note(self, draft_id: str, step: Step) -> None:
        """Note how far the job on a draft is."""
        if self._database.is_sqlite:
            with self._lock:
                self._here[draft_id] = step
            return
        row = {"draft_id": draft_id, "phase": step.phase, "done": step.done, "total": step.total}
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.draft_id == draft_id))
            connection.execute(insert(table).values(row))

    def clear(self, draft_id: str) -> None:
        """Forget a job that has ended, in whatever way."""
        if self._database.is_sqlite:
            with self._lock:
                self._here.pop(draft_id, None)
            return
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.draft_id == draft_id))

    def step_of(self, draft_id: str) -> Step | None:
        """Return how far the job on a draft is; nothing where none has begun."""
        return self._all().get(draft_id)

    def mark(self) -> str:
        """Return what tells one state of all jobs from another: nothing of what they work on."""
        return repr(sorted(self._all().items(), key=lambda each: each[0]))

    def _all(self) -> dict[str, Step]:
        if self._database.is_sqlite:
            with self._lock:
                return dict(self._here)
        with self._database.read() as connection:
            rows = connection.execute(select(table)).all()
        return {row.draft_id: Step(row.phase, row.done, row.total) for row in rows}
