"""Messages between two nodes about themselves (SPEC § 10.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from iars_protocol import fields
from iars_protocol.errors import MalformedError
from iars_protocol.listing import MAX_LISTING
from iars_protocol.messages.registry import Body, checked, message

MOST_STREAMS = 1_000


@dataclass(frozen=True, slots=True)
class StreamHead:
    """How far one stream is known: its id, the highest number, and the id of the message there."""

    stream: bytes
    number: int
    message: bytes


def _heads(value: object) -> tuple[list[object], ...]:
    entries = fields.typed(value, list, "streams")
    if len(entries) > MOST_STREAMS:
        raise MalformedError("too many streams")
    for entry in entries:
        read_head(entry)
    return tuple(entries)


def read_head(entry: object) -> StreamHead:
    """Read [stream, number, message id], or raise MalformedError."""
    pieces = fields.typed(entry, list, "stream")
    if len(pieces) != 3:  # noqa: PLR2004 - stream, number, message
        raise MalformedError("a stream's head has three pieces")
    return StreamHead(
        fields.octets(pieces[0], 16, "stream"),
        fields.number(pieces[1], "number"),
        pieces[2] if pieces[2] == b"" else fields.octets(pieces[2], 32, "message"),
    )


def _flag(value: object) -> bool:
    return fields.typed(value, bool, "a flag")


def _listing(value: object) -> bytes:
    octets = fields.typed(value, bytes, "listing")
    if len(octets) > MAX_LISTING:
        raise MalformedError("the listing is too long")
    return octets


def _returned(value: object) -> tuple[list[bytes], ...]:
    entries = fields.typed(value, list, "returned")
    for entry in entries:
        pieces = fields.typed(entry, list, "returned")
        if len(pieces) != 2:  # noqa: PLR2004 - message and receipt
            raise MalformedError("a returned message comes with its receipt")
        for piece in pieces:
            fields.typed(piece, bytes, "returned")
    return tuple(entries)


@message("listing.announce/1")
@dataclass(frozen=True, slots=True)
class AnnounceListing(Body):
    """Present a newer listing, with the key history that proves it."""

    carries_scopes: ClassVar[bool] = False
    listing: bytes = checked(_listing)


@message("stream.resync/1")
@dataclass(frozen=True, slots=True)
class ResyncStreams(Body):
    """Say how far each stream is known here, after a restore or a gap.

    `received` are the heads of the recipient's streams that the author has applied, `sent` those of the
    author's own streams that it remembers; `asks` wants the same in answer; `returned` gives back
    messages of either side that the recipient has lost, each as [inner message, signed receipt], in the
    order in which the author came to have them (no receipt: it never reached the author); `more` says that
    further answers follow.
    """

    carries_scopes: ClassVar[bool] = False
    asks: bool = checked(_flag)
    received: tuple[list[object], ...] = checked(_heads, default=())
    sent: tuple[list[object], ...] = checked(_heads, default=())
    returned: tuple[list[bytes], ...] = checked(_returned, default=())
    more: bool = checked(_flag, default=False)
