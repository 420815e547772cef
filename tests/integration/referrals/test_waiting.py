"""What waits for somebody, among many referrals that do not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.db import new_id
from iars_node.prepared import insert_many
from iars_node.referrals.service import waiting
from iars_node.referrals.tables import referral
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.work import Work, Works

MANY = 60
DAY = timedelta(days=1)


def row(work: Work, **changes: object) -> dict[str, object]:
    plain: dict[str, object] = {
        "id": new_id(),
        "reference": "R-1",
        "direction": "out",
        "peer": b"p" * 32,
        "case_id": new_id(),
        "consent_id": new_id(),
        "grant_id": new_id(),
        "subject": new_id(),
        "kind": "referral",
        "service": "MED-SCREEN",
        "priority": "normal",
        "state": "accepted",
        "respond_by": work.now + DAY,
        "created_at": work.now,
        "updated_at": work.now,
        "answered_at": None,
        "closed_at": None,
        "reason": "",
        "problem": "",
        "author": new_id(),
        "is_disclosed": True,
        "together": [],
    }
    return plain | changes


def test_what_is_late_is_shown_however_much_happened_since(works: Works) -> None:
    with works.write(SYSTEM) as work:
        old = work.now - 30 * DAY
        late = row(work, state="requested", respond_by=old, updated_at=old)
        later = row(work, state="requested", respond_by=old + DAY, updated_at=old)
        stuck = row(work, problem="refused", respond_by=old + 2 * DAY, updated_at=old)
        others = [
            row(work, state="requested"),
            row(work, state="requested", direction="in", respond_by=old),
            row(work, state="rejected", problem="refused"),
            *(row(work) for _ in range(MANY)),
        ]
        insert_many(work.connection, referral, [later, *others, stuck, late])
    with works.read(SYSTEM) as work:
        found = [each.id for each in waiting.overdue(work, 50)]
        assert found == [late["id"], later["id"], stuck["id"]]
        assert [each.id for each in waiting.overdue(work, 1)] == [late["id"]]


def test_an_offer_that_was_refused_whole_is_shown_for_a_week(works: Works) -> None:
    with works.write(SYSTEM) as work:
        refused = row(work, state="draft", problem="expired", updated_at=work.now - 6 * DAY)
        others = [
            row(work, state="draft", problem="expired", updated_at=work.now - 8 * DAY),
            row(work, state="draft", respond_by=work.now - DAY),
            row(work, state="draft", problem="expired", direction="in"),
        ]
        insert_many(work.connection, referral, [*others, refused])
    with works.read(SYSTEM) as work:
        assert [each.id for each in waiting.overdue(work, 50)] == [refused["id"]]


def test_news_are_the_answers_of_the_last_days_the_newest_first(works: Works) -> None:
    with works.write(SYSTEM) as work:
        fresh = [row(work, updated_at=work.now - number * DAY / 20) for number in range(MANY)]
        others = [
            row(work, updated_at=work.now - 8 * DAY),
            row(work, state="requested"),
            row(work, direction="in"),
        ]
        insert_many(work.connection, referral, [*others, *fresh])
    with works.read(SYSTEM) as work:
        found = [each.id for each in waiting.news(work, work.now - 7 * DAY, 50)]
        assert found == [each["id"] for each in fresh[:50]]
