"""What consents announce to the slices that stand on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iars_node.consent.narrowing import TakenOut


@dataclass(frozen=True, slots=True)
class ConsentNarrowed:
    """A newer version of a consent allows less than the one that it replaces.

    For the recipients this is a partial withdrawal. What leaves later is cut to the newer version at once;
    whoever must be told of what was taken out follows this event.
    """

    case_id: str
    consent_id: str
    replaced_id: str
    taken_out: TakenOut


@dataclass(frozen=True, slots=True)
class ConsentInvalidated:
    """A consent never counted, or counts no more, by this organisation's own finding."""

    case_id: str
    consent_id: str


@dataclass(frozen=True, slots=True)
class ConsentExpired:
    """A consent's time is over. Grants signed under older versions may say a later end."""

    case_id: str
    consent_id: str


@dataclass(frozen=True, slots=True)
class ExceptionLapsed:
    """An exception that went out was not approved in time; `grants` are ids, issued here or received.

    `told` are the messages that tell the recipients of it, one for each grant issued here; `peer` is the node
    that told it of a grant received here, or not known here yet.
    """

    exception_id: str
    grants: tuple[str, ...] = field(default=())
    told: tuple[bytes, ...] = field(default=())
    peer: bytes = b""
