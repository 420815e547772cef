"""What a node's own people could not send: any message, any signed statement; and what was answered."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.federation.endings import GRACE

from iars_node.db import new_id
from iars_node.exchange.messages import own_key, stored_receipt
from iars_node.exchange.model import FIRST, Draft
from iars_node.exchange.outbox import queue
from iars_node.peers import service as peers
from iars_node.vault.identity import identity_of, seconds
from iars_node.work import SYSTEM
from iars_protocol.consent import Withdrawal, sign
from iars_protocol.content import Content
from iars_protocol.messages.consent import Withdraw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.federation.neighbours import Neighbour

    from iars_protocol.consent import Signed
    from iars_protocol.messages.registry import Body


def say(side: Neighbour, to: Neighbour, body: Body) -> bytes:
    """Send a message that a node's own people could not send."""
    with side.node.works.write(SYSTEM) as work:
        peer = peers.get(work, to.id)
        draft = Draft(
            peer,
            secrets.token_bytes(16),
            Content(body),
            ((own_key(work),),),
            work.now + GRACE,
            precedence=FIRST,
        )
        return queue(work, draft).id


def answer_to(side: Neighbour, message: bytes) -> str:
    """Return the other side's answer to a message: its code."""
    with side.node.works.read(SYSTEM) as work:
        found = stored_receipt(work.connection, message)
    assert found is not None
    return found.receipt.code


def withdrawal_by(side: Neighbour, signer: Neighbour, grants: Iterable[str], **changes: object) -> Signed:
    """Sign a withdrawal that names one node and is signed by another, or by the same."""
    with side.node.works.read(SYSTEM) as work:
        plain = Withdrawal(new_id(), side.id.hex(), seconds(work.now), grants=tuple(grants))
    return sign(replace(plain, **changes), identity_of(signer.node.vault).signing)  # type: ignore[arg-type]


def carried(signed: Signed) -> Withdraw:
    return Withdraw(tuple(signed.to_plain()))


def grant_of(side: Neighbour, referral_id: str) -> str:
    return side.referral(referral_id).grant_id
