"""What this node holds under a grant, and which of it has ended: the one place that decides it.

Of a received grant that is what came with its referrals; of one that was issued here, what its recipient told
back. A part stands under the keys of its referral's messages, and under those of the case that it was put
into. A scope of a case ends when it has ended for every referral that brought it there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.referrals import store as referral_store
from iars_node.referrals.service.disclosing import MESSAGE_SCOPE
from iars_node.vault.content_keys import find_keys, forget_keys
from iars_protocol.vocabulary import SCOPES, SERVICES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from iars_node.consent.ended import EndedPart
    from iars_node.referrals.model import Referral
    from iars_node.work import Work


@dataclass(frozen=True, slots=True)
class Holdings:
    """What has ended of a grant: the scopes of each case, and the message keys with their scopes."""

    grant_id: str
    cases: dict[str, frozenset[str]]
    messages: dict[bytes, str]


def ended_holdings(
    work: Work, grant_id: str, parts: Sequence[EndedPart], *, but: Collection[str] = ()
) -> Holdings:
    """Return what is held under a grant and has ended, without the scopes that are kept in the case."""
    messages: dict[bytes, str] = {}
    standing: dict[str, set[str]] = {}
    for current in referral_store.under_grants(work.connection, [grant_id]):
        touched = _touched(current, parts)
        messages |= {
            key.key_id: key.scope
            for key in find_keys(work.connection, "referral", current.id)
            if key.source == grant_id and key.scope != MESSAGE_SCOPE and key.scope in touched
        }
        if current.case_id:
            standing.setdefault(current.case_id, set()).update(SCOPES.keys() - touched)
    found = {
        case_id: frozenset(cases.content_keys(work, case_id, grant_id)) - left - set(but)
        for case_id, left in standing.items()
    }
    return Holdings(grant_id, found, messages)


def _touched(current: Referral, parts: Sequence[EndedPart]) -> frozenset[str]:
    purpose = SERVICES[current.service].purpose
    return frozenset(
        scope for scope in SCOPES if any(part.touches(scope=scope, purpose=purpose) for part in parts)
    )


def lock(work: Work, held: Holdings) -> None:
    """Lock what has ended: from this transaction on nobody reads, finds or discloses it."""
    for case_id, scopes in held.cases.items():
        cases.lock_content(work, case_id, held.grant_id, scopes)


def destroy(work: Work, held: Holdings) -> set[str]:
    """Destroy the keys of what has ended; return the scopes of which something was held."""
    scopes = set(held.messages.values())
    work.vault.erase_content_keys(held.messages, at=work.now)
    forget_keys(work.connection, held.messages)
    for case_id, ended in held.cases.items():
        if ended:
            cases.erase_content(work, case_id, held.grant_id, ended)
            scopes |= ended
    return scopes


def scopes_of(held: Holdings) -> set[str]:
    """Return the scopes of which something is held."""
    return set(held.messages.values()).union(*held.cases.values())
