"""The recipient's side: what is withdrawn here, or has expired here, is locked at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.audit.alarms import raise_alarm
from iars_node.consent import endings, onward_store, overtaken
from iars_node.consent import store as consent_store
from iars_node.consent.ended import WHOLE, EndedPart, parts_of
from iars_node.db import new_id
from iars_node.errors import RefusedError
from iars_node.exchange.messages import own_key
from iars_node.exchange.model import Handler
from iars_node.jobs.service import cancel, schedule
from iars_node.peers import store as peer_store
from iars_node.referrals import store as referral_store
from iars_node.referrals.service.ending import End, note_ended
from iars_node.referrals.service.withholding import withhold_ended
from iars_node.vault.identity import identity_of, seconds
from iars_node.withdrawals import store
from iars_node.withdrawals.model import DESTROY_JOB, EXPIRE_JOB, HELD, PAUSED, Ending, Part, Rules
from iars_node.withdrawals.service import holdings
from iars_node.withdrawals.service.asking import end_grants, end_telling_back
from iars_node.work import SYSTEM
from iars_protocol.consent import Withdrawal, verify_issued
from iars_protocol.errors import MalformedError
from iars_protocol.messages.consent import Withdraw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iars_node.consent.model import KeptGrant
    from iars_node.exchange.model import Incoming
    from iars_node.jobs.model import Job
    from iars_node.peers.model import Peer
    from iars_node.withdrawals.model import Cause
    from iars_node.work import Work

LOOK_EVERY = timedelta(seconds=5)
AT_ONCE = 200
A_DAY = timedelta(days=1)


class Obedience:
    """What a withdrawal that arrives, and the clock, do here, by this node's rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def handler(self) -> Handler:
        """Return what a withdrawal does when it arrives."""
        return Handler(
            apply=self._apply,
            part_keys=lambda work, incoming: ((own_key(work),),) * len(incoming.message.parts),
        )

    def _apply(self, work: Work, incoming: Incoming) -> None:
        body = incoming.content.body
        if not isinstance(body, Withdraw):
            raise MalformedError("a withdrawal has another form")
        issuer = _issuer(work, incoming.peer, body)
        said = verify_issued(body.withdrawal, issuer.history, at=seconds(work.now))
        if not isinstance(said, Withdrawal):
            raise MalformedError("a withdrawal is expected")
        self.obey(work, issuer, said)

    def obey(self, work: Work, issuer: Peer, said: Withdrawal) -> None:
        """Lock what a verified withdrawal ends, remember what is not known, pass it down the chain."""
        parts = parts_of(said.scopes, said.purposes)
        ended: list[KeptGrant] = []
        for grant_id in said.grants:
            kept = consent_store.find_grant(work.connection, grant_id)
            if kept is None or kept.direction != "in" or kept.peer != issuer.node_id:
                # Another issuer's grant is not this one's to end; what is not known yet may still come.
                endings.remember_withdrawn(work, "grant", grant_id, issuer.node_id, parts)
                self._answer_unknown(work, issuer, said, grant_id)
                continue
            ended.append(kept)
            if store.ending_for(work.connection, kept.id, "withdrawal", said.id) is None:
                self._end(work, kept, "withdrawal", parts, said)
        for onward_id in said.onward:
            endings.remember_withdrawn(work, "onward", onward_id, issuer.node_id, parts)
        # What this node itself still had to write back under it stays here too.
        found = [consent_store.find_grant(work.connection, kept.id) for kept in ended]
        withhold_ended(work, {kept.id: kept for kept in found if kept is not None})
        _pass_on(work, issuer, ended, said)

    def _answer_unknown(self, work: Work, issuer: Peer, said: Withdrawal, grant_id: str) -> None:
        if store.ending_for(work.connection, grant_id, "withdrawal", said.id) is None:
            new = _ending(work, grant_id, issuer.node_id, "withdrawal", (WHOLE,), said, work.now)
            store.add_ending(work.connection, new)
            schedule(work, DESTROY_JOB, work.now, new.id)

    def _end(
        self,
        work: Work,
        kept: KeptGrant,
        cause: Cause,
        parts: Sequence[EndedPart],
        said: Withdrawal | None = None,
    ) -> None:
        due = work.now + (self._rules.hold if said else self._rules.grace)
        new = _ending(work, kept.id, kept.peer, cause, tuple(parts), said, due)
        store.add_ending(work.connection, new)
        if said is not None:
            overtaken.note(work, "grant", kept.id, kept.ended)
            endings.end_grants(work, [kept], parts, work.now)
            end = End(parts, said.by)
            received = referral_store.under_grants(work.connection, [kept.id])
            note_ended(work, received, end.parts, end.step, kept.peer.hex())
        held = holdings.ended_holdings(work, kept.id, parts)
        # What is kept on a ground since an earlier ending stays readable until the ground ends.
        grounds = {each.scope for each in store.retentions_of_grant(work.connection, kept.id, work.now)}
        holdings.lock(work, holdings.ended_holdings(work, kept.id, parts, but=grounds) if grounds else held)
        audit.record(
            work,
            _action(said),
            subject=kept.id,
            case_id=kept.case_id,
            peer_id=kept.peer.hex(),
            scopes=holdings.scopes_of(held),
        )
        schedule(work, DESTROY_JOB, due, new.id)
        if said is not None:
            self._hold_back_a_flood(work, kept.peer)

    def _hold_back_a_flood(self, work: Work, peer: bytes) -> None:
        """Destroy nothing that one peer withdraws faster than people do, until an administrator has looked.

        A stolen key must not wipe the records of people in care. What it withdrew is locked all the same.
        """
        lately = store.withdrawals_since(work.connection, peer, work.now - A_DAY)
        if lately <= self._rules.peer_withdrawals_a_day:
            return
        for each in store.held_withdrawals(work.connection, peer, HELD):
            store.change_ending(work.connection, each.id, state=PAUSED)
            cancel(work, DESTROY_JOB, each.id)
        audit.record(work, "erasure.paused", peer_id=peer.hex(), detail={"count": lately})
        raise_alarm(work, "erasure.paused", peer.hex(), {"count": lately})

    def expire(self, work: Work, _job: Job) -> None:
        """Note what has run out: it is locked by the clock already, and destroyed after the grace."""
        for kept in endings.run_out(work.connection, work.now, AT_ONCE):
            endings.note_end(work.connection, [kept.id], work.now)
            # What was erased before its time, as after a rejection, was reported then.
            is_held = holdings.scopes_of(holdings.ended_holdings(work, kept.id, (WHOLE,)))
            if is_held and store.ending_for(work.connection, kept.id, "expiry", "") is None:
                self._end(work, kept, "expiry", (WHOLE,))
        schedule(work, EXPIRE_JOB, work.now + LOOK_EVERY)


def _issuer(work: Work, carrier: Peer, body: Withdraw) -> Peer:
    """Return the node that a withdrawal is from: whoever carries it, the issuer's signature counts."""
    controller = bytes.fromhex(body.withdrawal.content.controller)
    if controller == carrier.node_id:
        return carrier
    found = peer_store.find(work.connection, controller)
    if found is None or controller == identity_of(work.vault).node_id:
        raise RefusedError("Whose withdrawal this is is not known here.", "unknown-issuer")
    return found


def _ending(  # noqa: PLR0913, PLR0917 - an ending has these pieces
    work: Work,
    grant_id: str,
    peer: bytes,
    cause: Cause,
    parts: tuple[EndedPart, ...],
    said: Withdrawal | None,
    due: datetime,
) -> Ending:
    return Ending(
        id=new_id(),
        grant_id=grant_id,
        peer=peer,
        cause=cause,
        withdrawal_id=said.id if said else "",
        by=said.by if said else "other",
        parts=parts,
        locked_at=work.now,
        destroy_after=due,
        state=HELD,
        reported_at=None,
    )


def _action(said: Withdrawal | None) -> str:
    if said is None:
        return "consent.expired"
    return "consent.withdrawn" if said.by == "person" else "consent.revoked"


def _pass_on(work: Work, issuer: Peer, ended: Sequence[KeptGrant], said: Withdrawal) -> None:
    """End what this node itself passed on: under the permissions named, and of the same persons."""
    cases = {kept.case_id for kept in ended if kept.case_id}
    found = {kept.id: kept for kept in endings.passed_on(work.connection, cases)}
    # What was handed over was shared on without a permission: grants made of it end with it (SPEC § 7.10).
    handed = {kept.case_id for kept in ended if kept.case_id and _is_handover(work, kept)}
    found |= {kept.id: kept for kept in endings.issued_for(work.connection, handed)}
    theirs = onward_store.received_from(work.connection, said.onward, issuer.node_id)
    found |= {kept.id: kept for kept in endings.issued_under(work.connection, theirs)}
    for kept in endings.issued_under(work.connection, set(said.onward) - theirs):
        if kept.id in found or _is_from(work, kept.case_id, issuer):
            found[kept.id] = kept
    if found:
        # The node itself passes it on: the peer whose message arrived has no rights here.
        own = replace(work, actor=SYSTEM)
        part = Part(said.scopes, said.purposes)
        end_grants(own, list(found.values()), part, said.by)
        end_telling_back(own, found, part, said.by)


def _is_handover(work: Work, kept: KeptGrant) -> bool:
    return kept.id in referral_store.handed_over_grants(work.connection, kept.case_id)


def _is_from(work: Work, case_id: str, issuer: Peer) -> bool:
    # Whoever was shown an onward permission knows its id; only its origin ends what stands under it.
    received = consent_store.grants_of_case(work.connection, case_id)
    return any(kept.direction == "in" and kept.peer == issuer.node_id for kept in received)
