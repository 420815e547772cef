"""The record of processing (GDPR art. 30), generated from grants, what is held and the rules of retention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.cases.model import OWN
from iars_node.cases.tables import case_content
from iars_node.consent.store import as_kept
from iars_node.consent.tables import consent_grant
from iars_node.peers import service as peers
from iars_node.retention import store as retention_store
from iars_node.vault.identity import identity_of
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.consent.model import KeptGrant
    from iars_node.peers.model import Peer
    from iars_node.retention.model import Rule
    from iars_node.work import Work

SUBJECTS = "trafficked-and-exploited-persons"
SECURITY = (
    "sealed-by-scope-and-source",
    "keys-apart-from-the-database",
    "roles-by-scope",
    "readings-recorded",
    "sealed-and-signed-in-transit",
    "erasure-by-destroying-keys",
)
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Controller:
    """Who answers for the processing."""

    node: str
    name: str
    organisation_type: str
    country: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Category:
    """One category of data: how many cases hold it, collected here and from others; how long it is kept."""

    scope: str
    level: int
    own_cases: int
    received_cases: int
    retention: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """Sharing for one purpose with one organisation, in one direction, on one basis."""

    purpose: str
    direction: str
    node: str
    organisation: str
    organisation_type: str
    country: str
    is_other_country: bool
    basis: str
    scopes: tuple[str, ...]
    grants: int
    standing: int
    longest_retention_days: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Processing:
    """The record of processing of this organisation."""

    made_at: datetime
    controller: Controller
    subjects: str
    categories: tuple[Category, ...]
    activities: tuple[Activity, ...]
    security: tuple[str, ...]


def record_of_processing(work: Work) -> Processing:
    """Generate the record of processing as it stands now; nothing in it is about any one person."""
    require(work.actor, "processing.read")
    listing = identity_of(work.vault).listing
    controller = Controller(
        listing.node,
        listing.name(),
        listing.organisation_type,
        listing.country,
        tuple(identity_of(work.vault).history.endpoints),
    )
    made = Processing(
        work.now, controller, SUBJECTS, _categories(work), _activities(work, listing.country), SECURITY
    )
    audit.record(work, "processing.read", detail={"activities": len(made.activities)})
    return made


def _categories(work: Work) -> tuple[Category, ...]:
    column = case_content.c
    is_own = column.source == OWN
    query = (
        select(column.scope, is_own, func.count(column.case_id.distinct()))
        .where(column.erased_at.is_(None))
        .group_by(column.scope, is_own)
    )
    counts = {(row[0], bool(row[1])): row[2] for row in work.connection.execute(query)}
    rules: dict[str, list[Rule]] = {}
    for rule in retention_store.rules(work.connection):
        rules.setdefault(rule.scope, []).append(rule)
    return tuple(
        Category(
            scope.code,
            scope.level,
            counts.get((scope.code, True), 0),
            counts.get((scope.code, False), 0),
            tuple((rule.closure_reason, rule.days) for rule in rules.get(scope.code, ())),
        )
        for scope in SCOPES.values()
    )


@dataclass(slots=True)
class _Sum:
    """What grants of one kind come to."""

    first_at: datetime
    last_at: datetime
    scopes: set[str]
    grants: int = 0
    standing: int = 0
    days: int = 0


def _activities(work: Work, own_country: str) -> tuple[Activity, ...]:
    known = {peer.node_id: peer for peer in peers.every(work)}
    sums: dict[tuple[str, str, bytes, str], _Sum] = {}
    last = ""
    while batch := _grants_after(work, last):
        for kept in batch:
            _add(work, sums, kept)
        last = batch[-1].id
    return tuple(_activity(key, found, known.get(key[2]), own_country) for key, found in sorted(sums.items()))


def _grants_after(work: Work, last: str) -> list[KeptGrant]:
    query = (
        select(consent_grant).where(consent_grant.c.id > last).order_by(consent_grant.c.id).limit(_AT_ONCE)
    )
    return [as_kept(row) for row in work.connection.execute(query)]


def _add(work: Work, sums: dict[tuple[str, str, bytes, str], _Sum], kept: KeptGrant) -> None:
    for purpose in kept.grant.purposes:
        key = (purpose, kept.direction, kept.peer, kept.grant.basis.kind)
        found = sums.setdefault(key, _Sum(kept.recorded_at, kept.recorded_at, set()))
        found.first_at = min(found.first_at, kept.recorded_at)
        found.last_at = max(found.last_at, kept.recorded_at)
        found.scopes |= {scope.code for scope in kept.grant.scopes}
        found.grants += 1
        found.days = max(found.days, kept.grant.retention_days)
        if kept.ended_at is None and work.now.timestamp() < kept.grant.expires:
            found.standing += 1


def _activity(key: tuple[str, str, bytes, str], found: _Sum, peer: Peer | None, own_country: str) -> Activity:
    purpose, direction, node, basis = key
    country = peer.listing.country if peer else ""
    return Activity(
        purpose=purpose,
        direction=direction,
        node=node.hex(),
        organisation=peer.name() if peer else "",
        organisation_type=peer.listing.organisation_type if peer else "",
        country=country,
        is_other_country=country not in ("", own_country),
        basis=basis,
        scopes=tuple(scope for scope in SCOPES if scope in found.scopes),
        grants=found.grants,
        standing=found.standing,
        longest_retention_days=found.days,
        first_at=found.first_at,
        last_at=found.last_at,
    )
