"""A peer: another organisation's node, how it presents itself, and how far it is trusted here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from iars_protocol.keys import KeyHistory, fingerprint

if TYPE_CHECKING:
    from datetime import datetime

    from iars_protocol.listing import Listing

Trust: TypeAlias = Literal["unverified", "pinned", "blocked"]

UNVERIFIED: Trust = "unverified"
PINNED: Trust = "pinned"
BLOCKED: Trust = "blocked"


@dataclass(frozen=True)
class Peer:
    """A known node. Only a pinned one, whose fingerprint somebody compared, is exchanged with."""

    node_id: bytes
    trust: Trust
    listing: Listing
    history: KeyHistory
    added_at: datetime
    verified_at: datetime | None
    verified_by: str
    forked_at: datetime | None

    @property
    def node_text(self) -> str:
        """The node's id as it stands in grants, columns and files."""
        return self.node_id.hex()

    @property
    def fingerprint(self) -> str:
        """The digits that two people compare."""
        return fingerprint(self.node_id)

    @property
    def is_exchanged_with(self) -> bool:
        """Whether messages pass: pinned, and its key history never contradicted itself."""
        return self.trust == PINNED and self.forked_at is None

    @property
    def endpoint(self) -> str | None:
        """The first address at which it takes envelopes, if it publishes one."""
        return next((url for url in self.history.endpoints if url.startswith("http")), None)

    def name(self, language: str = "en") -> str:
        """Return the organisation's name in a language."""
        return self.listing.name(language)
