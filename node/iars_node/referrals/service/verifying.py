"""Holding a thread against its proofs, and two sides' copies against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.exchange import messages
from iars_node.exchange.model import OUT, Proof
from iars_node.peers.service import get as get_peer
from iars_node.referrals import store
from iars_node.referrals.model import replay
from iars_node.referrals.service import steps
from iars_node.vault.identity import identity_of
from iars_protocol.crypto import verify
from iars_protocol.envelope import SIGN_PURPOSE, read_header
from iars_protocol.errors import ProtocolError
from iars_protocol.keys import ANY_TIME
from iars_protocol.receipt import verify_receipt

if TYPE_CHECKING:
    from iars_node.work import Work
    from iars_protocol.keys import KeyHistory


@dataclass(frozen=True, slots=True)
class History:
    """A thread as one side can show it: each author's chain of messages, the state, every fault found."""

    referral_id: str
    state: str
    chains: dict[str, tuple[str, ...]]
    receipts: dict[str, str]
    faults: tuple[str, ...]


def history(work: Work, referral_id: str) -> History:
    """Verify a thread's signatures, chains, receipts and state from this node's own evidence."""
    current = steps.get(work, referral_id)
    own = identity_of(work.vault).history
    theirs = get_peer(work, current.peer).history
    proofs = messages.proofs(work, current.thread)
    faults: list[str] = []
    for proof in proofs:
        author, issuer = (own, theirs) if proof.direction == OUT else (theirs, own)
        faults += _faults_of(proof, author, issuer)
    chains = {author.node_id.hex(): _chain(proofs, author.node_id, faults) for author in (own, theirs)}
    if replay(store.steps(work.connection, current.id)) != current.state:
        faults.append("state-differs-from-its-steps")
    receipts = {
        proof.message.hex(): proof.receipt.body.hex() for proof in proofs if proof.receipt is not None
    }
    return History(current.id, current.state, chains, receipts, tuple(faults))


def _faults_of(proof: Proof, author: KeyHistory, issuer: KeyHistory) -> list[str]:
    found = []
    name = proof.message.hex()[:16]
    header = read_header(proof.header_bytes)
    try:
        public = author.signing_public(header.signing_key, at=ANY_TIME)
        verify(public, SIGN_PURPOSE, proof.header_bytes, proof.signature)
    except ProtocolError as error:
        found.append(f"{name}: {error.code}")
    if proof.receipt is not None:
        try:
            verify_receipt(proof.receipt, issuer, message=proof.message, at=ANY_TIME)
        except ProtocolError as error:
            found.append(f"{name}: receipt-{error.code}")
    return found


def _chain(proofs: list[Proof], author: bytes, faults: list[str]) -> tuple[str, ...]:
    """Return an author's applied messages, each naming the one before it."""
    applied = [
        proof
        for proof in proofs
        if proof.author == author and not (proof.outcome is not None and proof.outcome.outcome == "refused")
    ]
    following = {proof.previous: proof for proof in applied}
    chain: list[str] = []
    previous = b""
    while (proof := following.pop(previous, None)) is not None:
        chain.append(proof.message.hex())
        previous = proof.message
    if following:
        faults.append("chain-broken")
    return tuple(chain)


def differences(ours: History, theirs: History) -> list[str]:
    """Compare two sides' copies of one thread: the same messages in the same order, the same receipts."""
    found = [*ours.faults, *theirs.faults]
    if ours.state != theirs.state:
        found.append(f"states differ: {ours.state}, {theirs.state}")
    if ours.chains != theirs.chains:
        found.append("chains differ")
    found += [
        f"{message[:16]}: receipts differ"
        for message, receipt in ours.receipts.items()
        if theirs.receipts.get(message, receipt) != receipt
    ]
    return found
