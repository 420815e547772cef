"""What a newer version takes out of an older one, and what of a grant it leaves: no database, no clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iars_protocol.consent import Grant, ScopeGrant
from iars_protocol.content import ATTACHMENTS, TEXTS
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iars_node.consent.model import Terms
    from iars_protocol.vocabulary import Step

ANYBODY = ""
"""Stands for a recipient of whom nothing is said by name."""

_STEPS: tuple[Step, ...] = ("offer", "acceptance")


@dataclass(frozen=True, slots=True)
class TakenOut:
    """What the older version allowed and the newer one does not: codes and ids only.

    `scopes` are gone whole, for every recipient; `fields` (“medical.pregnancy”) go while the rest of their
    scope stays, or go for some recipients. `recipients` are node ids, `kinds` types of organisation.
    """

    scopes: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    feedback: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was taken out."""
        return self == TakenOut()


def taken_out(older: Terms, newer: Terms) -> TakenOut:
    """Return what a newer version no longer allows."""
    before, after = _allowed(older, older), _allowed(newer, older)
    gone = before - after
    left = {scope for _node, scope, _name, _step in after}
    scopes = {scope for _node, scope, _name, _step in gone} - left
    fields = {f"{scope}.{name}" for _node, scope, name, _step in gone if scope in left}
    nodes = {item.node for item in older.recipients} - {item.node for item in newer.recipients}
    kinds = {item.organisation_type for item in older.recipients} - {
        item.organisation_type for item in newer.recipients
    }
    return TakenOut(
        scopes=_in_order(scopes),
        fields=tuple(sorted(fields)),
        recipients=tuple(sorted(nodes - {""})),
        kinds=tuple(sorted(kinds - {""})),
        purposes=_left_out(older.purposes, newer.purposes),
        feedback=_left_out(older.feedback, newer.feedback),
    )


def is_narrower(older: Terms, newer: Terms) -> bool:
    """Say whether a newer version takes something away: what it allows, or how long, or how far."""
    return (
        not taken_out(older, newer).is_empty
        or newer.expires < older.expires
        or newer.retention_days < older.retention_days
        or (older.is_onward_allowed and not newer.is_onward_allowed)
    )


def widening_faults(older: Terms, newer: Terms) -> dict[str, str]:
    """Say where a version that should only narrow allows more than the older one."""
    more = taken_out(newer, older)
    faults = {}
    if more.scopes or more.fields:
        faults["scopes"] = "accepted: nothing beyond what was agreed to before"
    if more.recipients or more.kinds:
        faults["recipients"] = "accepted: nobody beyond those agreed to before"
    if more.purposes:
        faults["purposes"] = "accepted: nothing beyond what was agreed to before"
    if more.feedback:
        faults["feedback"] = "accepted: nothing beyond what was agreed to before"
    if newer.expires > older.expires:
        faults["expires"] = "accepted: no later than before"
    if newer.retention_days > older.retention_days:
        faults["retention_days"] = "accepted: no longer than before"
    if newer.is_onward_allowed and not older.is_onward_allowed:
        faults["is_onward_allowed"] = "accepted: no, as before"
    return faults


def _allowed(terms: Terms, beside: Terms) -> set[tuple[str, str, str, Step]]:
    """Return every (recipient, scope, field, step) that terms allow, for the recipients of both versions."""
    named = {item.node for item in (*terms.recipients, *beside.recipients)}
    named |= {item.node for item in (*terms.withheld, *beside.withheld)}
    return {
        (node, scope.code, name, step)
        for node in named | {ANYBODY}
        for scope in terms.scopes_for(node)
        for name in _names(scope.code)
        for step in _STEPS
        if scope.allows(name, step)
    }


def _names(scope: str) -> tuple[str, ...]:
    return (*SCOPES[scope].fields, TEXTS, ATTACHMENTS)


def _left_out(older: Iterable[str], newer: Iterable[str]) -> tuple[str, ...]:
    kept = set(newer)
    return tuple(code for code in older if code not in kept)


def _in_order(scopes: Iterable[str]) -> tuple[str, ...]:
    wanted = set(scopes)
    return tuple(code for code in SCOPES if code in wanted)


def within(grant: Grant, terms: Terms, node: str) -> Grant:
    """Return what of a grant a newer version still allows its recipient. It is for cutting, never signed."""
    standing = {scope.code: scope for scope in terms.scopes_for(node)}
    both = (_both(scope, standing[scope.code]) for scope in grant.scopes if scope.code in standing)
    return replace(
        grant,
        purposes=tuple(code for code in grant.purposes if code in terms.purposes),
        scopes=tuple(scope for scope in both if scope is not None),
        feedback=tuple(code for code in grant.feedback if code in terms.feedback),
    )


def _both(one: ScopeGrant, other: ScopeGrant) -> ScopeGrant | None:
    names = [
        name
        for name in _names(one.code)
        if one.allows(name, "acceptance") and other.allows(name, "acceptance")
    ]
    if not names:
        return None
    withheld = tuple(dict.fromkeys((*one.withheld, *other.withheld)))
    only = tuple(names) if one.only or other.only else ()
    if one.step == other.step == "offer":
        return ScopeGrant(one.code, "offer", (), only, withheld)
    first = tuple(name for name in names if one.allows(name, "offer") and other.allows(name, "offer"))
    return ScopeGrant(one.code, "acceptance", first, only, withheld)
