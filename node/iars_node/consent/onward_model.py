"""Permissions to pass a person on, at their origin and at their holder, and what was told of their use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from iars_protocol.consent import recipient_hash

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.consent.model import Terms
    from iars_protocol.consent import Grant, Onward, Signed

Way: TypeAlias = Literal["out", "in", "via"]
"""Given to somebody, received to be used, or shown by a holder who referred the person here."""


@dataclass(frozen=True, slots=True)
class KeptPermission:
    """An onward permission with the bytes that prove it.

    `peer` is the holder where this node gave it, else the origin. `grant_id` is the grant under which the
    holder (or, of one that came with an offer, this node) received the person.
    """

    id: str
    way: Way
    peer: bytes
    grant_id: str
    consent_id: str
    case_id: str
    onward: Onward
    signed: Signed
    recorded_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Passing:
    """One use of a permission, as its holder tells it; `recipient` is empty where the person objects.

    `peer` is the holder at the origin, and the origin at the holder.
    """

    direction: Literal["out", "in"]
    peer: bytes
    passing: str
    onward_id: str
    recipient: bytes
    scopes: tuple[str, ...]
    expires_at: datetime
    told_at: datetime
    outcome: str = ""
    outcome_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ceilings:
    """How far a holder may pass a person on: node ids and organisation types beside scopes and purposes."""

    scopes: tuple[str, ...]
    purposes: tuple[str, ...]
    recipients: tuple[str, ...]
    kinds: tuple[str, ...]

    def within(self, wanted: Ceilings) -> Ceilings:
        """Return these ceilings cut to what is wanted; what is left empty there is wanted whole."""
        return Ceilings(
            _cut(self.scopes, wanted.scopes),
            _cut(self.purposes, wanted.purposes),
            # Who is named instead of a kind, or the other way round, is wanted alone.
            _cut(self.recipients, wanted.recipients, is_whole=not wanted.kinds),
            _cut(self.kinds, wanted.kinds, is_whole=not wanted.recipients),
        )

    def beyond(self, wanted: Ceilings) -> dict[str, str]:
        """Return where something is wanted that lies above these ceilings."""
        names = ("scopes", "purposes", "recipients", "kinds")
        return {
            name: "accepted: " + (", ".join(getattr(self, name)) or "none")
            for name in names
            if not set(getattr(wanted, name)) <= set(getattr(self, name))
        }


def _cut(allowed: tuple[str, ...], wanted: tuple[str, ...], *, is_whole: bool = True) -> tuple[str, ...]:
    if not wanted:
        return allowed if is_whole else ()
    return tuple(code for code in allowed if code in wanted)


ALL = Ceilings((), (), (), ())


def highest(terms: Terms, left: Grant, holder: str) -> Ceilings:
    """Return the highest ceilings that a consent allows: `left` is what still stands of the holder's grant.

    Ceilings know no fields. A scope of which the person keeps something from one organisation by name stays
    out, unless that organisation is the holder, who does not have it either.
    """
    guarded = _guarded(terms, holder)
    return Ceilings(
        scopes=tuple(scope.code for scope in left.scopes if scope.code not in guarded),
        purposes=left.purposes,
        recipients=tuple(item.node for item in terms.recipients if item.node not in ("", holder)),
        kinds=tuple(item.organisation_type for item in terms.recipients if item.organisation_type),
    )


def reaches_beyond(onward: Onward, terms: Terms) -> bool:
    """Say whether a permission reaches whom, or what, the person's words no longer do.

    Scopes and purposes that ended are told to the holder as parts of its grant. What stands here ends the
    whole permission: it can't be changed, and another one can be given.
    """
    named = {recipient_hash(onward.salt, item.node) for item in terms.recipients if item.node}
    kinds = {item.organisation_type for item in terms.recipients if item.organisation_type}
    return (
        not terms.is_onward_allowed
        or not set(onward.recipients) <= named
        or not set(onward.classes) <= kinds
        or not _guarded(terms, onward.holder).isdisjoint(onward.scopes)
    )


def _guarded(terms: Terms, holder: str) -> set[str]:
    return {item.scope for item in terms.withheld if item.node not in ("", holder)}
