"""After a restore: our own withdrawals and reports, given back by those who received them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.consent import endings, onward_store, versions
from iars_node.consent import store as consent_store
from iars_node.consent.closing import close, close_parts
from iars_node.consent.ended import parts_of
from iars_node.consent.model import PERMITTING
from iars_node.db import EPOCH
from iars_node.exchange import messages, streams
from iars_node.exchange.model import OUT
from iars_node.vault.identity import identity_of
from iars_node.withdrawals import store
from iars_node.withdrawals.model import DEADLINE, WAITING, Notice
from iars_node.withdrawals.service import proving
from iars_protocol.consent import Withdrawal
from iars_protocol.errors import MalformedError
from iars_protocol.messages.consent import ErasureReport, Withdraw
from iars_protocol.messages.proof import ErasureProof

if TYPE_CHECKING:
    from iars_node.consent.model import KeptGrant
    from iars_node.exchange.returning import Recover
    from iars_node.peers.model import Peer
    from iars_node.work import Work
    from iars_protocol.content import Content
    from iars_protocol.envelope import Message


def recoveries() -> dict[str, Recover]:
    """Return how each of our own messages about the end of consent is taken back."""
    return {
        Withdraw.type: recover_withdrawal,
        ErasureReport.type: recover_report,
        ErasureProof.type: recover_proof,
    }


def recover_report(work: Work, peer: Peer, message: Message, _content: Content) -> None:
    """Take back a statement of ours: what it says was erased stays erased by the key store's own ledger."""
    _keep(work, peer, message)
    proving.promise(work, message.id)


def recover_proof(work: Work, peer: Peer, message: Message, _content: Content) -> None:
    """Take back a proof of ours; it is the peer's to keep."""
    _keep(work, peer, message)


def recover_withdrawal(work: Work, peer: Peer, message: Message, content: Content) -> None:
    """Take back a withdrawal that this node had asked for after its backup was made.

    What had been withdrawn towards one recipient is withdrawn towards all: the backup can't tell whether
    others were to keep it, and sharing too little can be mended.
    """
    body = content.body
    if not isinstance(body, Withdraw) or not isinstance(body.withdrawal.content, Withdrawal):
        raise MalformedError("a returned withdrawal has another form")
    said = body.withdrawal.content
    if store.find_notice(work.connection, said.id) is not None:
        return
    _keep(work, peer, message)
    parts = parts_of(said.scopes, said.purposes)
    found = [consent_store.find_grant(work.connection, grant_id) for grant_id in said.grants]
    known = [kept for kept in found if kept is not None and kept.direction == OUT]
    endings.end_grants(work, known, parts, work.now)
    for kept in known:
        _end_consent(work, kept, said)
    if said.is_whole:
        onward_store.end_permissions(work.connection, said.onward, work.now)
    store.add_notices(work.connection, [_notice(peer, message, body, said, known)])


def _end_consent(work: Work, kept: KeptGrant, said: Withdrawal) -> None:
    newest = versions.versions_of(work.connection, kept.consent_id)[0]
    given = consent_store.find(work.connection, work.vault, newest)
    if given is None or given.state not in (*PERMITTING, "expired"):
        return
    if said.is_whole:
        close(work, given, "withdraw" if said.by == "person" else "revoke", said.by)
        return
    parts = parts_of(said.scopes, said.purposes)
    if not set(parts) <= set(given.ended):
        close_parts(work, given, parts, said.by)


def _notice(peer: Peer, message: Message, body: Withdraw, said: Withdrawal, known: list[KeptGrant]) -> Notice:
    asked = EPOCH + timedelta(seconds=said.created)
    return Notice(
        id=said.id,
        consent_id=known[0].consent_id if known else "",
        case_id=known[0].case_id if known else "",
        peer=peer.node_id,
        grants=said.grants,
        scopes=said.scopes,
        purposes=said.purposes,
        by=said.by,
        signed=body.withdrawal.to_line(),
        asked_at=asked,
        deadline_at=asked + DEADLINE,
        message=message.id,
        answered_at=None,
        overdue_at=None,
        outcome=WAITING,
    )


def _keep(work: Work, peer: Peer, message: Message) -> None:
    keys = ((messages.own_key(work),),) * len(message.parts)
    messages.keep(work, message, direction=OUT, peer=peer.node_id, part_keys=keys)
    messages.set_head(work, message.header.thread, identity_of(work.vault).node_id, message.id)
    streams.remember_out(work, peer.node_id, message.header.stream, message.header.number, message.id)
