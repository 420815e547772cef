"""What a node's services show to its people, held against the same evidence: the locks, not the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from tests.federation.invariant.opening import Opened

from iars_node.attachments.service import list_attachments
from iars_node.cases import service as cases
from iars_node.cases.tables import case_file
from iars_node.referrals import service as referrals
from iars_node.referrals.tables import referral
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.federation.invariant.covering import Evidence
    from tests.federation.invariant.nodes import Nodes

    from iars_node.work import Work


def shown_uncovered(nodes: Nodes, name: str, evidence: Evidence) -> list[str]:
    """Return what a node shows at this moment and can't show any evidence for."""
    with nodes.sides[name].node.works.write(SYSTEM) as work:
        shown = list(everything_shown(work))
    found = [(one, evidence.lacks(one)) for one in shown]
    return [f"{name} shows {one}: {lack}" for one, lack in found if lack]


def everything_shown(work: Work) -> Iterator[Opened]:
    """Yield what the pages of cases and referrals show of what was received."""
    for case in work.connection.execute(select(case_file.c.id)).scalars().all():
        yield from _case(work, case)
    query = select(referral.c.id, referral.c.grant_id).where(referral.c.direction == "in")
    for row in work.connection.execute(query).all():
        yield from _referral(work, row.id, row.grant_id)


def _case(work: Work, case: str) -> Iterator[Opened]:
    yield from _page(work, case)
    for one in list_attachments(work, case):
        if one.content is not None:
            yield Opened("the case's attachments", one.id, one.scope, one.source, case)
    for scope, sources in cases.snapshot_sources(work, case).items():
        for source in sources:
            yield Opened("what may be disclosed", case, scope, source, case)


def _page(work: Work, case: str) -> Iterator[Opened]:
    record = cases.read_case(work, case)
    for scope, view in record.scopes.items():
        for name, value in view.fields.items():
            yield Opened("the case's page", case, scope, value.source, case, "", (name,))
    for note in record.notes:
        if note.text is not None:
            yield Opened("the case's notes", note.id, note.scope, note.source, case)


def _referral(work: Work, referral_id: str, grant_id: str) -> Iterator[Opened]:
    for part in referrals.received_content(work, referral_id).values():
        fields = tuple(part.fields)
        yield Opened("the referral's page", referral_id, part.scope, grant_id, "", referral_id, fields)
    for entry in referrals.timeline(work, referral_id):
        if entry.proof is not None and entry.proof.direction == "in":
            for part in entry.scopes:
                yield Opened("the referral's thread", referral_id, part.scope, grant_id, "", referral_id)
