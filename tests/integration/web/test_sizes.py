"""What a page weighs on a poor line: everything that a browser fetches for it the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from tests.pages import Reader
from tests.records import Records, new_account, one_of_each

from iars_node.accounts.access import ROLES
from iars_node.db import new_id
from iars_node.prepared import insert_many
from iars_node.referrals.tables import referral
from iars_node.web.assets import assets
from iars_node.web.routes import entries
from iars_node.work import SYSTEM
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from tests.pages import World

LARGEST_PAGE = 100_000
LARGEST_SHEETS = 40_000
LONG_NAME = "Blue bird of the northern mountains whose name goes on and on until ninety characters are full"
MANY = 60


def test_the_sheets_are_small() -> None:
    sheets = [len(asset.content) for name, asset in assets().items() if name.endswith(".css")]
    assert sum(sheets) < LARGEST_SHEETS


async def test_no_page_with_its_files_is_heavier_than_a_poor_line_bears(world: World) -> None:
    records = await one_of_each(world)
    fill(world)
    new_account(world.shelter, "sees-all", frozenset(ROLES))
    reader = Reader(world.shelter).enter("sees-all")
    files = sum(len(asset.content) for asset in assets().values())
    heavy = {}
    # Arabic takes two bytes for a letter.
    for language in ("en", "ar"):
        reader.post("/language", {"language": language, "next": "/"})
        for address in addresses(records):
            weight = files + len(reader.get(address).content)
            if weight >= LARGEST_PAGE:
                heavy[language, address] = weight
    assert heavy == {}


def fill(world: World) -> None:
    """Put more into the lists than one page of them shows."""
    for _ in range(MANY):
        world.shelter.open_case({"identity": {"alias": LONG_NAME}})
    with world.shelter.node.works.write(SYSTEM) as work:
        like = dict(work.connection.execute(select(referral)).mappings().first() or {})
        rows = [
            like | {"id": new_id(), "case_id": new_id(), "direction": direction, "state": state}
            for direction in ("in", "out")
            for state in ("requested", "accepted", "completed")
            for _ in range(MANY)
        ]
        insert_many(work.connection, referral, rows)


def addresses(records: Records) -> list[str]:
    """Return every page, the most sensitive parts of a case opened too."""
    leaving = ("/leave", "/sign-out")
    found = [
        f"{records.path(entry)}?{records.chosen}&language=ar"
        for entry in entries()
        if entry.method == "GET" and entry.path not in leaving
    ]
    case = records.fill("/cases/{case_id}")
    found += [f"{case}/scopes/{scope}" for scope in SCOPES] + [f"{case}?open={scope}" for scope in SCOPES]
    return found
