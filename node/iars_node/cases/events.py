"""What cases announce to the slices that stand on them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContentErased:
    """The keys of a source's scopes are destroyed: what else they sealed can be thrown away."""

    case_id: str
    source: str
    scopes: frozenset[str]
    key_ids: frozenset[bytes]
