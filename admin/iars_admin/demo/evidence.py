"""What the journey leaves as evidence: letters with their sizes and receipts, and both sides' histories."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iars_node.db import EPOCH
from iars_node.exchange import messages
from iars_node.exchange.model import OUT
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.vault.identity import seconds
from iars_protocol.envelope import seal_envelope

if TYPE_CHECKING:
    from iars_admin.demo.organisation import Organisation
    from iars_node.exchange.model import Proof
    from iars_node.peers.model import Peer
    from iars_node.work import Work


@dataclass(frozen=True, slots=True)
class Letter:
    """One signed message: who wrote it, how large it travelled, and what the other side answered."""

    id: str
    type: str
    author: str
    size: int
    written_at: datetime
    issuer: str
    outcome: str
    receipted_at: datetime | None

    @property
    def kind(self) -> str:
        """The message's type in a word."""
        return self.type.partition("/")[0].partition(".")[2].replace("entered-in-error", "mistake")


def letters(author: Organisation, other: Organisation, referral_id: str) -> list[Letter]:
    """Return what one side wrote in a referral's thread, in its order."""
    with author.look() as work:
        peer = peers.get(work, other.node_id)
        thread = referrals.get(work, referral_id).thread
        return [
            _letter(work, proof, peer, author, other)
            for proof in messages.proofs(work, thread)
            if proof.direction == OUT
        ]


def _letter(work: Work, proof: Proof, peer: Peer, author: Organisation, other: Organisation) -> Letter:
    receipt = proof.outcome
    is_others = receipt is not None and receipt.issuer == other.node_id
    return Letter(
        id=proof.message.hex(),
        type=proof.type,
        author=author.part.key,
        size=_size(work, proof, peer),
        written_at=proof.recorded_at,
        issuer=other.part.key if is_others else "",
        outcome="" if receipt is None else receipt.outcome,
        receipted_at=None if receipt is None else EPOCH + timedelta(seconds=receipt.at),
    )


def _size(work: Work, proof: Proof, peer: Peer) -> int:
    """Return the size of the envelope: sealing the kept message again gives as many bytes."""
    kept = messages.load(work.connection, work.vault, proof.message)
    if kept is None:
        return 0
    key = peer.history.sealing_key(at=seconds(work.now))
    return len(seal_envelope(kept.to_bytes(), peer.node_id, key))
