"""Opening envelopes: everything that is checked before the database is asked.

Until the inner signature verifies there is one uniform answer for every failure: an attacker who sends
altered envelopes learns nothing from which check they fail. Public hints say only what anyone could know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.vault.identity import identity_of, seconds
from iars_protocol.batch import CLOCK, REFUSED, UNKNOWN_RECIPIENT_KEY
from iars_protocol.content import Content, is_withheld, read_content
from iars_protocol.envelope import (
    CLOCK_TOLERANCE,
    Header,
    Message,
    check_inner,
    open_envelope,
    read_outer,
)
from iars_protocol.errors import ProtocolError
from iars_protocol.returned import verify_inner

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.peers.model import Peer
    from iars_node.vault.vault import Vault

WITHHELD = "withheld"
"""Why a message is refused of which nothing was to leave any more but its header (SPEC § 5.7)."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A message whose author is certain. `fault` is set where its content can't be read."""

    message: Message
    header: Header
    content: Content | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Unopened:
    """An envelope that gets no signed answer: the public hint, and the cause for the audit log."""

    hint: str
    cause: str


def open_one(vault: Vault, peer: Peer, envelope: bytes, now: datetime) -> Opened | Unopened:
    """Open an envelope from a peer and verify who signed it."""
    identity = identity_of(vault)
    try:
        outer = read_outer(envelope)
        key = identity.encryption.get(outer.sealing_key)
        if key is None and outer.recipient == identity.node_id:
            return Unopened(UNKNOWN_RECIPIENT_KEY, UNKNOWN_RECIPIENT_KEY)
        if key is None:
            return Unopened(REFUSED, "wrong-recipient")
        message = verify_inner(open_envelope(outer, identity.node_id, key), peer.history, at=seconds(now))
        header = message.header
        check_inner(header, outer)
    except ProtocolError as error:
        return Unopened(REFUSED, error.code)
    if header.created > seconds(now) + CLOCK_TOLERANCE:
        return Unopened(CLOCK, CLOCK)
    return _read(message, header)


def _read(message: Message, header: Header) -> Opened:
    if is_withheld(message):
        # The header alone keeps its place.
        return Opened(message, header, None, WITHHELD)
    try:
        return Opened(message, header, read_content(message))
    except ProtocolError as error:
        return Opened(message, header, None, error.code)
