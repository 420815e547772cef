"""The origin's side: one action ends sharing, tells every recipient, and runs the deadline."""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.audit.alarms import raise_alarm
from iars_node.consent import endings, onward_store, versions
from iars_node.consent import store as consent_store
from iars_node.consent.closing import close, close_parts
from iars_node.consent.ended import joined, parts_of, told_back
from iars_node.consent.model import PERMITTING
from iars_node.consent.onward import left_of
from iars_node.consent.onward_model import reaches_beyond
from iars_node.db import new_id
from iars_node.errors import ConflictError, InvalidError, NotFoundError
from iars_node.exchange.messages import own_key
from iars_node.exchange.model import FIRST, Draft
from iars_node.exchange.queueing import queue_many
from iars_node.exchange.restoring import awaited
from iars_node.jobs.service import schedule
from iars_node.peers import store as peer_store
from iars_node.referrals.service import ending as referrals
from iars_node.vault.identity import identity_of, seconds
from iars_node.withdrawals import store
from iars_node.withdrawals.model import (
    DEADLINE,
    MESSAGE_LIFE,
    WAITING,
    WATCH_JOB,
    By,
    Notice,
    Part,
    TellingBackEnded,
)
from iars_protocol.consent import Signed, Withdrawal, sign
from iars_protocol.content import Content
from iars_protocol.messages.consent import Withdraw
from iars_protocol.vocabulary import PURPOSES, SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iars_node.consent.model import Consent, IssuedGrant
    from iars_node.consent.onward_model import KeptPermission
    from iars_node.jobs.model import Job
    from iars_node.peers.model import Peer
    from iars_node.work import Work

WATCH_EVERY = timedelta(minutes=1)
AT_ONCE = 200

WHOLE = Part()


def withdraw(
    work: Work, consent_ids: Sequence[str], part: Part = WHOLE, *, by: By = "person"
) -> list[Notice]:
    """End consents, whole or in part, and tell everybody who received something under any of their versions.

    The id of an older version stands for the newest one. No reason is asked. `by` tells the person's own
    withdrawal from a revocation by anybody else. What was withdrawn before is not asked again; the notices of
    both times are returned.
    """
    require(work.actor, "consent.withdraw")
    _check(part)
    chains = dict.fromkeys(versions.lock_newest(work.connection, each) for each in sorted(consent_ids))
    given = {chain: _consent(work, chain[0]) for chain in chains}
    parts = parts_of(part.scopes, part.purposes, part.recipients)
    before = [notice for chain in chains for notice in store.notices_of_consent(work.connection, chain)]
    told: list[IssuedGrant] = []
    for chain, each in given.items():
        if not _is_running(each):
            continue
        if part.is_whole:
            close(work, each, "withdraw" if by == "person" else "revoke", by)
        else:
            close_parts(work, each, parts, by)
        audit.record(
            work,
            f"consent.{_STATES[by]}",
            subject=each.id,
            case_id=each.case_id,
            scopes=part.scopes,
            purpose=",".join(part.purposes),
            detail={} if part.is_whole else {"part": "yes"},
        )
        told += _told(work, chain, part)
    fresh = end_grants(work, told, replace(part, recipients=()), by)
    end_telling_back(work, [kept.id for kept in told], part, by)
    if part.recipients:
        # Whoever is withdrawn may have it from others too, or get it from them.
        fresh += [notice for chain in given for notice in end_permissions_beyond(work, chain, by)]
    return [*before, *sorted(fresh, key=lambda notice: notice.id)]


def end_telling_back(work: Work, grant_ids: Iterable[str], part: Part, by: By = "person") -> None:
    """End, for the scopes that a part names, what recipients of some grants may tell back of them."""
    if parts := told_back(part.scopes, part.purposes):
        work.announce(TellingBackEnded(tuple(grant_ids), parts, by))


_STATES: Mapping[By, str] = {"person": "withdrawn", "other": "revoked"}


def _check(part: Part) -> None:
    faults = {}
    if not set(part.scopes) <= SCOPES.keys():
        faults["scopes"] = f"accepted: {', '.join(SCOPES)}"
    if not set(part.purposes) <= PURPOSES.keys():
        faults["purposes"] = f"accepted: {', '.join(PURPOSES)}"
    if faults:
        raise InvalidError("What is withdrawn can't be read; nothing was changed.", faults)


def _consent(work: Work, consent_id: str) -> Consent:
    found = consent_store.find(work.connection, work.vault, consent_id)
    if found is None:
        raise NotFoundError("There is no consent of this id.")
    if not _is_running(found) and found.state not in _STATES.values():
        raise ConflictError(f"This consent is {found.state}; there is nothing to withdraw.")
    return found


def _is_running(given: Consent) -> bool:
    # Also past its end: recipients still hold what they received until their grace is over.
    return given.state in (*PERMITTING, "expired")


def _told(work: Work, chain: Sequence[str], part: Part) -> list[IssuedGrant]:
    found = grants_under(work, chain)
    return [kept for kept in found if not part.recipients or kept.peer.hex() in part.recipients]


def grants_under(work: Work, chain: Sequence[str]) -> list[IssuedGrant]:
    """Return what was issued under any version of a consent, as its newest one: a recipient is told once."""
    found = endings.issued_grants(work.connection, chain)
    return [replace(kept, consent_id=chain[0]) for kept in found]


def end_grants(work: Work, told: Sequence[IssuedGrant], part: Part, by: By) -> list[Notice]:
    """End grants that this node issued, cancel what was not accepted yet, and queue the withdrawals."""
    parts = parts_of(part.scopes, part.purposes)
    fresh = [kept for kept in told if not set(parts) <= set(kept.ended)]
    if not fresh:
        return []
    endings.end_grants(work, fresh, parts, work.now)
    ended = [replace(kept, ended=joined(kept.ended, parts)) for kept in fresh]
    # One withdrawal for each recipient and consent: nobody learns what else was shared with others.
    by_place: dict[tuple[bytes, str], list[IssuedGrant]] = defaultdict(list)
    for kept in ended:
        by_place[kept.peer, kept.consent_id].append(kept)
    peers = {peer for peer, _consent_id in by_place}
    peer_store.lock_many(work.connection, peers)
    told_now = who_can_be_told(work, peers)
    referrals.end_sharing(work, ended, told_now, referrals.End(parts, by))
    signing = identity_of(work.vault).signing
    given = onward_store.given_with(work.connection, [kept.id for kept in ended])
    if part.is_whole:
        onward_store.end_permissions(
            work.connection, [each for ids in given.values() for each in ids], work.now
        )
    notices = []
    for (peer, _consent_id), grants in sorted(by_place.items()):
        onward = tuple(each for kept in grants for each in given.get(kept.id, ()))
        said = _withdrawal(work, part, by, tuple(kept.id for kept in grants), onward)
        notices.append(_notice(work, peer, grants[0], said, sign(said, signing)))
    sent = queue_notices(work, notices, told_now)
    notices = [replace(each, message=sent.get(each.id, b"")) for each in notices]
    store.add_notices(work.connection, notices)
    audit.record_many(
        work,
        [
            audit.Entry(
                "erasure.asked",
                subject=each.id,
                case_id=each.case_id,
                peer_id=each.peer.hex(),
                scopes=each.scopes,
                detail={"by": each.by},
            )
            for each in notices
        ],
    )
    return notices


def end_permissions_beyond(work: Work, chain: Sequence[str], by: By) -> list[Notice]:
    """End what was given under a consent's versions and reaches further than its newest one does by now."""
    newest = consent_store.find(work.connection, work.vault, chain[0])
    if newest is None:
        return []
    left = left_of(work, newest)
    return [
        end_permission(work, each, by)
        for each in onward_store.of_case(work.connection, newest.case_id)
        if each.way == "out"
        and each.ended_at is None
        and each.consent_id in chain
        and reaches_beyond(each.onward, left)
    ]


def end_permission(work: Work, found: KeptPermission, by: By) -> Notice:
    """End a permission to pass a person on, and tell its holder; its grant stands."""
    onward_store.end_permissions(work.connection, [found.id], work.now)
    peer_store.lock(work.connection, found.peer)
    said = _withdrawal(work, WHOLE, by, (), (found.id,))
    notice = _notice(work, found.peer, found, said, sign(said, identity_of(work.vault).signing))
    sent = queue_notices(work, [notice], who_can_be_told(work, {found.peer}))
    notice = replace(notice, message=sent.get(notice.id, b""))
    store.add_notices(work.connection, [notice])
    audit.record(
        work,
        "erasure.asked",
        subject=notice.id,
        case_id=found.case_id,
        peer_id=found.peer.hex(),
        detail={"by": by, "onward": found.id},
    )
    return notice


def _withdrawal(
    work: Work, part: Part, by: By, grants: tuple[str, ...], onward: tuple[str, ...]
) -> Withdrawal:
    return Withdrawal(
        id=new_id(),
        controller=identity_of(work.vault).node_text,
        created=seconds(work.now),
        grants=grants,
        onward=onward,
        scopes=part.scopes,
        purposes=part.purposes,
        by=by,
    )


def _notice(
    work: Work, peer: bytes, about: IssuedGrant | KeptPermission, said: Withdrawal, signed: Signed
) -> Notice:
    return Notice(
        id=said.id,
        consent_id=about.consent_id,
        case_id=about.case_id,
        peer=peer,
        grants=said.grants,
        scopes=said.scopes,
        purposes=said.purposes,
        by=said.by,
        signed=signed.to_line(),
        asked_at=work.now,
        deadline_at=work.now + DEADLINE,
        message=b"",
        answered_at=None,
        overdue_at=None,
        outcome=WAITING,
    )


def who_can_be_told(work: Work, node_ids: Iterable[bytes]) -> dict[bytes, Peer]:
    """Return the peers for which something may be signed now."""
    silent = awaited(work)
    known = peer_store.find_many(work.connection, node_ids)
    return {
        node_id: peer
        for node_id, peer in known.items()
        if node_id not in silent and peer.is_exchanged_with and _is_sealable(work, peer)
    }


def _is_sealable(work: Work, peer: Peer) -> bool:
    newest = next(reversed(peer.history.encryption.values()))
    return newest.destroy_after > seconds(work.now)


def queue_notices(work: Work, notices: Sequence[Notice], told: Mapping[bytes, Peer]) -> dict[str, bytes]:
    """Queue withdrawals for the peers that can be told now; return their messages by withdrawal."""
    key = ((own_key(work),),)
    now = [each for each in notices if each.peer in told]
    drafts = [
        Draft(
            told[each.peer],
            # A thread of its own: a withdrawal never waits behind anything.
            secrets.token_bytes(16),
            Content(Withdraw(tuple(Signed.from_line(each.signed).to_plain()))),
            key,
            work.now + MESSAGE_LIFE,
            precedence=FIRST,
        )
        for each in now
    ]
    queued = queue_many(work, drafts)
    return {each.id: message.id for each, message in zip(now, queued, strict=True)}


def watch(work: Work, _job: Job) -> None:
    """Queue what could not be queued before; escalate every silence that has lasted too long."""
    unsent = store.unsent_notices(work.connection, AT_ONCE)
    told = who_can_be_told(work, {each.peer for each in unsent})
    for withdrawal_id, message in queue_notices(work, unsent, told).items():
        store.change_notice(work.connection, withdrawal_id, message=message)
    for each in store.silent_notices(work.connection, work.now, AT_ONCE):
        store.change_notice(work.connection, each.id, overdue_at=work.now)
        audit.record(
            work,
            "erasure.overdue",
            subject=each.id,
            case_id=each.case_id,
            peer_id=each.peer.hex(),
        )
        raise_alarm(work, "erasure.overdue", each.id, {"peer": each.peer.hex()})
    schedule(work, WATCH_JOB, work.now + WATCH_EVERY)
