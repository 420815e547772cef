"""What the organisation's own systems send when a person has agreed to a peer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.federation.neighbours import SHARED

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour


def consent_for(peer: Neighbour, **changes: Any) -> dict[str, Any]:
    return {
        "purposes": ["assistance", "return"],
        "scopes": [{"code": code} for code in SHARED],
        "recipients": [{"node": peer.id.hex()}],
        "expires": "2026-06-01T00:00:00Z",
        "notice_language": "ro",
        "how_obtained": "verbal",
        "feedback": ["services", "medical"],
        "reasons": "Her brother works at the clinic.",
        **changes,
    }
